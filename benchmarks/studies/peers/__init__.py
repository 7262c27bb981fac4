"""Other stores beside ours: probed for what they do, and timed on the same payload and the same server.

Each peer is opened twice: on as many tasks as the depth says for `get`, `look` (a get, and a look at the metadata as
Python's values), `update` and `list` of fifty, and empty for `create`. Each is in a database of its own. The blocks of
all peers of a mode, and of all operations, take turns round by round, and each has enough for an interval.

cashews is set to hold more than its 1,000 entries in memory, and its sweep once a second is off. taskiq-redis and
cashews write pickles to Redis, the others JSON.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from itertools import cycle
from random import Random
from typing import Any, Literal

from benchmarks.loop import Loop
from benchmarks.studies.blocks import Contestant, Turns, take_turns
from benchmarks.studies.filling import new_config
from benchmarks.studies.peers.adapters import LIFETIME, NotOfferedError, Peer
from benchmarks.studies.peers.libraries import LIBRARIES, Library
from benchmarks.studies.peers.probes import Trait, probe
from benchmarks.studies.place import SEED, Depth, Mode, Place
from benchmarks.studies.plain import pooled
from benchmarks.workload import PAGE

ENOUGH = 9
"""Blocks: with fewer a median has no interval (`reports/RULE.md`)."""

Operation = Literal["create", "get", "look", "update", "list"]


@dataclass(frozen=True)
class Scale:
    """Tasks in memory and in Redis, and how long each operation of each peer is measured."""

    tasks: dict[Mode, int]
    turns: Turns


SCALES: dict[Depth, Scale] = {
    "quick": Scale({"memory": 1_000, "redis": 100}, Turns(9, 0.02, ENOUGH)),
    "default": Scale({"memory": 10_000, "redis": 1_000}, Turns(21, 0.15, ENOUGH)),
    "full": Scale({"memory": 100_000, "redis": 10_000}, Turns(31, 1.0, ENOUGH)),
}


@dataclass(frozen=True)
class Timing:
    """One operation of one peer; a block made `calls` calls, and as many PINGs in Redis mode."""

    peer: str
    mode: Mode
    operation: Operation
    tasks: int
    calls: int
    seconds: list[float]
    ping_seconds: list[float]


@dataclass(frozen=True)
class Portrait:
    """What a peer does; `not_timed` says why an operation has no timing."""

    peer: str
    mode: Mode
    package: str
    version: str
    traits: list[Trait]
    not_timed: dict[Operation, str]


@dataclass(frozen=True)
class Peers:
    """Every peer that could be opened."""

    portraits: list[Portrait]
    timings: list[Timing]


def run(depth: Depth, place: Place) -> Peers:
    """Probe all, then time all."""
    portraits, timings = [], []
    with Loop.running() as loop:
        for mode in ("memory", "redis"):
            libraries = [library for library in LIBRARIES if library.mode == mode]
            traits = loop.run(_probe(libraries, place))
            place.empty()
            not_timed, measured = loop.run(_time(libraries, place, SCALES[depth].tasks[mode], SCALES[depth].turns))
            place.empty()
            timings += measured
            portraits += [
                Portrait(one.name, mode, one.package, one.version, seen, left_out)
                for one, seen, left_out in zip(libraries, traits, not_timed, strict=True)
            ]
    return Peers(portraits, timings)


async def _probe(libraries: list[Library], place: Place) -> list[list[Trait]]:
    probing = (probe(partial(one.open, place, database)) for database, one in enumerate(libraries))
    return await asyncio.gather(*probing)


async def _time(
    libraries: list[Library], place: Place, tasks: int, turns: Turns
) -> tuple[list[dict[Operation, str]], list[Timing]]:
    not_timed: list[dict[Operation, str]] = []
    lines: list[tuple[Library, Operation]] = []
    contestants: list[Contestant] = []
    async with AsyncExitStack() as opened:
        client = await opened.enter_async_context(pooled(place.url(0)))
        for number, library in enumerate(libraries):
            lifetime = None if library.mode == "memory" else LIFETIME
            empty = await opened.enter_async_context(library.open(place, 2 * number, lifetime))
            peer = await opened.enter_async_context(library.open(place, 2 * number + 1, lifetime))
            ids = [await peer.create(new_config()) for _ in range(tasks)]
            left_out: dict[Operation, str] = {}
            not_timed.append(left_out)
            for operation, contestant in _contestants(library, empty, peer, ids, client):
                try:
                    if not contestant.right(await contestant.call()):
                        left_out[operation] = "a wrong answer"
                        continue
                except NotOfferedError as missing:
                    left_out[operation] = str(missing)
                    continue
                lines.append((library, operation))
                contestants.append(contestant)
        results = await take_turns(contestants, turns, Random(SEED))  # noqa: S311  an order, the same in every run
    return not_timed, [
        Timing(
            library.name,
            library.mode,
            operation,
            0 if operation == "create" else tasks,
            made.calls,
            made.seconds,
            made.ping_seconds,
        )
        for (library, operation), made in zip(lines, results, strict=True)
    ]


def _contestants(
    library: Library, empty: Peer, peer: Peer, ids: list[str], client: Any
) -> Iterator[tuple[Operation, Contestant]]:
    some = cycle(Random(SEED).sample(ids, len(ids)))  # noqa: S311  an order, the same in every run
    steps = cycle([("analyzing", 10.0), ("pending", 20.0)])
    clips = new_config()["clips"]
    configs = cycle([new_config() for _ in range(1_000)])

    async def look() -> Any:
        return peer.look(await peer.get(next(some)))

    async def update() -> Any:
        status, progress = next(steps)
        return await peer.update(next(some), status, progress=progress, current_step="Reading the transcript")

    def add(operation: Operation, call: Any, right: Any) -> tuple[Operation, Contestant]:
        ping = client.ping if library.mode == "redis" else None
        return operation, Contestant(f"{operation} of {library.name} in {library.mode}", call, right, ping)

    yield add("create", lambda: empty.create(next(configs)), lambda task_id: task_id.startswith("task_"))
    yield add("get", lambda: peer.get(next(some)), lambda task: peer.field(task, "current_step") is not None)
    yield add("look", look, lambda config: config["clips"] == clips)
    yield add("update", update, lambda task: peer.field(task, "current_step") == "Reading the transcript")
    yield add("list", lambda: peer.list(PAGE), lambda page: len(page[0]) == PAGE and page[1] == len(ids))
