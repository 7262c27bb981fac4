"""How the time of a listing grows with the number of tasks, for both designs in both modes.

All stores stand filled at once, each described one in a database of its own, since its listing scans the database.
The blocks are made in rounds, so that a slow minute of the machine does not lie on one number of tasks. The described
listing reads every task whatever the page, so of it only the first page is measured; in Redis it takes a millisecond
for every ten tasks, so it stops at fewer. In full the stores of ours in memory and in Redis, and those of the described
design in memory, take some two gigabytes each.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from random import Random
from typing import Any, Literal

from benchmarks.loop import Loop
from benchmarks.studies.blocks import Contestant, Turns, take_turns
from benchmarks.studies.filling import create, fill
from benchmarks.studies.place import DESIGNS, SEED, Depth, Design, Mode, Place
from benchmarks.studies.plain import single
from benchmarks.workload import PAGE
from conformance import Harness
from taskstore import TaskStatus, TaskStore

Page = Literal["first", "filtered", "deep", "deep filtered"]


@dataclass(frozen=True)
class Scale:
    """Which numbers of tasks, and how long each of them is measured."""

    ours: tuple[int, ...]
    described_memory: tuple[int, ...]
    described_redis: tuple[int, ...]
    turns: Turns

    def tasks(self, design: Design, mode: Mode) -> tuple[int, ...]:
        """Select the numbers of a store."""
        if design == "ours":
            return self.ours
        return self.described_memory if mode == "memory" else self.described_redis


_TO_100_000 = (100, 316, 1_000, 3_162, 10_000, 31_623, 100_000)
_TO_10_000 = (10, 32, 100, 316, 1_000, 3_162, 10_000)

SCALES: dict[Depth, Scale] = {
    "quick": Scale((100, 1_000, 10_000), (100, 1_000, 10_000), (10, 100, 316), Turns(9, 0.03)),
    "default": Scale(_TO_100_000, _TO_100_000, _TO_10_000, Turns(21, 0.25)),
    "full": Scale((*_TO_100_000, 316_228, 1_000_000), (*_TO_100_000, 316_228), (*_TO_10_000, 31_623), Turns(31, 1.0)),
}


@dataclass(frozen=True)
class Point:
    """A listing of fifty from one store; a block made `calls` calls, and as many of two PINGs in Redis mode.

    `ping_seconds` are those of redis-py, `own_ping_seconds` those of the client that the store has.
    """

    design: Design
    mode: Mode
    page: Page
    tasks: int
    offset: int
    calls: int
    seconds: list[float]
    ping_seconds: list[float]
    own_ping_seconds: list[float]


@dataclass(frozen=True)
class Growth:
    """Every point of every curve."""

    points: list[Point]


def run(depth: Depth, place: Place) -> Growth:
    """Fill the stores, and list from each in turn."""
    with Loop.running() as loop:
        return loop.run(_measure(SCALES[depth], place))


async def _measure(scale: Scale, place: Place) -> Growth:
    contestants: list[Contestant] = []
    lines: list[tuple[Design, Mode, Page, int, int]] = []
    databases = count(1)
    async with AsyncExitStack() as opened:
        client = await opened.enter_async_context(single(place.url(0)))
        for design in DESIGNS:
            for mode in ("memory", "redis"):
                for tasks in scale.tasks(design, mode):
                    database = next(databases) if design == "described" and mode == "redis" else 0
                    store, harness = await opened.enter_async_context(_filled(place, design, mode, tasks, database))
                    for page, status, offset in _pages(design, tasks):
                        lines.append((design, mode, page, tasks, offset))
                        contestant = _listing(store, tasks, status, offset)
                        if mode == "redis":
                            contestant = replace(contestant, ping=client.ping, own_ping=partial(harness.ping, store))
                        contestants.append(contestant)
        results = await take_turns(contestants, scale.turns, Random(SEED))  # noqa: S311  an order, the same in every run
    place.empty()
    return Growth(
        [
            Point(*line, blocks.calls, blocks.seconds, blocks.ping_seconds, blocks.own_ping_seconds)
            for line, blocks in zip(lines, results, strict=True)
        ]
    )


def _pages(design: Design, tasks: int) -> list[tuple[Page, TaskStatus | None, int]]:
    """Choose the pages to list; half of the tasks match the filter, and a page in the depth has to be a full one."""
    first: tuple[Page, None, int] = ("first", None, 0)
    if design == "described":
        return [first]
    half, quarter = tasks // 2, tasks // 4
    pages: list[tuple[Page, TaskStatus | None, int]] = [first, ("filtered", TaskStatus.PENDING, 0)]
    if tasks - half >= PAGE:
        pages.append(("deep", None, half))
    if half - quarter >= PAGE:
        pages.append(("deep filtered", TaskStatus.PENDING, quarter))
    return pages


def _listing(store: TaskStore, tasks: int, status: TaskStatus | None, offset: int) -> Contestant:
    total = tasks if status is None else tasks // 2

    def right(page: Any) -> bool:
        return page.total == total and len(page.tasks) == min(PAGE, total - offset)

    return Contestant(f"list of {tasks}", partial(store.list_tasks, status, PAGE, offset), right)


@asynccontextmanager
async def _filled(
    place: Place, design: Design, mode: Mode, tasks: int, database: int
) -> AsyncIterator[tuple[TaskStore, Harness]]:
    namespace = f"growth-{tasks}"
    with place.harness(design, mode, database) as harness:
        async with harness.open(namespace) as store:
            if mode == "memory":
                await create(store, tasks)
            else:
                await fill(store, harness, namespace, place.url(database), tasks)
            yield store, harness
