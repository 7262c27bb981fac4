"""How long everybody else waits while many tasks expire at once in Redis.

Others get, update and create through a second instance of the same store, in an open loop, so that their waits are
counted from when they were due: first with nothing going on, then while it goes on. The tasks that go are copies of a
few, and die within some milliseconds; then one listing is asked for, which has to sweep what is due.

Once more with nobody writing: then no task is left alive, and the others are those of another store on the same server.
If nobody calls at all for one more lifetime the indexes expire as whole keys, which is an event of its own. The floor
below all of them is plain keys, as many and as long as records, that nobody but Redis removes: what others wait for
then, no store can spare them. They are watched until all but a twentieth of what expires has gone, since Redis takes
its time for the last ones. The documented design is left out: it has no index, and Redis does with its keys what it
does with ours.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import timedelta
from itertools import cycle, takewhile
from random import Random
from time import perf_counter

from benchmarks.document import Depth
from benchmarks.studies.arrivals import arrive, moments, precise_loop
from benchmarks.studies.blocks import Call
from benchmarks.studies.document import Event, Expiry, What
from benchmarks.studies.filling import create, multiply, new_request, write_keys
from benchmarks.studies.place import SEED, Place
from benchmarks.studies.plain import single
from benchmarks.workload import PAGE, STEPS
from conformance.measure.loop import Loop
from taskstore import TaskNotFound, TaskStore

EXPIRING: tuple[What, ...] = ("expire", "expire, nobody writes", "plain keys, nobody sweeps")


@dataclass(frozen=True)
class Scale:
    """How many tasks go at once, and how often each event is made: a longest wait is one call of many thousands."""

    tasks: tuple[int, ...]
    times: int


SCALES: dict[Depth, Scale] = {
    "quick": Scale((5_000,), 1),
    "default": Scale((100_000,), 3),
    "full": Scale((100_000, 1_000_000), 3),
}
RATE = 150.0
"""Calls a second of each kind that others make."""
SURVIVORS = 500
ORIGINALS = 16
LIFETIME = timedelta(days=7)
BEFORE, AFTER = 0.1, 0.2
"""Seconds that others are watched before and after."""
QUIET = 0.5
WINDOW = 0.02
LATE = 60.0
"""Seconds after which what should have gone is not waited for."""
SPREAD = 50
"""Tasks that others may have made beyond what is expected of them."""


class NotGoneError(Exception):
    """Tasks that should have gone are there."""


def run(depth: Depth, place: Place) -> Expiry:
    """Make many tasks go, and watch the others."""
    events = []
    with precise_loop() as loop:
        for tasks in (tasks for tasks in SCALES[depth].tasks for _ in range(SCALES[depth].times)):
            events += [_expire_in_redis(loop, place, what, tasks) for what in EXPIRING]
            events.append(loop.run(_expire_indexes(place, tasks)))
            place.empty()
    return Expiry(events=tuple(events))


def _expire_in_redis(loop: Loop, place: Place, what: What, tasks: int) -> Event:
    """Make what dies, and wait for its death; if it dies before all is made, once more with more time."""
    seconds = 1.0 + tasks / 25_000
    event = None
    while event is None:
        left = timedelta(seconds=seconds)
        if what == "plain keys, nobody sweeps":
            event = loop.run(_try_to_expire_plainly(place, tasks, left))
        else:
            event = loop.run(_try_to_expire_in_redis(place, what, tasks, left))
        place.empty()
        seconds *= 3
    return event


async def _try_to_expire_in_redis(place: Place, what: What, tasks: int, left: timedelta) -> Event | None:
    with place.harness("ours", "redis") as harness:
        async with harness.open("going") as store, harness.open("going") as second, harness.open("other") as other:
            ids = await create(store, ORIGINALS)
            harness.advance("going", LIFETIME - left)
            others = await _others(second if what == "expire" else other)
            try:
                await multiply(store, harness, "going", place.url(0), ids, tasks)
                quiet, _ = await _watch(others, asyncio.sleep(QUIET, 0.0))
            except TaskNotFound:
                return None
            counted = await _count_keys(place)
            inspector = harness.inspector("going")
            remaining = max(inspector.lifetime_ms(one) for one in ids) / 1000
            if remaining <= BEFORE:
                return None
            most = SURVIVORS + tasks // 2 if what == "expire" else 0

            async def expire() -> float:
                seconds = await _list_when_gone(store, remaining - BEFORE, most)
                await _wait_until_gone(place, tasks, counted)
                return seconds

            meanwhile, seconds = await _watch(others, expire())
    return Event(what=what, tasks=tasks, seconds=seconds, quiet_seconds=quiet, meanwhile_seconds=meanwhile)


async def _try_to_expire_plainly(place: Place, tasks: int, left: timedelta) -> Event | None:
    what: What = "plain keys, nobody sweeps"
    with place.harness("ours", "redis") as harness:
        async with harness.open("other") as other:
            others = await _others(other)
            record = harness.inspector("other").raw((await other.list_tasks(None, 1, 0)).tasks[0].task_id) or b""
            end = time.time() + left.total_seconds()
            write_keys(place.url(0), record, tasks, int(end * 1000))
            quiet, _ = await _watch(others, asyncio.sleep(QUIET, 0.0))
            counted = await _count_keys(place)
            if end - time.time() <= BEFORE:
                return None

            async def expire() -> float:
                await asyncio.sleep(end - time.time())
                started = perf_counter()
                await _wait_until_gone(place, tasks, counted)
                return perf_counter() - started

            meanwhile, seconds = await _watch(others, expire())
    return Event(what=what, tasks=tasks, seconds=seconds, quiet_seconds=quiet, meanwhile_seconds=meanwhile)


async def _expire_indexes(place: Place, tasks: int) -> Event:
    """Let the indexes expire as whole keys; nothing else of the store does."""
    with place.harness("ours", "redis") as harness:
        async with harness.open("going") as store, harness.open("other") as other, single(place.url(0)) as client:
            ids = await create(store, ORIGINALS)
            keys = harness.inspector("going").keys()
            indexes = [key for key in keys if await client.type(key) == b"zset"]
            others = await _others(other)
            await multiply(store, harness, "going", place.url(0), ids, tasks)
            quiet, _ = await _watch(others, asyncio.sleep(QUIET, 0.0))

            async def expire() -> float:
                started = perf_counter()
                for key in indexes:
                    await client.pexpire(key, 1)
                await asyncio.sleep(WINDOW)
                if await client.exists(*indexes):  # who asks is told when they are gone
                    raise NotGoneError("an index is there after its time")
                return perf_counter() - started

            meanwhile, seconds = await _watch(others, expire())
    what: What = "indexes, nobody calls"
    return Event(what=what, tasks=tasks, seconds=seconds, quiet_seconds=quiet, meanwhile_seconds=meanwhile)


async def _count_keys(place: Place) -> tuple[int, float]:
    """Return how many keys there are, and the moment of `perf_counter`."""
    async with single(place.url(0)) as client:
        return await client.dbsize(), perf_counter()


async def _wait_until_gone(place: Place, tasks: int, counted: tuple[int, float]) -> None:
    """Wait until all but a twentieth of what was to go has gone; others make `RATE` a second meanwhile."""
    keys, counted_at = counted
    began = perf_counter()
    async with single(place.url(0)) as client:
        while await client.dbsize() > keys - tasks + tasks // 20 + SPREAD + RATE * (perf_counter() - counted_at):
            if perf_counter() > began + LATE:
                raise NotGoneError(f"{tasks} keys have not gone after {LATE:.0f} s")
            await asyncio.sleep(WINDOW)


async def _others(store: TaskStore) -> dict[str, Call]:
    """Create tasks that stay, and give the calls that others make."""
    ids = cycle(await create(store, SURVIVORS))
    steps = cycle(STEPS)
    return {
        "get": lambda: store.get_task(next(ids)),
        "update": lambda: store.update_task_status(next(ids), *next(steps)),
        "create": lambda: store.create_task(new_request()),
    }


async def _list_when_gone(store: TaskStore, left: float, most: int) -> float:
    """Time a listing; what others made and keep is all that it may count, far less than what goes."""
    await asyncio.sleep(left + 0.002)  # the last millisecond of a life is lived to its end
    started = perf_counter()
    total = (await store.list_tasks(None, PAGE, 0)).total
    seconds = perf_counter() - started
    if total > most:
        raise NotGoneError(f"{total} tasks are listed when all but a few should have gone")
    return seconds


async def _watch(others: dict[str, Call], work: Awaitable[float]) -> tuple[float, float]:
    """Await the work while others call, and return their longest wait and its answer."""
    random = Random(SEED)  # noqa: S311  arrivals, the same in every run
    done = asyncio.Event()
    async with asyncio.TaskGroup() as watching:
        met = [
            watching.create_task(arrive(call, takewhile(lambda _: not done.is_set(), moments(RATE, random))))
            for call in others.values()
        ]
        await asyncio.sleep(BEFORE)
        answer = await work
        await asyncio.sleep(AFTER)
        done.set()
    return max(wait for task in met for wait in task.result().waits), answer
