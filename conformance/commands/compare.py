"""`conformance compare A B`: find what two stores do differently."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from conformance.compare.child import SearchFailedError, searched
from conformance.compare.report import Report, known_text, read_known
from conformance.files import CommandFailedError, write_file
from conformance.subjects.registry import UnknownSubjectError, find_subject, shown_name

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
    names = _short(options.one), _short(options.other)
    known = read_known(options.known) if options.known else []
    status = 0
    try:
        stores = [(name, find_subject(one)) for name, one in zip(names, (options.one, options.other), strict=True)]
        for found in searched(stores[0], stores[1], options.seed, _tick):
            if not isinstance(found, Report):
                print(*found.lines(), "", sep="\n", flush=True)
                continue
            found.accept(known)
            status = found.status
            print(*found.lines(), sep="\n", flush=True)
            if options.json:
                write_file(options.json, found.json())
            if options.markdown:
                write_file(options.markdown, found.markdown())
            if options.write_known:
                write_file(options.write_known, known_text(found.findings))
    except UnknownSubjectError as fault:
        raise CommandFailedError(str(fault)) from None
    except SearchFailedError as fault:
        raise CommandFailedError(*fault.args) from None
    return status


def _tick(call: str) -> None:
    """Show on a terminal that the search goes on."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{call[:78]}\r", end="", file=sys.stderr, flush=True)


def _short(name: str) -> str:
    """A name that leaves room on the line: the class of `module:class`."""
    return shown_name(name) if "://" in name else name.rpartition(":")[2]
