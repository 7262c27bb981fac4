from __future__ import annotations

import asyncio
import json
import multiprocessing
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from itertools import combinations, permutations
from pathlib import Path
from typing import Any

import pytest

from conformance.commands import main
from conformance.engine.order import Budget
from conformance.harness import Harness
from conformance.mutants.mutant import On
from conformance.mutants.operators.values import altered
from conformance.mutants.stages import stages
from conformance.mutants.wrapper import Wrapper
from conformance.processes import Crew, WorkerFailedError
from conformance.subjects.documented import DocumentedRedisHarness
from conformance.subjects.fakeredis import FakeredisHarness
from conformance.subjects.memory import ExpiringMemoryHarness, MemoryHarness
from conformance.subjects.redis import RedisHarness
from conformance.subjects.servers import EmbeddedServer
from conformance.verify.histories.contention import ENOUGH, contend
from conformance.verify.histories.contradiction import shorten
from conformance.verify.histories.history import (
    SCHEMA,
    BrokenHistoryError,
    History,
    Interval,
    Planned,
    read_lines,
)
from conformance.verify.histories.judge import Verdict, judge, partitions, specification_of
from conformance.verify.histories.process import Clients
from conformance.verify.histories.run import replay_history, run_histories
from conformance.verify.histories.workload import Workload
from taskstore import Task, TaskStatus

NEW = {
    "task_id": "a",
    "status": "pending",
    "progress": 0.0,
    "current_step": "",
    "result_url": None,
    "error_message": None,
    "error_traceback": None,
}
ABSENT = {"raised": "TaskNotFound"}


def call(
    client: int, when: tuple[int, int | None], operation: str, result: Any = None, /, **arguments: Any
) -> Interval:
    given: dict[str, Any] = {} if operation in ("list_tasks", "advance") else {"task_id": "a"}
    if operation == "create_task":
        given = {"video_ids": ["a"]}
    return Interval(Planned(client, operation, {**given, **arguments}), when[0], when[1], result)


def task(**fields: Any) -> dict[str, Any]:
    return {"task": {**NEW, **fields}}


def page(*tasks: dict[str, Any], total: int) -> dict[str, Any]:
    return {"page": {"tasks": [one["task"] for one in tasks], "total": total}}


def update(client: int, when: tuple[int, int | None], result: Any, /, **fields: Any) -> Interval:
    return call(client, when, "update_task_status", result, **{"status": "clipping", **fields})


CREATED = call(0, (0, 1), "create_task", task())
EXPIRED = call(0, (20, 30), "advance")
CUT = task(status="clipping", progress=50)
FINAL = {"raised": "TaskFinal", "status": "cancelled"}
CANCELLED, COMPLETED = task(status="cancelled"), task(status="completed", progress=100.0)


def history(*calls: Interval, expiring: bool = False) -> History:
    return History((CREATED, *calls), expiring=expiring)


GOOD = {
    "one after the other": history(update(1, (2, 3), CUT, progress=50), call(2, (4, 5), "get_task", CUT)),
    "a read beside a write sees it": history(update(1, (2, 9), CUT, progress=50), call(2, (3, 4), "get_task", CUT)),
    "a read beside a write does not": history(update(1, (2, 9), CUT, progress=50), call(2, (3, 4), "get_task", task())),
    "two updates side by side": history(
        update(1, (2, 9), CUT, progress=50),
        update(2, (3, 8), task(status="clipping", progress=50, current_step="s"), current_step="s"),
    ),
    "a cancel that lost": history(
        call(1, (2, 9), "cancel_task", {"raised": "TaskFinal", "status": "completed"}),
        call(2, (3, 8), "update_task_status", COMPLETED, status="completed"),
    ),
    "a lost answer that happened": history(update(1, (2, None), None, progress=50), call(2, (8, 9), "get_task", CUT)),
    "a lost answer that did not": history(update(1, (2, None), None, progress=50), call(2, (8, 9), "get_task", task())),
    "a lost answer that happened late": history(
        update(1, (2, None), None, progress=50),
        call(2, (3, 4), "get_task", task()),
        call(2, (8, 9), "get_task", CUT),
    ),
    "an unavailable server says nothing": history(call(1, (2, 3), "get_task", {"raised": "StoreUnavailable"})),
    "expiry beside a read": history(EXPIRED, call(1, (21, 22), "get_task", task()), expiring=True),
    "expired": history(EXPIRED, call(1, (31, 32), "get_task", ABSENT), expiring=True),
    "no expiry where nothing expires": history(EXPIRED, call(1, (31, 32), "get_task", task())),
    "a page beside a write": history(
        update(1, (2, 9), CUT, progress=50), call(2, (3, 4), "list_tasks", page(total=0), status="pending")
    ),
    "a short page with a total": history(call(2, (3, 4), "list_tasks", page(total=1), limit=0)),
    "a total beside a creation": history(
        replace(
            call(1, (2, 9), "create_task", {"task": {**NEW, "task_id": "b"}}),
            call=Planned(1, "create_task", {"video_ids": ["b"]}),
        ),
        call(2, (3, 4), "list_tasks", page(total=1), limit=0),
        call(3, (3, 4), "list_tasks", page(total=2), limit=0),
    ),
}
BAD = {
    "a lost update": history(
        update(1, (2, 9), CUT, progress=50),
        update(2, (3, 8), task(status="clipping", current_step="s"), current_step="s"),
        call(3, (10, 11), "get_task", task(status="clipping", current_step="s")),
    ),
    "a stale read": history(update(1, (2, 3), CUT, progress=50), call(2, (4, 5), "get_task", task())),
    "reads that go back": history(
        update(1, (2, 9), CUT, progress=50),
        call(2, (3, 4), "get_task", CUT),
        call(2, (5, 6), "get_task", task()),
    ),
    "a lost answer that happened and was undone": history(
        update(1, (2, None), None, progress=50),
        call(2, (3, 4), "get_task", CUT),
        call(2, (5, 6), "get_task", task()),
    ),
    "an effect before its call": history(call(2, (2, 3), "get_task", CUT), update(1, (4, None), None, progress=50)),
    "not found, and it is there": history(call(1, (2, 3), "get_task", ABSENT)),
    "there after it expired": history(EXPIRED, call(1, (31, 32), "get_task", task()), expiring=True),
    "raised from the dead": history(EXPIRED, update(1, (31, 32), CUT, progress=50), expiring=True),
    "cancelled and completed": history(
        call(1, (2, 9), "cancel_task", CANCELLED),
        call(2, (3, 8), "update_task_status", COMPLETED, status="completed"),
    ),
    "cancelled, and then not": history(call(1, (2, 3), "cancel_task", CANCELLED), call(2, (4, 5), "get_task", task())),
    "refused by a status that it never had": history(update(1, (2, 3), FINAL)),
    "a value that nobody wrote": history(call(1, (2, 3), "get_task", task(progress=7))),
    "an exception of no contract": history(call(1, (2, 3), "get_task", {"raised": "KeyError"})),
    "a listing that raised": history(call(1, (2, 3), "list_tasks", {"raised": "KeyError"})),
    "a stale page": history(update(1, (2, 3), CUT, progress=50), call(2, (4, 5), "list_tasks", page(task(), total=1))),
    "a page without a task that is there": history(call(2, (4, 5), "list_tasks", page(total=0))),
    "a page with a stranger": history(call(2, (4, 5), "list_tasks", page(task(), task(task_id="z"), total=2))),
    "a page with a task twice": history(call(2, (4, 5), "list_tasks", page(task(), task(), total=2))),
    "a total that its page denies": history(call(2, (4, 5), "list_tasks", page(task(), total=2))),
    "a total that was never possible": history(call(2, (4, 5), "list_tasks", page(total=2), limit=0)),
    "a total of a status that no task had": history(
        call(2, (4, 5), "list_tasks", page(total=1), limit=0, status="failed")
    ),
    "oldest first": history(
        replace(
            call(1, (2, 3), "create_task", {"task": {**NEW, "task_id": "b"}}),
            call=Planned(1, "create_task", {"video_ids": ["b"]}),
        ),
        call(2, (4, 5), "list_tasks", page(task(), task(task_id="b"), total=2)),
    ),
}


@pytest.mark.parametrize("name", GOOD)
def test_what_some_order_explains_is_explained(name: str) -> None:
    assert judge(GOOD[name]).verdict is Verdict.EXPLAINED


@pytest.mark.parametrize("name", BAD)
def test_what_no_order_explains_is_a_contradiction(name: str) -> None:
    assert judge(BAD[name]).verdict is Verdict.CONTRADICTION


@pytest.mark.parametrize("name", [*GOOD, *BAD])
def test_lines_are_read_as_they_were_written_and_judged_alike(name: str) -> None:
    one = {**GOOD, **BAD}[name]
    read = read_lines(one.as_lines())
    assert read.as_lines() == replace(one, intervals=tuple(sorted(one.intervals, key=lambda it: it.called))).as_lines()
    assert judge(read).verdict is judge(one).verdict


@pytest.mark.parametrize("name", BAD)
def test_what_a_contradiction_is_shortened_to_is_one(name: str) -> None:
    short = shorten(BAD[name], judge(BAD[name]))
    assert judge(short.history).verdict is Verdict.CONTRADICTION
    assert judge(read_lines(short.history.as_lines())).verdict is Verdict.CONTRADICTION
    assert "then" in str(short)


def test_a_short_contradiction_has_nothing_in_it_that_is_not_needed() -> None:
    noise = [call(4, (at, at + 1), "get_task", task()) for at in range(100, 160, 2)]
    before = [
        update(5, (20 + at, 21 + at), task(status="clipping", progress=at), progress=at) for at in range(0, 20, 2)
    ]
    seen = task(status="clipping", progress=18)
    whole = history(*before, call(3, (50, 51), "get_task", seen), call(3, (60, 61), "get_task", CUT), *noise)
    short = shorten(whole, judge(whole))
    assert str(short).splitlines() == [
        "task a",
        "  let  1. client 0: create a → pending",
        "       2. client 5: update a clipping, progress=18 → clipping, progress=18",
        "  then 3. client 3: get a → clipping, progress=50",
        "  but no order of the others lets 3 give that, but: clipping, progress=18.0",
    ]


def test_a_write_is_kept_that_a_right_answer_shows() -> None:
    """Without it what is left would contradict itself too, and blame the wrong call."""
    whole = history(
        update(1, (2, 3), CUT, progress=50),
        call(2, (4, 5), "get_task", CUT),
        call(2, (6, 7), "get_task", task(status="clipping", progress=50, current_step="never")),
    )
    short = shorten(whole, judge(whole))
    assert short.then.called == 6
    assert [one.called for one in short.history.intervals] == [0, 2, 6]


def test_out_of_budget_is_unknown_and_never_a_pass() -> None:
    assert judge(GOOD["two updates side by side"], steps=2).verdict is Verdict.UNKNOWN
    assert judge(BAD["a total that was never possible"], steps=3).verdict is Verdict.UNKNOWN
    hard = history(
        *(update(n, (2, None), None, progress=n) for n in range(1, 30)), call(40, (4, 5), "get_task", ABSENT)
    )
    assert judge(hard, steps=1_000).verdict is Verdict.UNKNOWN


def test_an_order_is_one_of_the_clock_and_of_the_model() -> None:
    one = GOOD["a lost answer that happened late"]
    (calls,) = partitions(one).values()
    order = specification_of(one).order(calls, Budget(100))
    assert order is not None
    assert [interval.called for interval in order] == [0, 3, 2, 8]


def random_history(rng: random.Random) -> History:
    """A few calls whose answers are those of some order; which need not be one of the clock."""
    one = History((CREATED,), expiring=True)
    specification = specification_of(one)
    ((_, state),) = specification.step(specification.initial, CREATED)
    made = [CREATED]
    for client in range(1, rng.randrange(3, 6)):
        called = rng.randrange(2, 12)
        returned = None if rng.random() < 1 / 6 else called + rng.randrange(8)
        planned = rng.choice(
            [
                call(client, (called, returned), "get_task"),
                call(client, (called, returned), "cancel_task"),
                call(client, (called, returned), "advance"),
                update(client, (called, returned), None, progress=rng.randrange(2)),
                update(client, (called, returned), None, status="completed"),
            ]
        )
        result, state = specification.step(state, planned)[0]
        made.append(planned if returned is None else replace(planned, result=result))
    return replace(one, intervals=tuple(sorted(made, key=lambda it: it.called)))


def is_explained_by_trying_every_order(one: History) -> bool:
    lost = [it for it in one.intervals if it.returned is None]
    answered = [it for it in one.intervals if it.returned is not None]
    chosen = [some for count in range(len(lost) + 1) for some in combinations(lost, count)]
    orders = (order for some in chosen for order in permutations([*answered, *some]))
    return any(is_right(one, order) for order in orders)


def is_right(one: History, order: tuple[Interval, ...]) -> bool:
    specification = specification_of(one)
    states = {specification.initial}
    for place, it in enumerate(order):
        if any(later.returned is not None and later.returned < it.called for later in order[place:]):
            return False
        states = {
            left
            for state in states
            for result, left in specification.step(state, it)
            if it.returned is None or specification.agrees(result, it)
        }
    return bool(states)


def test_the_search_finds_what_trying_every_order_finds() -> None:
    rng = random.Random(7)  # noqa: S311  no secret
    found: Counter[bool] = Counter()
    for _ in range(600):
        one = random_history(rng)
        explained = is_explained_by_trying_every_order(one)
        assert (judge(one).verdict is Verdict.EXPLAINED) is explained, one.as_lines()
        found[explained] += 1
        if not explained:
            short = shorten(one, judge(one)).history
            assert not is_explained_by_trying_every_order(short), one.as_lines()
    assert min(found.values()) > 100, found


HEAD = json.dumps({"schema": SCHEMA})
LINE = {
    "client": 1,
    "operation": "get_task",
    "arguments": {"task_id": "a"},
    "called": 1,
    "returned": 2,
    "result": ABSENT,
}


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ([], "empty"),
        (["{}"], "line 1: schema: Field required"),
        (["[]"], "line 1: Input should be an object"),
        ([HEAD, "{"], "line 2: Invalid JSON"),
        ([HEAD, "7"], "line 2: Input should be an object"),
        ([HEAD, {**LINE, "operation": "purge"}], "line 2: operation: Input should be 'create_task', "),
        ([HEAD, {**LINE, "called": "1"}], "line 2: called: Input should be a valid integer"),
        ([HEAD, {**LINE, "called": True}], "line 2: called: Input should be a valid integer"),
        ([HEAD, {**LINE, "returned": 0}], "line 2: returned (0) is before called (1)"),
        ([HEAD, {key: LINE[key] for key in ("client", "operation", "called")}], "line 2: returned: Field required"),
        ([HEAD, {**LINE, "arguments": {}}], "line 2: get_task needs a task_id"),
        ([HEAD, {**LINE, "operation": "create_task"}], "line 2: create_task needs video_ids"),
        (
            [HEAD, {**LINE, "operation": "list_tasks", "arguments": {"limit": "1"}}],
            "line 2: arguments.limit: Input should be a valid integer",
        ),
        ([HEAD, {**LINE, "result": None}], "line 2: the result"),
        ([HEAD, {**LINE, "result": {"task": {"status": "pending"}}}], "line 2: result.task.task_id: Field required"),
        (
            [HEAD, {**LINE, "result": {"page": {"tasks": [], "total": 0}}}],
            "line 2: the result of get_task has to be an object with task or raised",
        ),
        ([HEAD, {**LINE, "returned": 9}, "", {**LINE, "called": 3, "returned": 4}], "client 1 calls again at 3"),
    ],
)
def test_a_broken_file_is_told_by_its_line(lines: list[Any], told: str, tmp_path: Path) -> None:
    text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    with pytest.raises(BrokenHistoryError) as caught:
        read_lines(text)
    assert told in str(caught.value)
    file = tmp_path / "broken.jsonl"
    file.write_text(text)
    assert main(["check", str(file)]) == 2


@pytest.mark.parametrize(("which", "status"), [(GOOD, 0), (BAD, 1)])
def test_check_judges_a_file_again(
    which: dict[str, History], status: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "history.jsonl"
    for one in which.values():
        file.write_text(one.as_lines())
        assert main(["check", str(file)]) == status
        told = capsys.readouterr().out
        assert ("then" in told) is (status == 1)


def test_check_tells_what_was_not_decided_and_what_is_not_there(tmp_path: Path) -> None:
    file = tmp_path / "history.jsonl"
    file.write_text(GOOD["two updates side by side"].as_lines())
    assert main(["check", str(file), "--steps", "2"]) == 3
    assert main(["check", str(tmp_path / "nothing")]) == 2
    with pytest.raises(SystemExit, match="2"):
        main(["check"])


@pytest.mark.parametrize("seed", range(3))
def test_a_workload_is_its_seed_and_goes_through_json(seed: int) -> None:
    rounds = [round_ for _, round_ in zip(range(20), Workload(seed, expiring=True).rounds(), strict=False)]
    again = [round_ for _, round_ in zip(range(20), Workload(seed, expiring=True).rounds(), strict=False)]
    assert rounds == again
    planned = [one for calls in rounds for one in calls]
    lines = History(tuple(Interval(one, 0, None) for one in planned)).as_lines()
    assert [interval.call for interval in read_lines(lines).intervals] == planned
    assert 0 < sum(one.gives_up is not None for one in planned) <= 3
    assert "advance" in {one.operation for one in planned}


@pytest.mark.parametrize("make", [MemoryHarness, ExpiringMemoryHarness, FakeredisHarness])
def test_right_stores_in_this_process_are_explained(make: Callable[[], Harness]) -> None:
    harness = make()
    with harness.running():
        it = run_histories({"it": harness}, count=5, seed=0)["it"]
    assert it.passed, it
    assert it.histories == it.explained == 5
    assert it.effective_writes >= 5 * ENOUGH
    assert it.conflicting_pairs >= 5 * ENOUGH
    assert it.lost_answers > 0
    json.dumps(it.model_dump(mode="json"))


def test_redis_mode_is_explained_with_clients_in_three_processes() -> None:
    harness = RedisHarness(EmbeddedServer())
    with harness.running():
        it = run_histories({"embedded": harness}, count=5, seed=0)["embedded"]
    assert it.passed, it
    assert (it.processes, it.across_processes) == (3, 1)


def test_a_run_without_a_history_has_not_passed() -> None:
    assert not run_histories({"memory": MemoryHarness()}, count=0, seed=0)["memory"].passed


@pytest.fixture(scope="module")
def documented() -> Iterator[Harness]:
    harness = DocumentedRedisHarness(EmbeddedServer())
    with harness.running():
        yield harness


@pytest.mark.parametrize("seed", range(4))
def test_the_lost_update_of_the_documented_design_is_found_unaided(documented: Harness, seed: int) -> None:
    begun = time.monotonic()
    one = asyncio.run(contend(documented, Workload(100 * seed, finals=False)))
    judgement = judge(one)
    assert judgement.verdict is Verdict.CONTRADICTION
    short = shorten(one, judgement).history.intervals
    assert time.monotonic() - begun < 10
    assert {one.call.operation for one in short} <= {"create_task", "update_task_status", "get_task", "look"}
    assert "update_task_status" in {one.call.operation for one in short}


def test_a_contradiction_is_told_in_full(documented: Harness, tmp_path: Path) -> None:
    it = run_histories({"documented-redis": documented}, count=20, seed=0)["documented-redis"]
    assert not it.passed
    assert it.histories == len(it.contradictions) == 3, "it is left when it is shown to be wrong"
    assert all(judge(read_lines(found.lines)).verdict is Verdict.CONTRADICTION for found in it.contradictions)
    assert any(found.again for found in it.contradictions)
    found = next(found for found in it.contradictions if found.again)
    _, again = replay_history(documented, read_lines(found.history))
    assert again.verdict is Verdict.CONTRADICTION
    script = tmp_path / "script.py"
    script.write_text(found.script)
    ran = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr
    assert "client" in ran.stdout


def test_processes_with_clients_tell_what_they_could_not_do_and_end_with_their_pipes(tmp_path: Path) -> None:
    with Crew(Clients, 2) as crew:
        workers = multiprocessing.active_children()
        with pytest.raises(WorkerFailedError, match="open: ModuleNotFoundError: No module named 'no_such_module'"):
            crew.ask("open", "no_such_module:open", {}, str(tmp_path))
    assert [worker.exitcode for worker in workers] == [0, 0]


class CachesWhatWasOverwritten(Wrapper):
    """A write clears the task from a cache, and a get that had read it before puts it back there."""

    def __init__(self, store: Any) -> None:
        super().__init__(store)
        self._cache: dict[str, Task] = {}

    async def get_task(self, task_id: str) -> Task:
        if task_id not in self._cache:
            task = await self.store.get_task(task_id)
            await asyncio.sleep(0)
            self._cache[task_id] = task
        return self._cache[task_id]

    async def update_task_status(self, task_id: str, *arguments: Any, **named: Any) -> Any:
        task = await self.store.update_task_status(task_id, *arguments, **named)
        self._cache.pop(task_id, None)
        return task

    async def cancel_task(self, task_id: str) -> Any:
        task = await self.store.cancel_task(task_id)
        self._cache.pop(task_id, None)
        return task

    async def purge(self, before: datetime) -> Any:
        removed = await self.store.purge(before)
        self._cache.clear()
        return removed


class CancelGivesWay(Wrapper):
    """A cancel that finds the task changed since it looked leaves it so, and says that it has cancelled it."""

    async def cancel_task(self, task_id: str) -> Any:
        before = await self.store.get_task(task_id)
        await asyncio.sleep(0)
        now = await self.store.get_task(task_id)
        if now != before and not now.status.is_final:
            return altered(now, status=TaskStatus.CANCELLED, completed_at=now.updated_at)
        return await self.store.cancel_task(task_id)


MUTANTS = [(CachesWhatWasOverwritten, On.MEMORY), (CancelGivesWay, On.MEMORY), (CancelGivesWay, On.REDIS)]


@pytest.mark.parametrize(("kind", "on"), MUTANTS)
def test_a_few_histories_catch(kind: type[Wrapper], on: On) -> None:
    with stages() as stage:
        found = run_histories({"mutant": stage(on, kind)}, count=20, seed=0)["mutant"].contradictions
    assert len(found) == 3
    assert any(one.again for one in found)
