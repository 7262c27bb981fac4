"""`conformance check FILE`: judge a history, whoever recorded it."""

from __future__ import annotations

import argparse
from pathlib import Path

from conformance.commands.options import positive
from conformance.verify.histories.contradiction import shorten
from conformance.verify.histories.history import read_history
from conformance.verify.histories.judge import STEPS, Verdict, judge

DESCRIPTION = "Look for an order of the calls that explains a recorded history of concurrent calls."
EPILOG = """\
example:
  conformance check verify-failures/histories-1.jsonl

exit status:
  0  some order explains the history
  1  no order explains it
  2  wrong usage, or the file is not a history
  3  not decided within the budget"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", type=Path, help="a history as JSON Lines")
    parser.add_argument("--steps", metavar="N", type=positive, default=STEPS, help="budget of the search (%(default)s)")


def main(options: argparse.Namespace) -> int:
    """Judge a history, print the outcome, and return the exit status."""
    history = read_history(options.file)
    judgement = judge(history, options.steps)
    size = f"{len(history.intervals)} calls, {judgement.steps} steps"
    if judgement.verdict is Verdict.CONTRADICTION:
        print(f"contradiction ({size}):\n{shorten(history, judgement)}")
    elif judgement.verdict is Verdict.UNKNOWN:
        print(f"unknown ({size}): the budget did not suffice; give more with --steps")
    else:
        print(
            f"explained ({size}): {len(history.effective_writes())} writes took effect, {history.conflicts()} conflicts"
        )
    return {Verdict.EXPLAINED: 0, Verdict.CONTRADICTION: 1, Verdict.UNKNOWN: 3}[judgement.verdict]
