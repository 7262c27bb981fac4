"""`conformance prove`: four ways to look for something that a subject does otherwise than the model."""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import platform
import secrets
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeAlias

from conformance.fingerprint import fingerprint
from conformance.harness import Capability, Harness
from conformance.subjects.registry import UnknownSubjectError, find_subject
from conformance.subjects.servers import end_with_parent
from conformance.verify.faults import CELLS, FAULTS, FaultOutcome, run_fault, run_faults
from conformance.verify.histories.contradiction import shorten
from conformance.verify.histories.judge import Verdict
from conformance.verify.histories.run import SubjectHistories, replay_lines, run_histories
from conformance.verify.lockstep import LockstepOutcome, replay_lockstep, run_lockstep
from conformance.verify.operations import OPERATIONS
from conformance.verify.outcome import TransitionsOutcome
from conformance.verify.transitions import run_transitions

SCHEMA = "conformance-proof/1"
SUBJECTS = ("memory", "memory-expiring", "fakeredis", "embedded")
PARTS = ("lockstep", "transitions", "histories", "faults")
_PROCESSES = 2
DESCRIPTION = """\
Hold stores against one model in four ways: random sequences of calls, every transition of a bounded world, histories
of concurrent callers, and faults of the server and the connection."""
EPILOG = """\
examples:
  conformance prove --store mystore:MyStore
  conformance prove --full --json proof.json
  conformance prove --store mystore:MyStore --replay proof-failures/lockstep-1.json

exit status:
  0  nothing differs from the model
  1  something differs; a file under --failures repeats it
  2  wrong usage
  3  something was not decided"""


@dataclass(frozen=True)
class Depth:
    """How much of each part is done: sequences, the share of all transitions, histories in all, every fault or few."""

    name: str
    sequences: int
    transitions: float
    histories: int
    every_fault: bool


SHARE = Depth("share", sequences=150, transitions=0.01, histories=24, every_fault=False)
FULL = Depth("full", sequences=10_000, transitions=1, histories=1_000, every_fault=True)


_Job: TypeAlias = Callable[[dict[str, Harness], Depth, int], Any]
"""What one process does, with a seed, on subjects that it starts for itself."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    depth = parser.add_mutually_exclusive_group()
    depth.add_argument("--full", action="store_const", dest="depth", const=FULL, default=SHARE, help="all of it")
    depth.add_argument("--quick", action="store_const", dest="depth", const=SHARE, help="a share of it (the default)")
    parser.add_argument("--store", action="append", metavar="NAME", help=f"a subject (default: {', '.join(SUBJECTS)})")
    parser.add_argument("--part", action="append", choices=PARTS, help="only this part; repeat for more")
    parser.add_argument("--seed", type=int, default=None, help="repeats a run, as far as clocks and networks let it")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what came of it to FILE")
    parser.add_argument(
        "--failures", type=Path, metavar="DIR", default=Path("proof-failures"), help="where what failed is written"
    )
    parser.add_argument("--replay", type=Path, metavar="FILE", help="play again what an earlier run wrote")


def main(options: argparse.Namespace) -> int:
    """Hold subjects against the model, or repeat a failure; print the outcome, and return the exit status."""
    names = tuple(dict.fromkeys(options.store or SUBJECTS))
    try:
        for name in names:
            find_subject(name)
    except UnknownSubjectError as unknown:
        print(f"--store: {unknown}", file=sys.stderr)
        return 2
    if options.replay:
        return _replay(options.replay, names)
    seed = secrets.randbelow(2**31) if options.seed is None else options.seed
    started, begun, made_of = datetime.now(UTC), time.monotonic(), fingerprint()
    outcomes = _run(names, options.depth, options.part or PARTS, seed)
    parts = {part: made for part in PARTS if (made := _SUMMARIES[part](outcomes[part])) is not None}
    for part, summary in parts.items():
        print(f"{part}: {summary.line}")
        for number, failure in enumerate(summary.failures, start=1):
            options.failures.mkdir(parents=True, exist_ok=True)
            file = options.failures / f"{part}-{number}{failure.suffix}"
            file.write_text(failure.replay, "utf-8")
            print(f"\n{failure.text}\nagain: conformance prove --replay {file}\n")
    seconds = time.monotonic() - begun
    print(f"{options.depth.name}, {seconds:.0f} s, --seed {seed}")
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        whole = {
            "schema": SCHEMA,
            "suite": {
                "version": version("taskstore"),
                "fingerprint": made_of,
                "python": platform.python_version(),
                "platform": platform.platform(),
                "seed": seed,
            },
            "depth": options.depth.name,
            "started": started.isoformat(timespec="seconds"),
            "seconds": round(seconds, 1),
            "subjects": names,
            **{part: {"passed": one.passed, "decided": one.decided, **one.facts} for part, one in parts.items()},
        }
        options.json.write_text(json.dumps(whole, indent=1, ensure_ascii=True), "utf-8")
    if not all(one.passed for one in parts.values()):
        return 1
    return 0 if all(one.decided for one in parts.values()) else 3


@contextmanager
def _running(names: Sequence[str]) -> Iterator[dict[str, Harness]]:
    with ExitStack() as stack:
        subjects = {name: find_subject(name)() for name in names}
        for harness in subjects.values():
            stack.enter_context(harness.running())
        yield subjects


def _run(names: tuple[str, ...], depth: Depth, parts: Sequence[str], seed: int) -> dict[str, list[Any]]:
    """Share the parts out among processes, each with servers of its own, and gather what came of them."""
    jobs: list[tuple[str, _Job, tuple[str, ...]]] = [
        *(("lockstep", _lockstep, names) for _ in range(_PROCESSES)),
        ("transitions", _transitions, names),
        *(("histories", _histories, (name,)) for name in names),
        *(("faults", _faults, (name,)) for name in names if Capability.REMOTE in find_subject(name)().capabilities),
    ]
    share = Depth(
        depth.name,
        -(-depth.sequences // _PROCESSES),
        depth.transitions,
        -(-depth.histories // len(names)),
        depth.every_fault,
    )
    outcomes: dict[str, list[Any]] = {part: [] for part in PARTS}
    with _nothing_kept(), _pool() as pool:
        futures: dict[Future[Any], str] = {
            pool.submit(_work, job, on, share, seed + number): part
            for number, (part, job, on) in enumerate(jobs)
            if part in parts
        }
        for done in as_completed(futures):
            outcomes[futures[done]].append(done.result())
            left = len(futures) - sum(map(len, outcomes.values()))
            print(f"{futures[done]} done, {left} to go", file=sys.stderr, flush=True)
    return outcomes


def _pool() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(_PROCESSES, multiprocessing.get_context("spawn"), end_with_parent)


@contextmanager
def _nothing_kept() -> Iterator[None]:
    """Hypothesis keeps what it learnt of the sources in a folder, even where it keeps no examples."""
    with tempfile.TemporaryDirectory(prefix="conformance-") as folder:
        os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = folder
        yield


def _work(job: _Job, names: tuple[str, ...], depth: Depth, seed: int) -> Any:
    with _running(names) as subjects:
        return job(subjects, depth, seed)


def _lockstep(subjects: dict[str, Harness], depth: Depth, seed: int) -> LockstepOutcome:
    return run_lockstep(subjects, sequences=depth.sequences, seed=seed)


def _transitions(subjects: dict[str, Harness], depth: Depth, seed: int) -> TransitionsOutcome:
    return run_transitions(subjects, share=depth.transitions, seed=seed, apart=depth.transitions == 1)


def _histories(subjects: dict[str, Harness], depth: Depth, seed: int) -> dict[str, SubjectHistories]:
    return dict(run_histories(subjects, count=depth.histories, seed=seed).subjects)


def _faults(subjects: dict[str, Harness], depth: Depth, _: int) -> list[FaultOutcome]:
    ((name, harness),) = subjects.items()
    return asyncio.run(run_faults(harness, name, full=depth.every_fault))


@dataclass(frozen=True)
class Failure:
    """One failure: what a person reads, and the file that plays it again."""

    text: str
    replay: str
    suffix: str


def _again(part: str, **what: Any) -> str:
    return json.dumps({"part": part, **what})


@dataclass(frozen=True)
class Summary:
    """What came of one part."""

    line: str
    passed: bool
    decided: bool
    facts: dict[str, Any]
    failures: tuple[Failure, ...]


def _of_lockstep(outcomes: list[LockstepOutcome]) -> Summary | None:
    if not outcomes:
        return None
    one = LockstepOutcome.merged(outcomes)
    return Summary(
        f"{one.tally.sequences:,} sequences, {one.tally.steps:,} steps, {one.tally.comparisons:,} comparisons of "
        f"{', '.join(one.subjects)} with the model; {len(one.differences)} differences",
        passed=not one.differences,
        decided=one.tally.sequences > 0,
        facts=one.as_json(),
        failures=tuple(Failure(str(each), _again("lockstep", steps=each.replay), ".json") for each in one.differences),
    )


def _of_transitions(outcomes: list[TransitionsOutcome]) -> Summary | None:
    if not outcomes:
        return None
    (one,) = outcomes
    return Summary(
        str(one),
        passed=not one.differences,
        decided=one.executed == one.chosen > 0,
        facts=one.as_json(),
        failures=tuple(
            Failure(str(each), _again("transitions", index=each.transition.index), ".json") for each in one.differences
        ),
    )


def _of_histories(outcomes: list[dict[str, SubjectHistories]]) -> Summary | None:
    if not outcomes:
        return None
    by_subject = {name: one for outcome in outcomes for name, one in outcome.items()}
    every = by_subject.values()
    found = [each for one in every for each in one.contradictions]
    unknown = sum(len(one.unknown) for one in every)
    return Summary(
        f"{sum(one.histories for one in every):,} histories of {sum(one.calls for one in every):,} calls on "
        f"{', '.join(by_subject)}, {sum(one.across_processes for one in every):,} of them across processes; "
        f"{sum(one.explained for one in every):,} explained, {len(found)} contradictions, {unknown} unknown",
        passed=not found,
        decided=all(one.passed for one in every),
        facts={"subjects": {name: one.as_json() for name, one in by_subject.items()}},
        failures=tuple(Failure(f"{each.text}\n\n{each.script}", each.history, ".jsonl") for each in found),
    )


def _of_faults(outcomes: list[list[FaultOutcome]]) -> Summary | None:
    if not outcomes:
        return None
    cells = [cell for outcome in outcomes for cell in outcome]
    count = Counter(cell.verdict for cell in cells)
    failed = [cell for cell in cells if cell.verdict == "fail"]
    undecided = [cell for cell in cells if cell.verdict == "not-testable"]
    aside = "".join(f"; {cell.fault} × {cell.operation}: {cell.reason}" for cell in undecided)
    return Summary(
        f"{len(cells)} of {CELLS * len(outcomes)} faults × operations on "
        f"{', '.join(dict.fromkeys(cell.subject for cell in cells))}; {count['pass']} pass, {len(failed)} fail, "
        f"{len(undecided)} not testable{aside}",
        passed=not failed,
        decided=bool(cells),
        facts={"possible": CELLS * len(outcomes), "cells": [asdict(cell) for cell in cells]},
        failures=tuple(
            Failure(
                "\n".join([f"{cell.fault} × {cell.operation} on {cell.subject}: {cell.reason}", *cell.script]),
                _again("faults", fault=cell.fault, operation=cell.operation),
                ".json",
            )
            for cell in failed
        ),
    )


_SUMMARIES: Mapping[str, Callable[[list[Any]], Summary | None]] = {
    "lockstep": _of_lockstep,
    "transitions": _of_transitions,
    "histories": _of_histories,
    "faults": _of_faults,
}


def _replay(file: Path, names: tuple[str, ...]) -> int:
    """Play again what a run wrote, on the subjects that are named, and say what comes of it now."""
    try:
        text = file.read_text("utf-8")
        what = json.loads(text) if file.suffix == ".json" else None
        with _running(names) as subjects:
            told = [*(_replayed_history(text, subjects) if what is None else _replayed(what, subjects))]
    except (OSError, ValueError, KeyError, TypeError) as fault:
        print(f"{file} cannot be played again: {type(fault).__name__}: {fault}", file=sys.stderr)
        return 2
    print("\n\n".join(told) or "nothing differs now")
    return 1 if told else 0


def _replayed(what: dict[str, Any], subjects: dict[str, Harness]) -> Iterator[str]:
    if what["part"] == "lockstep":
        if found := replay_lockstep(what["steps"], subjects):
            yield str(found)
    elif what["part"] == "transitions":
        yield from map(str, run_transitions(subjects, only=what["index"]).differences)
    else:
        fault = next(one for one in FAULTS if one.name == what["fault"])
        operation = next(one for one in OPERATIONS if one.name == what["operation"])
        for name, harness in subjects.items():
            outcome = asyncio.run(run_fault(harness, name, fault, operation))
            if outcome.verdict == "fail":
                yield "\n".join([f"{name}: {outcome.reason}", *outcome.script])


def _replayed_history(text: str, subjects: dict[str, Harness]) -> Iterator[str]:
    for name, harness in subjects.items():
        history, judgement = replay_lines(harness, text, name)
        if judgement.verdict is Verdict.CONTRADICTION:
            yield f"{name}:\n{shorten(history, judgement)}"
