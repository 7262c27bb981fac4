"""`conformance measure`: how fast a store is, and whether that is what a document says."""

import argparse
import json
import math
import sys
from functools import partial
from pathlib import Path

from conformance.backends.registry import find_backend
from conformance.files import CommandFailedError, writable, write_file
from conformance.measure.block import time_blocks
from conformance.measure.claims import Latency, read_claims
from conformance.measure.estimate import BLOCKS, MARGIN
from conformance.measure.figures import as_data, judge_by_figures, lines_of
from conformance.measure.timing import Effort, calls_for

DESCRIPTION = "Measure the operations of a store, and judge the claims of a document about them."
EPILOG = """\
examples:
  conformance measure --store mystore:MyStore
  conformance measure --store mystore:MyStore --claims claims.toml
  conformance measure --store mystore:MyStore --budget budget.toml

A budget is a file of claims that have to hold, without a margin. A claim that does not hold fails nothing.
A call that does not return within a minute ends the run.

exit status:
  0  measured; every budget is kept
  1  a budget is exceeded: the whole interval lies beyond it
  2  wrong usage, or a file, a store or its operations cannot be used
  3  a process that measures failed, a call did not return, or something unforeseen
  5  the measurements are too noisy, or too few, to decide a budget
  130  interrupted"""
OPTIONS = {
    "--store": {"required": True, "help": "a store, as `conformance run --store` takes it"},
    "--claims": {"metavar": "FILE", "type": Path, "help": "what a document states (TOML)"},
    "--budget": {"metavar": "FILE", "type": Path, "help": "claims that have to hold (TOML)"},
    "--entries": {"metavar": "N", "type": int, "action": "append", "default": [], "help": "entries in the store"},
    "--seconds": {"type": float, "default": 0.05, "help": "of an operation in a block (%(default)s)"},
    "--blocks": {"type": int, "default": BLOCKS, "help": "processes (default: %(default)s)"},
    "--json": {"metavar": "FILE", "type": writable, "help": "write the figures of each process to FILE"},
}
SIZES = (100, 1_000, 10_000)
"""Entries in the store, unless the command line or a claim says."""


def main(options: argparse.Namespace) -> int:
    """Measure, print what came out, and return the exit status."""
    numbers = [options.seconds, *options.entries, options.blocks]
    if not all(0 < number < math.inf for number in numbers):
        raise CommandFailedError("--seconds, --entries, --blocks: positive numbers")
    harness = find_backend(options.store)()
    margins = [(claim, MARGIN) for claim in _read(options.claims, harness.mode)]
    margins += [(budget, 0) for budget in _read(options.budget, harness.mode, has_to_hold=True)]

    stated = [entries for claim, _ in margins for entries in claim.entries]
    plan = dict.fromkeys(sorted({*(options.entries or stated or SIZES)}), ())
    calls = [calls_for(claim.quantile) for claim, _ in margins]
    effort = Effort(options.seconds, max([Effort.single, *calls]))
    figures = time_blocks((options.store,), plan, effort, options.blocks, 0, partial(print, file=sys.stderr))

    print(*lines_of(figures), sep="\n")
    timed = {operation for _, operation, _ in figures}
    for operation in getattr(harness, "operations", list)():
        if operation.name not in timed:
            print(f"{operation.name} was not timed (it may remove the entry)")
    of_budgets = set()
    for claim, margin in margins:
        verdict, lines = judge_by_figures(claim, figures, margin)
        print(*lines, sep="\n")
        if not margin:
            of_budgets.add(verdict)
    if options.json:
        write_file(options.json, json.dumps(as_data(figures), indent=1) + "\n")
    if "slower" in of_budgets:
        return 1
    return 0 if of_budgets <= {"confirmed", "faster"} else 5


def _read(file: Path | None, mode: str, *, has_to_hold: bool = False) -> list[Latency]:
    """Read the claims about latency in this mode, where an empty mode is any, and say how many others there are.

    What has to hold is refused if it has others.
    """
    if file is None:
        return []
    stated = read_claims(file).claim
    latencies = [claim for claim in stated if isinstance(claim, Latency)]
    claims = [claim for claim in latencies if not mode or claim.mode in ("", mode)]
    if not claims:
        raise CommandFailedError(f"{file}: no claim is about latency in this mode")
    if left_out := len(stated) - len(claims):
        told = f"{file}: {left_out} claims are about another mode, or of a kind that is not measured"
        if has_to_hold:
            raise CommandFailedError(told)
        print(told, file=sys.stderr)
    return claims
