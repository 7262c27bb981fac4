"""Other stores beside ours in memory mode: probed for what they do, and timed on the same payload.

Each peer is opened twice: on as many tasks as the depth says for `get`, `look` (a get, and a look at the metadata as
Python's values), `update` and `list` of fifty, and empty for `create`. Every process takes a block of each operation of
all peers, in a random order. cashews is set to hold more than its 1,000 entries, and its sweep once a second is off.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import cycle
from random import Random
from typing import Any

from benchmarks.document import Depth
from benchmarks.studies.blocks import Blocks, Contestant, join, take_turns
from benchmarks.studies.document import PeerOperation, Peers, Portrait, Timing
from benchmarks.studies.filling import new_config
from benchmarks.studies.peers.libraries import LIBRARIES, Library, NotOfferedError, Peer
from benchmarks.studies.peers.probes import probe
from benchmarks.studies.place import SEED, Place
from benchmarks.studies.processes import PROCESSES, in_new_process
from benchmarks.workload import PAGE
from conformance.measure.loop import Loop


@dataclass(frozen=True)
class Scale:
    """How many tasks and processes there are, and the seconds of a block of each operation of each peer."""

    tasks: int
    processes: int
    seconds: float


SCALES: dict[Depth, Scale] = {
    "quick": Scale(1_000, PROCESSES["quick"], 0.005),
    "default": Scale(10_000, PROCESSES["default"], 0.02),
    "full": Scale(100_000, PROCESSES["default"], 0.1),
}


@dataclass(frozen=True)
class Timed:
    """What one process timed, by peer and operation, and why it did not time the others, by peer."""

    blocks: dict[tuple[str, PeerOperation], Blocks]
    not_timed: dict[str, dict[PeerOperation, str]]


def run(depth: Depth, _: Place) -> Peers:
    """Probe all, then time all in one process after another."""
    scale = SCALES[depth]
    with Loop.running() as loop:
        traits = [loop.run(probe(library.open)) for library in LIBRARIES]
    made = [in_new_process(_time_all, scale, number) for number in range(scale.processes)]
    timings = (
        Timing(
            peer=name,
            operation=operation,
            tasks=0 if operation == "create" else scale.tasks,
            **join(one.blocks[name, operation] for one in made).model_dump(),
        )
        for name, operation in made[0].blocks
    )
    portraits = (
        Portrait(peer=one.name, version=one.version, traits=seen, not_timed=made[0].not_timed[one.name])
        for one, seen in zip(LIBRARIES, traits, strict=True)
    )
    return Peers(portraits=tuple(portraits), timings=tuple(timings))


def _time_all(scale: Scale, number: int) -> Timed:
    random = Random(f"{SEED} {number}")  # noqa: S311  an order, the same in every run
    with Loop.running() as loop:
        return loop.run(_time(scale, random))


async def _time(scale: Scale, random: Random) -> Timed:
    not_timed: dict[str, dict[PeerOperation, str]] = {}
    lines: list[tuple[str, PeerOperation]] = []
    contestants: list[Contestant] = []
    async with AsyncExitStack() as opened:
        for library in LIBRARIES:
            empty = await opened.enter_async_context(library.open())
            peer = await opened.enter_async_context(library.open())
            ids = [await peer.create(new_config()) for _ in range(scale.tasks)]
            left_out = not_timed[library.name] = {}
            for operation, contestant in _contestants(library, empty, peer, ids):
                try:
                    if not contestant.right(await contestant.call()):
                        left_out[operation] = "a wrong answer"
                        continue
                except NotOfferedError as missing:
                    left_out[operation] = str(missing)
                    continue
                lines.append((library.name, operation))
                contestants.append(contestant)
        results = await take_turns(contestants, scale.seconds, random)
    return Timed(dict(zip(lines, results, strict=True)), not_timed)


def _contestants(
    library: Library, empty: Peer, peer: Peer, ids: list[str]
) -> Iterator[tuple[PeerOperation, Contestant]]:
    some = cycle(Random(SEED).sample(ids, len(ids)))  # noqa: S311  an order, the same in every run
    steps = cycle([("analyzing", 10.0), ("pending", 20.0)])
    clips = new_config()["clips"]
    configs = cycle([new_config() for _ in range(1_000)])

    async def look() -> Any:
        return peer.look(await peer.get(next(some)))

    async def update() -> Any:
        status, progress = next(steps)
        return await peer.update(next(some), status, progress=progress, current_step="Reading the transcript")

    def add(operation: PeerOperation, call: Any, right: Any) -> tuple[PeerOperation, Contestant]:
        return operation, Contestant(f"{operation} of {library.name}", call, right)

    yield add("create", lambda: empty.create(next(configs)), lambda task_id: task_id.startswith("task_"))
    yield add("get", lambda: peer.get(next(some)), lambda task: peer.field(task, "current_step") is not None)
    yield add("look", look, lambda config: config["clips"] == clips)
    yield add("update", update, lambda task: peer.field(task, "current_step") == "Reading the transcript")
    yield add("list", lambda: peer.list(PAGE), lambda page: len(page[0]) == PAGE and page[1] == len(ids))
