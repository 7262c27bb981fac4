"""`conformance coverage`: what the tour reaches on a store, and what it leaves out."""

from __future__ import annotations

import argparse
import asyncio
import json
import secrets
from collections import Counter
from collections.abc import Iterator

from conformance.commands.options import output_file, stores
from conformance.files import write_file
from conformance.tour.outcome import Tour
from conformance.tour.run import run

DESCRIPTION = "Run the tour on stores, and print which classes of values, states, sizes and places it reached."
EPILOG = """\
examples:
  conformance coverage --store mystore:MyStore
  conformance coverage --store memory --store embedded --json coverage.json

exit status:
  0  every class that applies to the stores was reached
  2  wrong usage, or a file cannot be written
  3  a class was not reached because a hook or a method is missing"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--store", action="append", metavar="NAME", help="a subject (default: memory, embedded)")
    parser.add_argument("--seed", type=int, default=None, help="repeats the values of an earlier run")
    parser.add_argument("--json", type=output_file, metavar="FILE", help="write what was reached to FILE")


def main(options: argparse.Namespace) -> int:
    """Run the tour, print what it reached, and return the exit status."""
    seed = secrets.randbelow(2**31) if options.seed is None else options.seed
    tours: dict[str, Tour] = {}
    for name, make in stores(options.store or ("memory", "embedded")).items():
        harness = make()
        with harness.running():
            tours[name] = asyncio.run(run(harness, seed))
    for name, tour in tours.items():
        print("\n".join(_lines(name, tour)))
    print(f"--seed {seed}")
    if options.json:
        made = {name: tour.coverage() for name, tour in tours.items()}
        write_file(options.json, json.dumps(made, indent=1, ensure_ascii=False) + "\n")
    return 3 if any(_left_out(tour) for tour in tours.values()) else 0


def _lines(name: str, tour: Tour) -> Iterator[str]:
    calls = sum(sum(by_result.values()) for by_result in tour.calls.values())
    yield f"{name}: {len(tour.reached)} classes reached, {calls:,} calls, {tour.seconds:.1f} s"
    for title, table in (("result", tour.calls), ("status met", tour.met), ("tasks in the store", tour.sizes)):
        yield f"  calls by {title}"
        for operation, counted in table.items():
            yield f"    {operation}: {', '.join(f'{what} {count:,}' for what, count in counted.items())}"
    reasons: dict[str, Counter[str]] = {}
    for one, why in tour.missing.items():
        if one not in tour.reached:
            for reason, count in why.items():
                reasons.setdefault(reason, Counter())[one] += count
    for reason, classes in reasons.items():
        yield f"  not reached ({reason}): {', '.join(classes)}"


def _left_out(tour: Tour) -> bool:
    """Whether a class was not reached although the subject declares nothing that excludes it."""
    return any(
        one not in tour.reached and not all(reason.startswith("not-applicable") for reason in why)
        for one, why in tour.missing.items()
    )
