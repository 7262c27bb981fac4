"""`python -m conformance check FILE`: judge a history again, whoever recorded it."""

# ruff: noqa: T201  a command line prints

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from conformance.proof.histories.contradiction import shorten
from conformance.proof.histories.history import BrokenHistoryError, Interval, read_lines
from conformance.proof.histories.judge import STEPS, Verdict, judge
from conformance.proof.histories.timeline import draw

_STATUS = "exit status: 0 some order explains it, 1 contradiction, 2 wrong usage or no history, 3 not decided"


def main(arguments: list[str]) -> int:
    """Judge a history, print what came of it, and return the exit status."""
    parser = argparse.ArgumentParser(
        "python -m conformance check", description="Look for an order that explains a history.", epilog=_STATUS
    )
    parser.add_argument("file", metavar="FILE", type=Path, help="a history as JSON Lines")
    parser.add_argument("--svg", metavar="FILE", type=Path, help="draw the contradiction, or else the history")
    parser.add_argument("--steps", metavar="N", type=int, default=STEPS, help="budget of the search (%(default)s)")
    asked = parser.parse_args(arguments)
    try:
        history = read_lines(asked.file.read_text("utf-8"))
    except (BrokenHistoryError, OSError, UnicodeDecodeError) as fault:
        print(f"{asked.file}: {fault}", file=sys.stderr)
        return 2
    judgement = judge(history, asked.steps)
    size = f"{len(history.intervals)} calls, {judgement.steps} steps"
    wrong: tuple[Interval, ...] = ()
    if judgement.verdict is Verdict.CONTRADICTION:
        contradiction = shorten(history, judgement)
        print(f"contradiction ({size}):\n{contradiction}")
        history, wrong = contradiction.history, (contradiction.then,)
    elif judgement.verdict is Verdict.UNKNOWN:
        print(f"unknown ({size}): the budget did not suffice; give more with --steps")
    else:
        print(
            f"explained ({size}): {len(history.effective_writes())} writes took effect, {history.conflicts()} conflicts"
        )
    if asked.svg:
        name = f"{asked.file.name}: {judgement.verdict}"
        asked.svg.write_text(draw(history, name, wrong), "utf-8")
    return {Verdict.EXPLAINED: 0, Verdict.CONTRADICTION: 1, Verdict.UNKNOWN: 3}[judgement.verdict]
