"""`conformance mutants`: run the mutants against their cases, and the controls against all."""

from __future__ import annotations

import argparse
from pathlib import Path

from conformance.mutants.command import run

DESCRIPTION = """\
Run stores that are wrong on purpose (mutants) against the cases that must catch them, and stores that are changed and
still right (controls) against all cases."""
EPILOG = """\
examples:
  conformance mutants
  conformance mutants --json mutants.json --seed 7

exit status:
  0  every mutant is caught and every control passes
  1  a mutant survives, a control fails, or a MUST has no mutant and no reason for it
  2  wrong usage"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.add_argument("--matrix", action="store_true", help="run every mutant against every case; slow")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the outcome to FILE")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="draw other examples (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="processes (default: %(default)s)")


def main(options: argparse.Namespace) -> int:
    """Run the mutants, and return the exit status."""
    return run(options.seed, options.jobs, matrix=options.matrix, file=options.json)
