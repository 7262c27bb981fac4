"""`conformance verify`: four ways to look for something that a subject does otherwise than the model allows."""

from __future__ import annotations

import argparse
import json
import platform
import secrets
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from conformance.commands.options import CommandFailedError, output_file, stores
from conformance.files import FileError, write_file
from conformance.results.fingerprint import fingerprint
from conformance.verify.document import Build, Crash, Verification
from conformance.verify.failures import read_failure
from conformance.verify.jobs import FULL, PARTS, SHARE, look_first, run, running
from conformance.verify.scenes import Found
from conformance.verify.summary import SUMMARIES, Failure, Summary

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
  2  wrong usage, or a file cannot be read or written
  3  something was not decided, or a part ended early"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    depth = parser.add_mutually_exclusive_group()
    depth.add_argument("--full", action="store_const", dest="depth", const=FULL, default=SHARE, help="all of it")
    depth.add_argument("--quick", action="store_const", dest="depth", const=SHARE, help="a share of it (the default)")
    parser.add_argument("--store", action="append", metavar="NAME", help=f"a subject (default: {', '.join(SUBJECTS)})")
    parser.add_argument("--part", action="append", choices=PARTS, help="only this part; repeat for more")
    parser.add_argument("--seed", type=int, default=None, help="repeats a run, as far as clocks and networks let it")
    parser.add_argument("--json", type=output_file, metavar="FILE", help="write what came of it to FILE")
    parser.add_argument(
        "--failures", type=Path, metavar="DIR", default=Path("verify-failures"), help="where what failed is written"
    )
    parser.add_argument("--replay", type=Path, metavar="FILE", help="play again what an earlier run wrote")


def main(options: argparse.Namespace) -> int:
    """Hold subjects against the model, or repeat a failure; print the outcome, and return the exit status."""
    names = tuple(dict.fromkeys(options.store or SUBJECTS))
    shown = tuple(stores(names))
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
    parts = {part: SUMMARIES[part](outcomes.of_parts[part]) for part in PARTS if outcomes.of_parts[part]}
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
            subjects=shown,
            plain=first.differences,
            crashes=crashes,
            **{part: one.part for part, one in parts.items()},  # type: ignore[arg-type]  # each has its own part
        )
        document = whole.model_dump(mode="json", by_alias=True, exclude_none=True)
        write_file(options.json, json.dumps(document, indent=1) + "\n")
    if first.differences or not all(one.part.passed for one in parts.values()):
        return 1
    return 0 if all(one.part.decided for one in parts.values()) and not crashes else 3


def _show(parts: Mapping[str, Summary], crashes: Iterable[Crash], folder: Path) -> None:
    """Print what came of each part, and write what plays its failures again."""
    for part, summary in parts.items():
        print(f"{part}: {summary.line}")
        for number, failure in enumerate(summary.failures, start=1):
            _show_failure(failure, folder / f"{part}-{number}{failure.suffix}")
    for crash in crashes:
        print(f"{crash.part} on {', '.join(crash.subjects)} ended early: {crash.words}")


def _show_failure(failure: Failure, file: Path) -> None:
    """Print a failure, and write what plays it again."""
    print(f"\n{failure.text}")
    try:
        write_file(file, failure.replay)
        print(f"again: conformance verify --store {failure.subject} --replay {file}\n")
    except FileError as fault:  # the others are shown all the same
        print(f"it cannot be played again: {fault}\n")


def _replay(file: Path, names: tuple[str, ...]) -> int:
    """Play again what a run wrote, on the subjects that are named, and print what is wrong now."""
    try:
        play = read_failure(file)
        with running(names) as subjects:
            found = [*play(subjects)]
    except FileError:
        raise
    except ValueError as fault:  # NotPlayableError, and what the store cannot be opened with
        raise CommandFailedError(f"{file} cannot be played again: {type(fault).__name__}: {fault}") from fault
    print("\n\n".join(found) or "nothing differs now")
    return 1 if found else 0
