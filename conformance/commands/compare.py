"""`conformance compare A B`: find what two stores do differently."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from conformance.backends.registry import find_backend, shown_name
from conformance.compare.child import searched
from conformance.compare.report import Difference, read_known
from conformance.files import write_file

DESCRIPTION = "Give two stores the same calls, and print every difference, one for each cause, as a short script."
EPILOG = """\
examples:
  conformance compare documented-memory documented-redis
  conformance compare mystore:Memory mystore:Redis --known known.toml

exit status:
  0  no difference but known ones, and everything was exercised
  1  differences
  2  wrong usage, operations that cannot be used, or a file that cannot be read or written
  6  no new difference, but not everything was exercised, or a known difference no longer shows
  7  a store could not be set up, or the harness crashed
  8  a store ended the process, or does not return; what was found so far is printed
  130  interrupted"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("one", metavar="A", help="a store, as `conformance run --store` takes it")
    parser.add_argument("other", metavar="B", help="another")
    parser.add_argument("--seed", type=int, default=0, help="draw other random sequences (default: 0)")
    parser.add_argument("--known", metavar="FILE", type=Path, help="accepted differences (TOML), which do not fail")
    for option, what in (
        ("--write-known", "write what is found as accepted differences"),
        ("--json", "write the report to FILE"),
        ("--markdown", "write the report for a pull request to FILE"),
    ):
        parser.add_argument(option, metavar="FILE", type=Path, help=what)


def main(options: argparse.Namespace) -> int:
    """Compare two stores, and return the exit status."""
    known = read_known(options.known) if options.known else []
    stores = [(_short(name), find_backend(name)) for name in (options.one, options.other)]
    report = searched(*stores, seed=options.seed, tell=_tell)
    report.accept(known)
    print(*report.lines(), sep="\n", flush=True)
    for file, text in (
        (options.json, report.json()),
        (options.markdown, report.markdown()),
        (options.write_known, "".join(found.toml() for found in report.findings)),
    ):
        if file:
            write_file(file, text)
    return report.status


def _tell(told: Difference | str) -> None:
    """Print a finding; on a terminal show by the calls that the search goes on."""
    if isinstance(told, Difference):
        print(*told.lines(), "", sep="\n", flush=True)
    elif sys.stderr.isatty():
        print(f"\r\x1b[K{told[:78]}\r", end="", file=sys.stderr, flush=True)


def _short(name: str) -> str:
    """A name that leaves room on the line: the class of `module:class`."""
    return shown_name(name) if "://" in name else name.rpartition(":")[2]
