"""`conformance production`: what callers under load get while the server fails, in figures."""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from conformance.commands.options import CommandFailedError, output_file
from conformance.files import FileError, write_file
from conformance.production.callers import CALLERS
from conformance.production.document import Production, Row
from conformance.production.faults import FAULTS, SHARE, Fault, soak
from conformance.production.run import PROCESSES, run_fault
from conformance.results.fingerprint import fingerprint
from conformance.subjects.servers import ServerError, find_binary

DESCRIPTION = """\
Let four processes of sixteen callers work on the store in Redis mode while its server fails, and count: acknowledged
writes that are lost, wrong answers, foreign exceptions, the longest wait, the time until it works again."""
EPILOG = """\
examples:
  conformance production --json production.json
  conformance production --only SIGSTOP --only "kill -9, appendfsync always"

exit status:
  0  every fault passes
  1  some fault does not
  2  wrong usage, no server program is there, or a file cannot be written
  3  something was skipped or not decided"""
_SOAK = {"long": 600.0, "all": 60.0}
"""Seconds of calls without a fault, by depth."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    depth = parser.add_mutually_exclusive_group()
    depth.add_argument("--share", action="store_const", dest="depth", const="share", default="all", help="a few faults")
    depth.add_argument(
        "--long", action="store_const", dest="depth", const="long", help="a soak of ten minutes, not one"
    )
    names = ", ".join((*(fault.name for fault in FAULTS), "soak"))
    parser.add_argument("--only", action="append", metavar="FAULT", help=f"this one; repeat for more: {names}")
    parser.add_argument(
        "--failures",
        type=Path,
        metavar="DIR",
        default=Path("production-failures"),
        help="where what is not explained is written",
    )
    parser.add_argument("--json", type=output_file, metavar="FILE", help="write what came of it to FILE")


def main(options: argparse.Namespace) -> int:
    """Cause the faults one after the other; print a line for each, and return the exit status."""
    faults = {fault.name: fault for fault in _faults(options.depth)}
    if unknown := set(options.only or ()) - faults.keys():
        raise CommandFailedError(f"--only: {min(unknown)!r} is none of {', '.join(faults)}")
    try:
        binary = find_binary()
    except ServerError as missing:
        raise CommandFailedError(str(missing)) from None
    for name in [name for name in os.environ if name.upper().startswith(("USE_REDIS_FOR_TASKS", "REDIS_", "TASK_"))]:
        del os.environ[name]  # callers open the store by settings of their own
    started, begun, rows = datetime.now(UTC), time.monotonic(), list[Row]()
    for name in options.only or faults:
        row, shown = run_fault(faults[name])
        rows.append(row)
        print(_line(row), flush=True)
        if shown:
            file = options.failures / f"{re.sub('[^A-Za-z0-9]+', '-', name)}.jsonl"
            try:
                write_file(file, shown[0])
                print(f"  the first of them: conformance check {file}")
            except FileError as fault:  # the other faults are wanted all the same
                print(f"  the first of them is lost: {fault}")
    seconds = time.monotonic() - begun
    print(f"{options.depth}, {seconds:.0f} s, {PROCESSES} processes of {CALLERS} callers")
    if options.json:
        document = Production(
            fingerprint=fingerprint(),
            server=binary.name,
            platform=platform.platform(),
            depth=options.depth,
            started=started.replace(microsecond=0),
            seconds=round(seconds, 1),
            processes=PROCESSES,
            callers=CALLERS,
            rows=tuple(rows),
        )
        write_file(options.json, json.dumps(document.model_dump(mode="json", by_alias=True), indent=1) + "\n")
    verdicts = {row.verdict for row in rows}
    return 1 if "fail" in verdicts else 0 if verdicts == {"pass"} else 3


def _faults(depth: str) -> Iterator[Fault]:
    if depth == "share":
        yield from (replace(fault, rounds=SHARE[fault.name]) for fault in FAULTS if fault.name in SHARE)
    else:
        yield from FAULTS
        yield soak(_SOAK[depth])


def _line(row: Row) -> str:
    figures = (
        f"{row.rounds} rounds, {row.acknowledged:,} acknowledged, {row.lost} lost{' (allowed)' * row.may_lose}, "
        f"{row.wrong} wrong, {sum(row.foreign.values())} foreign, longest {row.longest:.2f} of {row.limit:.1f} s, "
        f"lasted {row.lasted:.1f} s, works again after {row.again:.2f} s, {row.reopened} reopened; {row.evidence}"
    )
    return "\n  ".join([f"{row.verdict:9} {row.fault}: {figures}", *row.reasons])
