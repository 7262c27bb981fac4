"""Run the tour on each fault of a set, and print the verdicts as JSON: `python -m tests.outside.judge a [NAME ...]`."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import Any

from conformance.tour.run import run
from tests.outside.subjects import SETS, all_of, harness_of

SEED = 1


def judge(which: str, name: str) -> dict[str, Any]:
    """What the tour says of one."""
    fault = all_of(which)[name]
    harness = harness_of(which, name)
    with harness.running():
        tour = asyncio.run(run(harness, SEED))
    counted = Counter({number: len(scenes) for number, scenes in tour.scenes.items()})
    first = next(iter(tour.found), None)
    return {
        "name": name,
        "requirement": fault.requirement,
        "caught": bool(tour.found),
        "cited": fault.requirement in counted,
        "reported": dict(counted.most_common()),
        "shown": [] if first is None else [line[:300] for line in first.lines[-6:]],
    }


def main() -> int:
    """Judge, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("set", choices=SETS)
    parser.add_argument("name", nargs="*")
    asked = parser.parse_args()
    names = asked.name or list(all_of(asked.set))
    verdicts = []
    with ProcessPoolExecutor(2) as pool:
        for future in as_completed([pool.submit(judge, asked.set, name) for name in names]):
            verdict = future.result()
            verdicts.append(verdict)
            mark = "cited" if verdict["cited"] else "caught" if verdict["caught"] else "-"
            print(f"{mark:6} {verdict['requirement']:9} {verdict['name']}", file=sys.stderr)
    verdicts.sort(key=lambda one: names.index(one["name"]))
    json.dump({"set": asked.set, "seed": SEED, "verdicts": verdicts}, sys.stdout, indent=1, ensure_ascii=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
