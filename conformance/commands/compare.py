"""`conformance compare A B`: find what two stores do differently."""

from __future__ import annotations

import argparse
import secrets
import sys
from collections.abc import Callable
from contextlib import ExitStack

from conformance.case import HarnessFailedError
from conformance.compare.search import EXAMPLES, SECONDS, OperationsDifferError, Search
from conformance.harness import Harness
from conformance.subjects.registry import UnknownSubjectError, find_subject, shown_name

DESCRIPTION = "Give two stores the same calls, and print every difference as a short script."
EPILOG = """\
examples:
  conformance compare described-memory described-redis
  conformance compare mystore:Memory mystore:Redis --seconds 120

exit status:
  0  no difference was found
  1  differences
  2  wrong usage
  3  a store could not be set up"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.add_argument("one", metavar="A", help="a store, as `conformance run --store` takes it")
    parser.add_argument("other", metavar="B", help="another")
    parser.add_argument("--examples", type=int, default=EXAMPLES, help="sequences that a search tries (%(default)s)")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="for all searches together (%(default)s)")
    parser.add_argument("--seed", type=int, default=None, help="repeat a run")


def main(options: argparse.Namespace) -> int:
    """Compare two stores, and return the exit status."""
    if options.examples < 1:
        print("--examples: at least 1", file=sys.stderr)
        return 2
    try:
        makers = find_subject(options.one), find_subject(options.other)
    except UnknownSubjectError as unknown:
        print(unknown, file=sys.stderr)
        return 2
    names = _short(options.one), _short(options.other)
    seed = secrets.randbelow(2**32) if options.seed is None else options.seed
    with ExitStack() as stack:
        try:
            one, other = (_set_up(stack, maker, name) for maker, name in zip(makers, names, strict=True))
            search = Search(
                (names[0], one), (names[1], other), examples=options.examples, seconds=options.seconds, seed=seed
            )
            return _report(search, names, seed)
        except OperationsDifferError as differ:
            print(differ, file=sys.stderr)
            return 2
        except (HarnessFailedError, _SetUpFailedError) as failed:
            print(failed, file=sys.stderr)
            return 3


def _short(name: str) -> str:
    """A name that leaves room on the line: the class of `module:class`."""
    return shown_name(name) if "://" in name else name.rpartition(":")[2]


class _SetUpFailedError(Exception):
    """A harness could not be made, or what it needs does not run."""


def _set_up(stack: ExitStack, make: Callable[[], Harness], name: str) -> Harness:
    try:
        harness = make()
        stack.enter_context(harness.running())
    except Exception as fault:
        raise _SetUpFailedError(f"{name} could not be set up: {type(fault).__name__}: {fault}") from fault
    return harness


def _report(search: Search, names: tuple[str, str], seed: int) -> int:
    count = 0
    for count, difference in enumerate(search.differences(), start=1):
        print(f"{count}. {difference}\n", flush=True)
    noun = "difference" if count == 1 else "differences"
    stopped = "; the time was up before a search found nothing new" if search.out_of_time else ""
    print(f"{count} {noun} between {names[0]} and {names[1]} in {search.ran} examples (seed {seed}){stopped}")
    return 1 if count else 0
