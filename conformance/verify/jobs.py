"""The parts of a verification as jobs of several processes, each with servers of its own."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, as_completed
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from math import ceil
from typing import Any, TypeAlias

from conformance.engine.scene import Scene, cancel, create, get, listing, update
from conformance.harness import Capability, Harness
from conformance.processes import process_pool
from conformance.subjects.registry import find_subject, find_subjects, shown_name
from conformance.verify.document import Crash, Difference, Fault, Search, SubjectHistories, Walk
from conformance.verify.faults.run import run_faults
from conformance.verify.histories.run import run_histories
from conformance.verify.scenes import Found, Players
from conformance.verify.search import search
from conformance.verify.walk import walk
from taskstore import TaskStatus

PARTS = ("search", "walk", "histories", "faults")
_PROCESSES = 2
_LONGEST_LINE = 500


@dataclass(frozen=True)
class Depth:
    """How much of each part is done: scenes, the share of all sequences, histories in all, every fault or few."""

    name: str
    scenes: int
    sequences: float
    histories: int
    every_fault: bool


LENGTH = 4
"""The most calls of a sequence of the walk."""
SHARE = Depth("share", scenes=150, sequences=0.05, histories=24, every_fault=False)
FULL = Depth("full", scenes=4_000, sequences=1, histories=1_000, every_fault=True)
_PLAIN = Scene(
    "plain calls",
    (
        create("a", video_ids=("v",)),
        get("a"),
        update("a", TaskStatus.CLIPPING, progress=30),
        cancel("a"),
        create("b", video_ids=("w",)),
        listing(),
    ),
)
_Job: TypeAlias = Callable[[dict[str, Harness], Depth, int], Any]
"""What one process does, with a seed, on subjects that it starts for itself."""


@dataclass
class Outcomes:
    """The results of the jobs of each part, and the jobs that raised."""

    of_parts: dict[str, list[Any]] = field(default_factory=lambda: {part: [] for part in PARTS})
    crashes: list[Crash] = field(default_factory=list)


@contextmanager
def running(names: Sequence[str]) -> Iterator[dict[str, Harness]]:
    """The harnesses of subjects, by the names that may be shown. They run meanwhile."""
    with ExitStack() as stack:
        subjects = {name: make() for name, make in find_subjects(names).items()}
        for harness in subjects.values():
            stack.enter_context(harness.running())
        yield subjects


@dataclass(frozen=True)
class FirstLook:
    """What a few plain calls do that the model does not allow. Nearly every longer sequence would show it too."""

    differences: tuple[Difference, ...] = ()
    crashes: tuple[Crash, ...] = ()


def look_first(names: tuple[str, ...]) -> FirstLook:
    """Make a few plain calls on each subject."""
    try:
        with running(names) as subjects, Players(subjects) as players:
            return FirstLook(tuple(one.difference for one in players.play(_PLAIN)[1]))
    except Exception as fault:  # noqa: BLE001  whatever a harness raises is shown
        return FirstLook(crashes=(_crash("plain calls", names, fault),))


def run(names: tuple[str, ...], depth: Depth, parts: Sequence[str], seed: int) -> Outcomes:
    """Distribute the parts among processes, and gather the results. A job that raises loses no other."""
    jobs: list[tuple[str, _Job, tuple[str, ...]]] = [
        *(("search", _search, names) for _ in range(_PROCESSES)),
        ("walk", _walk, names),
        *(("histories", _histories, (name,)) for name in names),
        *(("faults", _faults, (name,)) for name in names if Capability.REMOTE in find_subject(name)().capabilities),
    ]
    share = replace(depth, scenes=ceil(depth.scenes / _PROCESSES), histories=ceil(depth.histories / len(names)))
    outcomes = Outcomes()
    with _nothing_kept(), process_pool(_PROCESSES) as pool:
        futures: dict[Future[Any], tuple[str, tuple[str, ...]]] = {
            pool.submit(_work, job, on, share, seed + number): (part, on)
            for number, (part, job, on) in enumerate(jobs)
            if part in parts
        }
        for left, done in zip(reversed(range(len(futures))), as_completed(futures), strict=True):
            part, on = futures[done]
            try:
                outcomes.of_parts[part].append(done.result())
            except KeyboardInterrupt:
                raise
            except BaseException as fault:  # noqa: BLE001  a store may raise SystemExit
                outcomes.crashes.append(_crash(part, on, fault))
            print(f"{part} done, {left} to go", file=sys.stderr, flush=True)  # noqa: T201  a command shows how far it is
    return outcomes


def _crash(part: str, subjects: tuple[str, ...], fault: BaseException) -> Crash:
    words = f"{type(fault).__name__}: {fault}"[:_LONGEST_LINE]
    return Crash(part=part, subjects=tuple(map(shown_name, subjects)), words=words)


@contextmanager
def _nothing_kept() -> Iterator[None]:
    """Give Hypothesis a folder that is removed: it writes files even if it keeps no examples."""
    with tempfile.TemporaryDirectory(prefix="conformance-") as folder:
        os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = folder
        yield


def _work(job: _Job, names: tuple[str, ...], depth: Depth, seed: int) -> Any:
    with running(names) as subjects:
        return job(subjects, depth, seed)


def _search(subjects: dict[str, Harness], depth: Depth, seed: int) -> tuple[Search, list[Found]]:
    return search(subjects, count=depth.scenes, seed=seed)


def _walk(subjects: dict[str, Harness], depth: Depth, seed: int) -> tuple[Walk, list[Found]]:
    return walk(subjects, length=LENGTH, share=depth.sequences, seed=seed)


def _histories(subjects: dict[str, Harness], depth: Depth, seed: int) -> dict[str, SubjectHistories]:
    return run_histories(subjects, count=depth.histories, seed=seed)


def _faults(subjects: dict[str, Harness], depth: Depth, _: int) -> list[Fault]:
    ((name, harness),) = subjects.items()
    return asyncio.run(run_faults(harness, name, full=depth.every_fault))
