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
from collections.abc import Awaitable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from itertools import cycle, product, takewhile
from random import Random
from time import perf_counter
from typing import Any

from benchmarks.document import Depth
from benchmarks.studies.document import Measured
from benchmarks.studies.filling import create, multiply, new_request, write_keys
from benchmarks.studies.load import arrive, moments, precise_loop
from benchmarks.studies.place import Place
from benchmarks.studies.plain import single
from benchmarks.studies.processes import SEED
from benchmarks.studies.turns import Call
from benchmarks.workload import PAGE, STEPS
from conformance.measure.loop import Loop
from taskstore import TaskNotFound, TaskStore

EXPIRE, NOBODY_WRITES = "expire", "expire, nobody writes"
PLAIN_KEYS, INDEXES = "plain keys, nobody sweeps", "indexes, nobody calls"
EVENTS = (EXPIRE, NOBODY_WRITES, PLAIN_KEYS, INDEXES)


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


def run(depth: Depth, place: Place) -> Iterator[Measured]:
    """Make many tasks go, and watch the others."""
    scale = SCALES[depth]
    with Loop.running(precise_loop) as loop:
        for tasks, _, what in product(scale.tasks, range(scale.times), EVENTS):
            seconds, made = 1.0 + tasks / 25_000, None
            while made is None:  # it died before all of it was made: once more, with more time
                made = loop.run(_expire(place, what, tasks, seconds))
                place.empty()
                seconds *= 3
            yield {("ours", "redis", what, tasks): made}


async def _expire(place: Place, what: str, tasks: int, left: float) -> dict[str, float] | None:
    """Make what dies after so many seconds, and watch the others then; None if it died before."""
    async with AsyncExitStack() as opened:
        harness = opened.enter_context(place.harness("ours", "redis"))
        client = await opened.enter_async_context(single(place.url(0)))
        store, second, other = [
            await opened.enter_async_context(harness.open(name)) for name in ("going", "going", "other")
        ]
        end = time.time() + left
        if what == PLAIN_KEYS:
            others = await _others(other)
            record = harness.inspector("other").raw((await other.list_tasks(None, 1, 0)).tasks[0].task_id) or b""
            write_keys(place.url(0), record, tasks, int(end * 1000))
        else:
            ids = await create(store, ORIGINALS)
            inspector = harness.inspector("going")
            keys = inspector.keys()
            indexes = [key for key in keys if await client.type(key) == b"zset"]
            if what != INDEXES:
                harness.advance("going", LIFETIME - timedelta(seconds=left))
            others = await _others(second if what == EXPIRE else other)
            try:
                await multiply(store, harness, "going", place.url(0), ids, tasks)
            except TaskNotFound:
                return None
            # The clock is read after each lifetime: read before, it would put the end too early.
            end = max(inspector.lifetime_ms(one) / 1000 + time.time() for one in ids)

        async def go() -> float:
            if what == INDEXES:
                return await _remove(client, indexes)
            counted = await client.dbsize(), perf_counter()
            await asyncio.sleep(end + 0.002 - time.time())  # the last millisecond of a life is lived to its end
            started = perf_counter()
            if what == PLAIN_KEYS:
                await _wait_until_gone(client, tasks, *counted)
                return perf_counter() - started
            total = (await store.list_tasks(None, PAGE, 0)).total
            seconds = perf_counter() - started
            if total > (SURVIVORS + tasks // 2 if what == EXPIRE else 0):  # what others made and keep is far less
                raise NotGoneError(f"{total} tasks are listed when all but a few should have gone")
            await _wait_until_gone(client, tasks, *counted)
            return seconds

        quiet, _ = await _watch(others, asyncio.sleep(QUIET, 0.0))
        if end - time.time() <= 2 * BEFORE:
            return None
        wait, seconds = await _watch(others, go())
    return {"seconds": seconds, "quiet": quiet, "wait": wait}


async def _remove(client: Any, keys: list[str]) -> float:
    """Let keys expire at once, and return how long that takes: who asks is told when they are gone."""
    started = perf_counter()
    for key in keys:
        await client.pexpire(key, 1)
    await asyncio.sleep(WINDOW)
    if await client.exists(*keys):
        raise NotGoneError("an index is there after its time")
    return perf_counter() - started


async def _wait_until_gone(client: Any, tasks: int, keys: int, counted_at: float) -> None:
    """Wait until all but a twentieth of what was to go has gone; others make `RATE` a second meanwhile."""
    began = perf_counter()
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
