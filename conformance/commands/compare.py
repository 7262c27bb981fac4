"""`conformance compare A B`: find what two stores do differently."""

from __future__ import annotations

import argparse
import math
import os
import secrets
import sys
from collections.abc import Callable
from contextlib import ExitStack, redirect_stdout
from pathlib import Path

from conformance.commands.options import CommandFailedError, output_file
from conformance.compare.document import Report, Status
from conformance.compare.known import read, written
from conformance.compare.operations.check import HarnessCrashedError, OperationsError, running
from conformance.compare.report import markdown_of, report_of, text_of
from conformance.compare.search import Search
from conformance.compare.store import NotOpenedError
from conformance.files import FileError, write_file
from conformance.harness import Harness
from conformance.subjects.registry import UnknownSubjectError, find_subject, shown_name

DESCRIPTION = "Give two stores the same calls, and print every difference, one for each cause, as a short script."
EPILOG = """\
examples:
  conformance compare documented-memory documented-redis
  conformance compare mystore:Memory mystore:Redis --known known.toml

exit status:
  0  no difference was found, and everything was exercised
  1  differences
  2  wrong usage, operations that cannot be used, or a file that cannot be written
  3  a store could not be set up
  4  known differences only
  5  the time was over before the plan was gone through
  6  no new difference, but not everything was exercised, or a known difference no longer occurs
  7  the harness crashed
  130  interrupted; what was found so far is printed"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("one", metavar="A", help="a store, as `conformance run --store` takes it")
    parser.add_argument("other", metavar="B", help="another")
    parser.add_argument(
        "--seconds",
        type=float,
        help="search for so long; without it as long as the plan and some random sequences take",
    )
    parser.add_argument("--seed", type=int, default=None, help="repeat a run (default: 0, with --seconds a random one)")
    parser.add_argument("--known", metavar="FILE", type=Path, help="accepted differences (TOML), which do not fail")
    parser.add_argument(
        "--write-known", metavar="FILE", type=output_file, help="write what is found as accepted differences"
    )
    parser.add_argument("--json", metavar="FILE", type=output_file, help="write the report to FILE")
    parser.add_argument(
        "--markdown", metavar="FILE", type=output_file, help="write the report for a pull request to FILE"
    )


def main(options: argparse.Namespace) -> int:
    """Compare two stores, and return the exit status."""
    limits = {} if options.seconds is None else {"seconds": options.seconds, "most_random": math.inf}
    if limits and not 0 < options.seconds < math.inf:
        raise CommandFailedError("--seconds: a positive number")
    try:
        makers = find_subject(options.one), find_subject(options.other)
    except UnknownSubjectError as fault:
        raise CommandFailedError(str(fault)) from None
    known = read(options.known) if options.known else []
    names = _short(options.one), _short(options.other)
    seed = options.seed
    if seed is None:  # without --seconds as in conformance.parity, so that known differences serve both
        seed = secrets.randbelow(2**32) if limits else 0
    with ExitStack() as stack:
        try:
            one, other = (_set_up(stack, maker, name) for maker, name in zip(makers, names, strict=True))
            stdout = sys.stdout  # a search that is stuck has another in its place

            def end(search: Search) -> None:
                report = report_of(search)
                with redirect_stdout(stdout):
                    try:
                        _write(report, search, options)
                    except FileError as fault:
                        print(fault, flush=True)
                    print(report.status.summary, flush=True)
                os._exit(report.status.exit_status)

            pair = (names[0], one), (names[1], other)
            return _search(Search(*pair, seed=seed, known=known, when_stuck=end, **limits), options)
        except Exception as fault:  # noqa: BLE001  one line and where, in place of a traceback
            failure = _failure_of(fault)
    raise failure  # not inside the block: the harnesses end what they have started as after any comparison


def _failure_of(fault: Exception) -> CommandFailedError:
    if isinstance(fault, (OperationsError, FileError)):
        return CommandFailedError(str(fault))
    if isinstance(fault, NotOpenedError):
        return CommandFailedError(str(fault), 3)
    crash = fault if isinstance(fault, HarnessCrashedError) else HarnessCrashedError("the comparison", fault)
    return CommandFailedError(f"crashed: {crash}", Status.CRASHED.exit_status)


def _search(search: Search, options: argparse.Namespace) -> int:
    interrupted: BaseException | None = None
    try:
        for finding in search.run():
            if sys.stderr.isatty():
                print(f"found: {finding.title}", file=sys.stderr, flush=True)
    except (KeyboardInterrupt, HarnessCrashedError) as fault:
        interrupted = fault
    report = report_of(search, str(interrupted) if isinstance(interrupted, HarnessCrashedError) else "")
    _write(report, search, options)
    if interrupted is not None:
        raise interrupted
    print(report.status.summary)
    return report.status.exit_status


def _write(report: Report, search: Search, options: argparse.Namespace) -> None:
    """Write the report wherever it is asked for."""
    print(*text_of(report), sep="\n", flush=True)
    if options.json:
        write_file(options.json, report.to_json())
    if options.markdown:
        write_file(options.markdown, "\n".join(markdown_of(report)) + "\n")
    if options.write_known:
        write_file(options.write_known, written(search.findings))


def _short(name: str) -> str:
    """A name that leaves room on the line: the class of `module:class`."""
    return shown_name(name) if "://" in name else name.rpartition(":")[2]


def _set_up(stack: ExitStack, make: Callable[[], Harness], name: str) -> Harness:
    try:
        harness = make()
        stack.enter_context(running(harness, name))
    except OperationsError:
        raise
    except Exception as fault:
        raise NotOpenedError(name, fault) from fault
    return harness
