"""`conformance mutants`: what the suite catches of stores that are wrong on purpose."""

from __future__ import annotations

import argparse

from conformance.commands.options import output_file, positive
from conformance.mutants.command import run

DESCRIPTION = """\
Run stores that are wrong on purpose against the suite: mutants that are written by hand against the cases that must
catch them, and faults that operators make, some chosen and a sample drawn, against the tour. Stores that are changed
and still right (controls) have to pass."""
EPILOG = """\
examples:
  conformance mutants
  conformance mutants --sample 1000 --seed 7 --json mutants.json

exit status:
  0  every mutant is caught and every control passes
  1  one survives without a reason in survivors.toml, a control fails, or nothing defends a MUST in one of the modes
  2  wrong usage, or a file cannot be written"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    many = parser.add_mutually_exclusive_group()
    many.add_argument(
        "--sample", type=positive, default=300, metavar="N", help="draw so many faults (default: %(default)s)"
    )
    many.add_argument("--all", action="store_true", help="each operator at each place under each condition; hours")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="draw other faults (default: %(default)s)")
    parser.add_argument("--json", type=output_file, metavar="FILE", help="write the outcome to FILE")
    parser.add_argument("--jobs", type=positive, default=2, metavar="N", help="processes (default: %(default)s)")


def main(options: argparse.Namespace) -> int:
    """Run the mutants, and return the exit status."""
    return run(options.seed, None if options.all else options.sample, options.jobs, options.json)
