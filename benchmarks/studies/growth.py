"""How the time of a listing grows with the number of tasks, for both designs in both modes.

All stores stand filled at once, each documented one in a database of its own, since its listing scans the database.
Every process takes a block of each listing, in a random order; Redis is filled once, memory in each process. The
documented listing reads every task whatever the page, so of it only the first page is measured.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from itertools import count, product
from random import Random

from benchmarks.document import Depth, Design, Mode
from benchmarks.studies.document import Key, Measured
from benchmarks.studies.filling import create
from benchmarks.studies.place import DESIGNS, Place
from benchmarks.studies.processes import PROCESSES, in_new_process, orders
from benchmarks.studies.turns import Contestant, take_turns
from benchmarks.workload import PAGE
from conformance.measure.loop import Loop
from taskstore import TaskStatus, TaskStore

MODES: tuple[Mode, ...] = ("memory", "redis")


@dataclass(frozen=True)
class Scale:
    """Which numbers of tasks, in how many processes, and the seconds of a block."""

    tasks: tuple[int, ...]
    processes: int
    seconds: float

    def stores(self) -> Iterator[tuple[Design, Mode, int, int]]:
        """Give each store with its number of tasks and its database."""
        databases = count(1)
        for design, mode, tasks in product(DESIGNS, MODES, self.tasks):
            yield design, mode, tasks, next(databases) if (design, mode) == ("documented", "redis") else 0


_TO_10_000 = (100, 316, 1_000, 3_162, 10_000)

SCALES: dict[Depth, Scale] = {
    "quick": Scale((100, 1_000), PROCESSES["quick"], 0.005),
    "default": Scale(_TO_10_000, PROCESSES["default"], 0.02),
    "full": Scale((*_TO_10_000, 31_623, 100_000), PROCESSES["full"], 0.1),
}


def run(depth: Depth, place: Place) -> Iterator[Measured]:
    """Fill the stores of Redis mode, and list from all in one process after another."""
    scale = SCALES[depth]
    with Loop.running() as loop:
        for design, mode, tasks, database in scale.stores():
            if mode == "redis":
                loop.run(_fill(place, design, tasks, database))
    for random in orders(scale.processes):
        yield in_new_process(_list_from_all, scale, place, random)
    place.empty()


async def _fill(place: Place, design: Design, tasks: int, database: int) -> None:
    with place.harness(design, "redis", database) as harness:
        async with harness.open(f"growth-{tasks}") as store:
            await create(store, tasks)


async def _list_from_all(scale: Scale, place: Place, random: Random) -> Measured:
    contestants: dict[Key, Contestant] = {}
    async with AsyncExitStack() as opened:
        for design, mode, tasks, database in scale.stores():
            harness = opened.enter_context(place.harness(design, mode, database))
            store = await opened.enter_async_context(harness.open(f"growth-{tasks}"))
            if mode == "memory":
                await create(store, tasks)
            for page, status, offset in _pages(design, tasks):
                contestants[design, mode, page, tasks] = _listing(store, tasks, status, offset)
        return await take_turns(contestants, scale.seconds, random)


def _pages(design: Design, tasks: int) -> Iterator[tuple[str, TaskStatus | None, int]]:
    """Choose the pages to list; half of the tasks match the filter, and a page in the depth has to be a full one."""
    yield "first", None, 0
    if design == "ours" and tasks // 4 >= PAGE:
        yield "deep filtered", TaskStatus.PENDING, tasks // 4


def _listing(store: TaskStore, tasks: int, status: TaskStatus | None, offset: int) -> Contestant:
    total = tasks if status is None else tasks // 2
    return Contestant(
        partial(store.list_tasks, status, PAGE, offset),
        lambda page: page.total == total and len(page.tasks) == min(PAGE, total - offset),
    )
