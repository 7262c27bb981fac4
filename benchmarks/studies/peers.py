"""Other stores beside ours, few and strong: create, get, look and update of the same task, in memory and in Redis.

A peer keeps a task as one document under its id. For an update the document is got, changed and put: others may come
between, which they may not with ours. `look` is a get, and then reading the metadata.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from itertools import cycle, repeat
from random import Random
from statistics import median
from typing import Any

from benchmarks.document import Depth, Mode
from benchmarks.studies.document import PROCESSES, SEED, Key, Measured
from benchmarks.studies.libraries import PEERS, Peer
from benchmarks.subjects import DESIGNS, PRIVATE, opened
from conformance.measure.block import in_new_process
from conformance.measure.tasks import METADATA, REQUEST, STEPS, fill, works
from conformance.measure.timing import Effort, Work, gather, time_calls
from taskstore import TaskStore

SCALES: Mapping[Depth, tuple[Mapping[Mode, int], Effort]] = {
    "quick": ({"memory": 1_000, "redis": 200}, Effort(seconds=0.005)),
    "default": ({"memory": 2_000, "redis": 500}, Effort(seconds=0.015)),
    "full": ({"memory": 100_000, "redis": 1_000}, Effort(seconds=0.1)),
}
"""How many tasks there are in memory and in Redis, and the effort of an operation in each process."""


NEW = {
    "status": "pending",
    "progress": 0.0,
    "current_step": "",
    "video_ids": [*REQUEST.video_ids],
    **dict.fromkeys(("result_url", "error_message", "error_traceback", "completed_at")),
    "metadata": METADATA,
}
"""What every document begins with."""


def run(depth: Depth) -> Iterator[Measured]:
    """Time all peers in one process after another."""
    for number in range(PROCESSES[depth]):
        yield in_new_process(measure, *SCALES[depth], number)


def measure(sizes: Mapping[Mode, int], effort: Effort, number: int) -> Measured:
    """Time one store after another, in an order that the number of the process decides."""
    return asyncio.run(_measure(sizes, effort, Random(f"{SEED} {number}")))  # noqa: S311  the same in every run


async def _measure(sizes: Mapping[Mode, int], effort: Effort, random: Random) -> Measured:
    measured: dict[Key, Mapping[str, float]] = {}
    for mode, tasks in sizes.items():
        stores: dict[str, Any] = {**PEERS[mode]}
        stores |= {design: partial(opened, design, PRIVATE[mode], "peers") for design in DESIGNS}
        for name in random.sample([*stores], len(stores)):
            works_of = _of_documents if name in PEERS[mode] else _of_tasks
            async with stores[name]() as store:
                made = await works_of(store, tasks, random)
                for operation in (*random.sample(["get", "look", "update"], 3), "create"):
                    timed = await time_calls(made[operation], effort)
                    measured[name, mode, operation, tasks] = {"seconds": median(timed.rounds)}
    return measured


async def _of_tasks(store: TaskStore, tasks: int, random: Random) -> dict[str, Work]:
    async def look(task_id: str) -> Any:
        return (await store.get_task(task_id)).metadata["config"]

    ids = await fill(store, tasks)
    return {**works(store, ids, random), "look": _looking(look, ids, random)}


async def _of_documents(peer: Peer, tasks: int, random: Random) -> dict[str, Work]:
    put, get = peer

    async def create() -> str:
        task_id = f"task_{secrets.token_hex(16)}"
        now = datetime.now(UTC).isoformat()
        times = {"created_at": now, "updated_at": now}
        await put(task_id, {**NEW, "task_id": task_id, **times})
        return task_id

    async def look(task_id: str) -> Any:
        return (await get(task_id))["metadata"]["config"]

    async def update(task_id: str, status: str, progress: float, step: str) -> Any:
        now = datetime.now(UTC).isoformat()
        changes = {"status": status, "progress": progress, "current_step": step, "updated_at": now}
        document = {**await get(task_id), **changes}
        await put(task_id, document)
        return document

    def is_asked(document: Any, task_id: str) -> bool:
        return bool(document["task_id"] == task_id)

    creating = repeat(partial(create))
    ids = await gather(creating, tasks)
    steps = [(status.value, progress, step) for status, progress, step in STEPS]
    gets = cycle([partial(get, task_id) for task_id in ids])
    updates = (partial(update, task_id, *step) for step in cycle(steps) for task_id in ids)
    return {
        "create": Work(creating),
        "get": Work(gets, is_asked),
        "look": _looking(look, ids, random),
        "update": Work(updates),
    }


def _looking(look: Callable[[str], Awaitable[Any]], ids: list[str], random: Random) -> Work:
    looks = [partial(look, task_id) for task_id in random.sample(ids, len(ids))]
    return Work(cycle(looks), lambda config, _: config == METADATA["config"])
