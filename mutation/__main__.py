"""`python -m mutation`: every mutant judged, the survivors shown, and the score."""

# ruff: noqa: T201  a command line prints

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from mutation import exclusions, judge, mutants
from mutation.mutants import Mutant
from mutation.suite import TARGETS

SCHEMA = "mutation/1"
ROOT = Path(__file__).parent.parent
WORKERS = 2
AIM = 0.95


def main() -> int:
    """Judge the mutants of a store, and return 0 if the score is what is aimed at."""
    parser = argparse.ArgumentParser(prog="python -m mutation", description=main.__doc__)
    parser.add_argument("files", nargs="*", metavar="FILE", help="only these, as taskstore/memory.py (default: all)")
    parser.add_argument("--of", choices=TARGETS, default="taskstore", help="the store (default: taskstore)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the outcome to FILE")
    options = parser.parse_args()
    begun = time.monotonic()
    left_out = exclusions.load()
    results = []
    target = TARGETS[options.of]
    with judge.opened(ROOT, WORKERS, target) as bench:
        waiting = []
        for one in mutants.of(bench.tree, target.path):
            if options.files and one.file not in options.files:
                continue
            if reason := next((known.reason for known in left_out if known.covers(one)), ""):
                results.append(_told(one, "excluded", reason))
            else:
                waiting.append(one)
        for one, verdict in bench.judge(waiting):
            by = "" if verdict.outcome == "survived" else verdict.by
            results.append({**_told(one, verdict.outcome), "by": by, "seconds": round(verdict.seconds, 2)})
            print(f"{verdict.outcome:8} {one.name}", by, flush=True)
    outcome = summarize(results, time.monotonic() - begun)
    if options.json:
        options.json.write_text(json.dumps(outcome, indent=1, ensure_ascii=False), "utf-8")
    show(outcome)
    return 0 if outcome["score"] >= AIM else 1


def _told(mutant: Mutant, outcome: str, reason: str = "") -> dict[str, Any]:
    return {
        "file": mutant.file,
        "line": mutant.line,
        "operator": mutant.operator,
        "before": mutant.before,
        "after": mutant.after,
        "outcome": outcome,
        "reason": reason,
    }


def summarize(results: list[dict[str, Any]], seconds: float) -> dict[str, Any]:
    """The outcome as it is published: the score is killed and timed out, of all that were judged."""
    files = sorted({result["file"] for result in results})
    return {
        "schema": SCHEMA,
        **_count(results),
        "seconds": round(seconds),
        "files": {file: _count([result for result in results if result["file"] == file]) for file in files},
        "mutants": sorted(results, key=lambda result: (result["file"], result["line"], result["after"])),
    }


def _count(results: list[dict[str, Any]]) -> dict[str, Any]:
    count = Counter(result["outcome"] for result in results)
    judged = count["killed"] + count["timeout"] + count["survived"]
    return {
        "score": round((judged - count["survived"]) / judged, 4) if judged else 1.0,
        "killed": count["killed"],
        "timeouts": count["timeout"],
        "survived": count["survived"],
        "excluded": count["excluded"],
    }


def show(outcome: dict[str, Any]) -> None:
    """Print the survivors, the score of each file, and that of all."""
    print()
    for result in outcome["mutants"]:
        if result["outcome"] == "survived":
            print(f"survivor: {result['file']}:{result['line']} [{result['before']}] -> [{result['after']}]")
    for file, count in [*outcome["files"].items(), ("all", outcome)]:
        counts = ", ".join(f"{count[name]} {name}" for name in ("killed", "timeouts", "survived", "excluded"))
        print(f"{count['score']:6.1%}  {file}: {counts}")
    print(f"seconds: {outcome['seconds']}")


if __name__ == "__main__":
    sys.exit(main())
