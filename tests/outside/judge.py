"""Run the suite on each fault of a set; print the verdicts as JSON: `python -m tests.outside.judge a [NAME ...]`."""

from __future__ import annotations

import argparse
import json
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any

from conformance.suite import run
from tests.outside.subjects import SETS, all_of

SEED = 1


def judge(which: str, name: str) -> dict[str, Any]:
    """What the suite says of one."""
    fault = all_of(which)[name]
    results = run([f"tests.outside.subjects:{which}.{name}"], [f"--conformance-seed={SEED}"])
    failed = [one for one in results.results if one.verdict == "fail"]
    broken = [one for one in results.results if one.verdict == "harness-error"]
    numbers = sorted({number for one in failed for number in one.requirements})
    return {
        "name": name,
        "requirement": fault.requirement,
        "caught": bool(failed or broken),
        "cited": fault.requirement in numbers,
        "reported": numbers,
        "tests": [one.test for one in failed],
        "shown": failed[0].reason[:300] if failed else broken[0].reason[:300] if broken else "",
    }


def main() -> int:
    """Judge, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("set", choices=SETS)
    parser.add_argument("name", nargs="*")
    asked = parser.parse_args()
    names = asked.name or list(all_of(asked.set))
    verdicts = []
    with ThreadPoolExecutor(2) as pool:  # each runs pytest in a process of its own
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
