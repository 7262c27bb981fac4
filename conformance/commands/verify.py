"""`conformance verify`: four ways to look for something that a subject does otherwise than the model allows."""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import secrets
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, Field, TypeAdapter, model_validator

from conformance.harness import Harness
from conformance.reading import FileError, read_file
from conformance.results.fingerprint import fingerprint
from conformance.subjects.registry import UnknownSubjectError, find_subject
from conformance.verify.document import Build, Crash, Fault, Faults, Histories, Part, Search, Verification, Walk
from conformance.verify.drawn import KINDS
from conformance.verify.faults import CELLS, FAULTS, run_fault
from conformance.verify.histories.contradiction import shorten
from conformance.verify.histories.history import History, read_history
from conformance.verify.histories.judge import Verdict
from conformance.verify.histories.run import SubjectHistories, replay_history
from conformance.verify.jobs import FULL, LENGTH, PARTS, SHARE, look_first, run, running
from conformance.verify.operations import OPERATIONS
from conformance.verify.scenes import Found
from conformance.verify.search import play_again
from conformance.verify.walk import walk

SUBJECTS = ("memory", "memory-expiring", "fakeredis", "embedded")
DESCRIPTION = """\
Hold stores against the model in four ways: random scenes, every sequence of a few calls, histories of concurrent
callers, and faults of the server and the connection."""
EPILOG = """\
examples:
  conformance verify --store mystore:MyStore
  conformance verify --full --json verification.json
  conformance verify --store mystore:MyStore --replay verify-failures/search-1.json

exit status:
  0  every store does what the model allows
  1  some store does something else; a file under --failures repeats it
  2  wrong usage
  3  something was not decided, or a part ended early"""


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
        "--failures", type=Path, metavar="DIR", default=Path("verify-failures"), help="where what failed is written"
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
    first = look_first(names)
    if first.differences:
        print("\n\n".join(f"plain calls: {Found(difference, {})}" for difference in first.differences))
        if not options.part:
            print("\nNearly every sequence does the same. Mend this first, or name parts with --part to go on.\n")
    outcomes = run(names, options.depth, options.part or (() if first.differences else PARTS), seed)
    crashes = (*first.crashes, *outcomes.crashes)
    parts = {part: _SUMMARIES[part](outcomes.of_parts[part]) for part in PARTS if outcomes.of_parts[part]}
    _show(parts, crashes, options.failures)
    seconds = time.monotonic() - begun
    print(f"{options.depth.name}, {seconds:.0f} s, --seed {seed}")
    if options.json:
        build = Build(
            version=version("taskstore"),
            fingerprint=made_of,
            python=platform.python_version(),
            platform=platform.platform(),
            seed=seed,
        )
        whole = Verification(
            suite=build,
            depth=options.depth.name,
            started=started.replace(microsecond=0),
            seconds=round(seconds, 1),
            subjects=names,
            plain=first.differences,
            crashes=crashes,
            **{part: one.part for part, one in parts.items()},  # type: ignore[arg-type]  # each has its own part
        )
        told = whole.model_dump(mode="json", by_alias=True, exclude_none=True)
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(told, indent=1), "utf-8")
    if first.differences or not all(one.part.passed for one in parts.values()):
        return 1
    return 0 if all(one.part.decided for one in parts.values()) and not crashes else 3


def _show(parts: Mapping[str, Summary], crashes: Iterable[Crash], folder: Path) -> None:
    """Print what came of each part, and write what plays its failures again."""
    for part, summary in parts.items():
        print(f"{part}: {summary.line}")
        for number, failure in enumerate(summary.failures, start=1):
            _tell(failure, folder / f"{part}-{number}{failure.suffix}")
    for crash in crashes:
        print(f"{crash.part} on {', '.join(crash.subjects)} ended early: {crash.words}")


def _tell(failure: Failure, file: Path) -> None:
    """Print a failure, and write what plays it again."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(failure.replay, "utf-8")
    print(f"\n{failure.text}\nagain: conformance verify --replay {file}\n")


@dataclass(frozen=True)
class Failure:
    """One failure: what a person reads, and the file that plays it again."""

    text: str
    replay: str
    suffix: str


def _failures(part: str, found: Iterable[Found]) -> tuple[Failure, ...]:
    return tuple(Failure(str(one), _again(part, **one.replay), ".json") for one in found)


def _again(part: str, **what: Any) -> str:
    return json.dumps({"part": part, **what})


@dataclass(frozen=True)
class Summary:
    """What came of one part."""

    line: str
    part: Part
    failures: tuple[Failure, ...]


def _of_search(outcomes: list[tuple[Search, list[Found]]]) -> Summary:
    every = [one for _, found in reversed(outcomes) for one in found]
    found = list({one.signature: one for one in every}.values())
    part = Search(
        passed=not found,
        decided=any(one.decided for one, _ in outcomes),
        scenes=sum(one.scenes for one, _ in outcomes),
        calls=sum(one.calls for one, _ in outcomes),
        differences=tuple(one.difference for one in found),
    )
    line = f"{part.scenes:,} scenes, {part.calls:,} calls compared with the model; {len(found)} differences"
    return Summary(line, part, _failures("search", found))


def _of_walk(outcomes: list[tuple[Walk, list[Found]]]) -> Summary:
    ((part, found),) = outcomes
    of = "" if part.share == 1 else f" of {part.sequences:,}"
    aside = "".join(f"; {name}: {reason}" for name, reason in part.not_played.items())
    line = (
        f"{part.chosen:,}{of} sequences of at most {part.length} calls, {part.played:,} played on every subject, "
        f"{part.calls:,} calls compared with the model; {len(found)} differences{aside}"
    )
    return Summary(line, part, _failures("walk", found))


def _of_histories(outcomes: list[dict[str, SubjectHistories]]) -> Summary:
    by_subject = {name: one for outcome in outcomes for name, one in outcome.items()}
    every = by_subject.values()
    found = [each for one in every for each in one.contradictions]
    unknown = sum(len(one.unknown) for one in every)
    return Summary(
        f"{sum(one.histories for one in every):,} histories of {sum(one.calls for one in every):,} calls on "
        f"{', '.join(by_subject)}, {sum(one.across_processes for one in every):,} of them across processes; "
        f"{sum(one.explained for one in every):,} explained, {len(found)} contradictions, {unknown} unknown",
        Histories(
            passed=not found,
            decided=all(one.passed for one in every),
            subjects={name: one.in_document() for name, one in by_subject.items()},
        ),
        tuple(Failure(f"{each.text}\n\n{each.script}", each.history, ".jsonl") for each in found),
    )


def _of_faults(outcomes: list[list[Fault]]) -> Summary:
    cells = tuple(cell for outcome in outcomes for cell in outcome)
    count = Counter(cell.verdict for cell in cells)
    failed = [cell for cell in cells if cell.verdict == "fail"]
    undecided = [cell for cell in cells if cell.verdict == "not-testable"]
    aside = "".join(f"; {cell.fault} × {cell.operation}: {cell.reason}" for cell in undecided)
    return Summary(
        f"{len(cells)} of {CELLS * len(outcomes)} faults × operations on "
        f"{', '.join(dict.fromkeys(cell.subject for cell in cells))}; {count['pass']} pass, {len(failed)} fail, "
        f"{len(undecided)} not testable{aside}",
        Faults(passed=not failed, decided=bool(cells), possible=CELLS * len(outcomes), cells=cells),
        tuple(
            Failure(
                "\n".join([f"{cell.fault} × {cell.operation} on {cell.subject}: {cell.reason}", *cell.script]),
                _again("faults", fault=cell.fault, operation=cell.operation),
                ".json",
            )
            for cell in failed
        ),
    )


_SUMMARIES: Mapping[str, Callable[[list[Any]], Summary]] = {
    "search": _of_search,
    "walk": _of_walk,
    "histories": _of_histories,
    "faults": _of_faults,
}


def _replay(file: Path, names: tuple[str, ...]) -> int:
    """Play again what a run wrote, on the subjects that are named, and say what comes of it now."""
    try:
        play = _read_failure(file)
        with running(names) as subjects:
            told = [*play(subjects)]
    except FileError as fault:
        print(fault, file=sys.stderr)
        return 2
    except ValueError as fault:  # NotPlayableError, and what the store cannot be opened with
        print(f"{file} cannot be played again: {type(fault).__name__}: {fault}", file=sys.stderr)
        return 2
    print("\n\n".join(told) or "nothing differs now")
    return 1 if told else 0


class _OfSearch(BaseModel):
    """What `_again` writes of a scene."""

    part: Literal["search"]
    hypothesis: str
    kinds: tuple[Literal[*KINDS], ...]  # type: ignore[valid-type]  # they are keys of a table
    choices: str
    actions: tuple[Annotated[int, Field(ge=0)], ...] | None = None


class _OfWalk(BaseModel):
    """What `_again` writes of a sequence."""

    part: Literal["walk"]
    length: Annotated[int, Field(ge=1, le=LENGTH)]
    index: Annotated[int, Field(ge=0)]


class _OfFault(BaseModel):
    """What `_again` writes of a fault."""

    part: Literal["faults"]
    fault: str
    operation: str

    @model_validator(mode="after")
    def _check_names(self) -> Self:
        for name, there in ((self.fault, FAULTS), (self.operation, OPERATIONS)):
            if name not in {one.name for one in there}:
                raise ValueError(f"there is no {name}")
        return self


_Failed = Annotated[_OfSearch | _OfWalk | _OfFault, Field(discriminator="part")]
_FAILED: TypeAdapter[_Failed] = TypeAdapter(_Failed)


def _read_failure(file: Path) -> Callable[[dict[str, Harness]], Iterator[str]]:
    """Read what a run wrote, and return what plays it again.

    Raises:
        FileError: if the file cannot be read, or is no such thing.
    """
    if file.suffix == ".json":
        return partial(_replayed, read_file(file, _FAILED.validate_json, "a failure of `conformance verify`"))
    return partial(_replayed_history, read_history(file))


def _replayed(what: _Failed, subjects: dict[str, Harness]) -> Iterator[str]:
    if isinstance(what, _OfSearch):
        yield from map(str, play_again(subjects, what.model_dump(exclude_none=True)))
    elif isinstance(what, _OfWalk):
        yield from map(str, walk(subjects, length=what.length, only=what.index)[1])
    else:
        fault = next(one for one in FAULTS if one.name == what.fault)
        operation = next(one for one in OPERATIONS if one.name == what.operation)
        for name, harness in subjects.items():
            outcome = asyncio.run(run_fault(harness, name, fault, operation))
            if outcome.verdict == "fail":
                yield "\n".join([f"{name}: {outcome.reason}", *outcome.script])


def _replayed_history(recorded: History, subjects: dict[str, Harness]) -> Iterator[str]:
    for name, harness in subjects.items():
        history, judgement = replay_history(harness, recorded, name)
        if judgement.verdict is Verdict.CONTRADICTION:
            yield f"{name}:\n{shorten(history, judgement)}"
