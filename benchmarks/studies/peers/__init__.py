"""Other stores beside ours: probed for what they do, and timed on the same payload and the same server.

Each peer is opened twice: on as many tasks as the depth says for `get`, `look` (a get, and a look at the metadata as
Python's values), `update` and `list` of fifty, and empty for `create`. Each is in a database of its own. Every process
takes a block of each operation of all peers of a mode, in a random order.

cashews is set to hold more than its 1,000 entries in memory, and its sweep once a second is off. It
writes pickles to Redis, the others JSON.
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
from benchmarks.studies.blocks import Blocks, Contestant, join, take_turns
from benchmarks.studies.filling import new_config
from benchmarks.studies.peers.adapters import LIFETIME, NotOfferedError, Peer
from benchmarks.studies.peers.libraries import LIBRARIES, Library
from benchmarks.studies.peers.probes import Trait, probe
from benchmarks.studies.place import SEED, Depth, Mode, Place
from benchmarks.studies.plain import pooled
from benchmarks.studies.processes import PROCESSES, in_new_process
from benchmarks.workload import PAGE

Operation = Literal["create", "get", "look", "update", "list"]


@dataclass(frozen=True)
class Scale:
    """Tasks in memory and in Redis, how many processes, and the seconds of a block of each operation of each peer."""

    tasks: dict[Mode, int]
    processes: int
    seconds: float


SCALES: dict[Depth, Scale] = {
    "quick": Scale({"memory": 1_000, "redis": 100}, PROCESSES["quick"], 0.005),
    "default": Scale({"memory": 10_000, "redis": 1_000}, PROCESSES["default"], 0.02),
    "full": Scale({"memory": 100_000, "redis": 10_000}, PROCESSES["default"], 0.1),
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
    """Probe all, then time all in one process after another."""
    portraits, timings, scale = [], [], SCALES[depth]
    modes: tuple[Mode, ...] = ("memory", "redis")
    for mode in modes:
        libraries = [library for library in LIBRARIES if library.mode == mode]
        with Loop.running() as loop:
            traits = loop.run(_probe(libraries, place))
        place.empty()
        made: list[Timed] = []
        for number in range(scale.processes):
            made.append(in_new_process(_time_all, mode, place, scale, number))
            place.empty()
        for name, operation in made[0].blocks:
            whole = join(one.blocks[name, operation] for one in made)
            tasks = 0 if operation == "create" else scale.tasks[mode]
            timings.append(Timing(name, mode, operation, tasks, whole.calls, whole.seconds, whole.ping_seconds))
        portraits += [
            Portrait(one.name, mode, one.package, one.version, seen, made[0].not_timed[one.name])
            for one, seen in zip(libraries, traits, strict=True)
        ]
    return Peers(portraits, timings)


@dataclass(frozen=True)
class Timed:
    """What one process timed, by peer and operation, and why it did not time the others, by peer."""

    blocks: dict[tuple[str, Operation], Blocks]
    not_timed: dict[str, dict[Operation, str]]


def _time_all(mode: Mode, place: Place, scale: Scale, number: int) -> Timed:
    libraries = [library for library in LIBRARIES if library.mode == mode]
    random = Random(f"{SEED} {number}")  # noqa: S311  an order, the same in every run
    with Loop.running() as loop:
        return loop.run(_time(libraries, place, scale.tasks[mode], scale.seconds, random))


async def _probe(libraries: list[Library], place: Place) -> list[list[Trait]]:
    probing = (probe(partial(one.open, place, database)) for database, one in enumerate(libraries))
    return await asyncio.gather(*probing)


async def _time(libraries: list[Library], place: Place, tasks: int, seconds: float, random: Random) -> Timed:
    not_timed: dict[str, dict[Operation, str]] = {}
    lines: list[tuple[str, Operation]] = []
    contestants: list[Contestant] = []
    async with AsyncExitStack() as opened:
        client = await opened.enter_async_context(pooled(place.url(0)))
        for number, library in enumerate(libraries):
            lifetime = None if library.mode == "memory" else LIFETIME
            empty = await opened.enter_async_context(library.open(place, 2 * number, lifetime))
            peer = await opened.enter_async_context(library.open(place, 2 * number + 1, lifetime))
            ids = [await peer.create(new_config()) for _ in range(tasks)]
            left_out = not_timed[library.name] = {}
            for operation, contestant in _contestants(library, empty, peer, ids, client):
                try:
                    if not contestant.right(await contestant.call()):
                        left_out[operation] = "a wrong answer"
                        continue
                except NotOfferedError as missing:
                    left_out[operation] = str(missing)
                    continue
                lines.append((library.name, operation))
                contestants.append(contestant)
        results = await take_turns(contestants, seconds, random)
    return Timed(dict(zip(lines, results, strict=True)), not_timed)


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
