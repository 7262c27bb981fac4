"""Races of one store: what is found, what is not, and what is said about it."""

import asyncio
import re
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from itertools import count
from math import inf
from typing import Any

import pytest
from hypothesis import strategies as st

from conformance import Harness
from conformance.backends.memory import MemoryHarness
from conformance.backends.redis import RedisHarness
from conformance.commands import main
from conformance.compare import WHOLE, Operation, earlier_ids
from conformance.engine.finding import Coverage
from conformance.engine.group import Group
from conformance.engine.orders.network import arena_of
from conformance.engine.orders.schedule import Play, Request, explore
from conformance.engine.scenario import Race, Scenario
from conformance.guard import guarded
from conformance.tasks.calls import Id, cancel, create, update
from conformance.tasks.contract import TaskContract
from taskstore import MemoryTaskStore, Task, TaskFinal, TaskStatus
from taskstore.redis import RedisTaskStore
from tests.shelves import Harnessed

COST = {"cost": st.integers(1, 3)}
TAKE = [Operation("take", "take", {}, COST, writes=WHOLE), Operation("used", "used", reads=WHOLE)]
STOCK = [
    Operation("put", "put", {"stock": st.integers(1, 3)}, writes=WHOLE),
    Operation("buy", "buy", writes=WHOLE),
    Operation("left", "left", reads=WHOLE),
]
NEW = [
    Operation("new", "new", {"value": st.integers()}, writes=WHOLE, ids=WHOLE),
    Operation("get", "get", {"key": earlier_ids()}, reads="key"),
    Operation("keys", "keys", reads=WHOLE, ids=WHOLE),
]


class Limiter:
    """Gives out three in all; those below read, wait, and write."""

    operations: Sequence[Operation] = TAKE

    def __init__(self) -> None:
        self.taken = 0
        self.lock = asyncio.Lock()

    async def take(self, cost: int = 1) -> bool:
        return self.count(cost)

    def count(self, cost: int) -> bool:
        if self.taken + cost > 3:
            return False
        self.taken = self.taken + cost
        return True

    async def used(self) -> int:
        return self.taken


class LosesUpdates(Limiter):
    async def take(self, cost: int = 1) -> bool:
        taken = self.taken
        await asyncio.sleep(0)
        if taken + cost > 3:
            return False
        self.taken = taken + cost
        return True


class AdmitsTooMany(Limiter):
    async def take(self, cost: int = 1) -> bool:
        if self.taken + cost > 3:
            return False
        await asyncio.sleep(60)
        self.taken = self.taken + cost
        return True


class Oversells:
    """Sells more than there is, if two buy the last."""

    operations = STOCK

    def __init__(self) -> None:
        self.stock = 0

    async def put(self, stock: int) -> None:
        self.stock = stock

    async def buy(self) -> bool:
        if not self.stock:
            return False
        await asyncio.sleep(0)
        self.stock -= 1
        return True

    async def left(self) -> int:
        return self.stock


class Locked(LosesUpdates):
    async def take(self, cost: int = 1) -> bool:
        async with asyncio.timeout(5), self.lock:
            (taken,) = await asyncio.gather(super().take(cost))
            return taken


class WaitsForEver(Limiter):
    """Who comes second waits for a lock that nobody releases."""

    async def take(self, cost: int = 1) -> bool:
        if not self.lock.locked():
            await self.lock.acquire()
            await asyncio.sleep(0)
            self.lock = asyncio.Lock()
            return self.count(cost)
        async with self.lock:
            return self.count(cost)


class Ids:
    operations = NEW

    def __init__(self) -> None:
        self.kept: dict[str, int] = {}

    async def get(self, key: str) -> Any:
        return self.kept.get(key)

    async def new(self, value: int) -> str:
        await asyncio.sleep(0)
        key = f"entry-{len(self.kept)}-{id(self)}"
        self.kept[key] = value
        return key

    async def keys(self) -> list[str]:
        return [*self.kept]


class InThreads(Limiter):
    async def take(self, cost: int = 1) -> bool:
        return await asyncio.to_thread(self.count, cost)


class Synchronous(Limiter):
    take: Any = Limiter.count


class Draws(Limiter):
    drawn = count()

    async def used(self) -> int:
        return next(self.drawn)


WRONG = LosesUpdates, AdmitsTooMany, WaitsForEver, Oversells
RIGHT = Limiter, Locked, Ids
NOT_ORDERED = {InThreads: "outside the loop", Synchronous: "threads in memory", Draws: "something else each time"}
STORES: tuple[type[Any], ...] = (*WRONG, *RIGHT, *NOT_ORDERED)
globals().update({f"{store.__name__}Harness": partial(Harnessed, store, store.operations) for store in STORES})


def compared(capsys: pytest.CaptureFixture[str], store: type[Limiter], *options: str) -> tuple[int, str]:
    status = main(["compare", f"{__name__}:{store.__name__}Harness", *options])
    return status, capsys.readouterr().out


@pytest.mark.parametrize("store", WRONG)
def test_a_race_is_found_and_its_order_shows_it_again(store: type[Limiter], capsys: pytest.CaptureFixture[str]) -> None:
    status, out = compared(capsys, store)
    again = out.partition(" --only '")[2].partition("\n")[0]
    only, _, schedule = again.partition("' --schedule ")
    replayed, shown = compared(capsys, store, "--only", only, "--schedule", schedule)

    assert (status, replayed) == (1, 1)
    script, _, _ = out.partition(f"    # {store.__name__}Harness: ")
    assert shown.startswith(script)


@pytest.mark.parametrize("store", RIGHT)
def test_a_right_store_is_raced_in_every_order(store: type[Limiter], capsys: pytest.CaptureFixture[str]) -> None:
    status, out = compared(capsys, store)

    assert status == 0
    assert "raced: every order" in out


@pytest.mark.parametrize(("store", "reason"), NOT_ORDERED.items())
def test_what_is_not_ordered_is_said(store: type[Limiter], reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    status, out = compared(capsys, store)

    assert status == 6
    assert reason in out
    assert "every order" not in out


class Sent:
    """Callers that send the same requests in every play."""

    def __init__(self, *callers: str) -> None:
        self.callers = [caller.split(", ") for caller in callers]

    async def play(self, play: Play) -> "Sent":
        left = {label: [*texts] for label, texts in zip("ABC", self.callers, strict=False)}
        while any(left.values()):
            waiting = tuple(request(label, texts[0]) for label, texts in left.items() if texts)
            play.go_on(waiting)
            left[play.trace[-1].caller].pop(0)
        return self


def request(caller: str, text: str) -> Request:
    _, _, key = text.partition(" ")
    return Request(caller, text, frozenset({key} - {""}))


def explored(*callers: str, most: int = 1_000, most_switches: float = inf) -> tuple[list[Sent], str]:
    return asyncio.run(explore(Sent(*callers).play, most, most_switches))


@pytest.mark.parametrize(
    ("callers", "plays"),
    [
        (("GET k, SET k", "GET k, SET k"), 6),
        (("GET k, SET k", "GET j, SET j"), 1),
        (("SET k, SADD all", "SET j, SADD all"), 2),
        (("EVAL, EVAL", "EVAL, EVAL", "EVAL, EVAL"), 90),
    ],
)
def test_orders_that_differ_are_played_once(callers: tuple[str, ...], plays: int) -> None:
    played, cut = explored(*callers)

    assert not cut
    assert len(played) == plays


def test_orders_that_are_left_out_are_said() -> None:
    callers = "EVAL, EVAL, EVAL", "EVAL, EVAL, EVAL"

    assert explored(*callers, most=5)[1]
    assert not explored(*callers, most=20)[1]
    assert len(explored(*callers, most_switches=1)[0]) < 20


def test_a_replay_that_sends_other_requests_is_said() -> None:
    class Changes(Sent):
        async def play(self, play: Play) -> Sent:
            await super().play(play)
            self.callers[0] = ["DEL k", "GET k"]
            return self

    _, cut = asyncio.run(explore(Changes("SET k, GET k", "SET k").play, 100))
    assert "a replay sent" in cut


class HidesWhatCameFirst:
    """Its cancel raises if it is repeated, and does not if the task was completed between its two steps."""

    async def cancel_task(self, task_id: str) -> Task:
        store: Any = super()
        task: Task = await store.get_task(task_id)
        if task.status == "cancelled":
            raise TaskFinal(task_id, task.status)
        await asyncio.sleep(0)
        with suppress(*[] if task.status.is_final else [TaskFinal]):
            task = await store.cancel_task(task_id)
        return task


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("kind", "store", "on"), [(MemoryHarness, MemoryTaskStore, 0), (RedisHarness, RedisTaskStore, 1)]
)
async def test_the_suite_shows_the_order_that_breaks_a_store(kind: type[Harness], store: type[Any], on: int) -> None:
    wrong: Any = type("Wrong", (kind,), {"store_class": type("Store", (HidesWhatCameFirst, store), {})})()
    made, cancelled = create("a"), cancel(Id("a"))
    scenarios = [Scenario((made, cancelled, cancelled))]
    for other in (cancelled, update(Id("a"), TaskStatus.COMPLETED, on)):
        raced = Race((cancelled, other), every_order=True)
        scenarios.append(Scenario((made, raced), ("ATOM-02",), instances=on + 1))
    coverage = Coverage()

    harness = guarded(wrong)
    with wrong.running():
        await Group(TaskContract(harness.capabilities), harness, coverage, arena_of(harness)).play(scenarios)
    repeated, found = coverage.findings.values()
    assert repeated.requirements == ("LIFE-10",), "and the race of two cancels shows no more"
    assert found.requirements == ("ATOM-02",)
    assert found.expected.startswith("cancel_task: TaskFinal(")
    order = [line.strip("# ")[0] for line in found.lines if re.match("# +[AB]: ", line)]
    assert order == [*"ABA", *"AB"], "their requests, then their results"
