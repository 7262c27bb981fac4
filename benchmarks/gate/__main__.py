"""`python -m benchmarks.gate run`: the command line of the gate."""

# ruff: noqa: T201  a command line prints

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmarks.gate.counts import Counts, count, find_excess
from benchmarks.gate.instructions import Instructions, NotCountedError, compare, find_more
from conformance.files import FileError
from conformance.results.document import Results, read
from conformance.results.fingerprint import fingerprint
from conformance.subjects.redis import RedisHarness
from conformance.subjects.servers import EmbeddedServer, ServerError
from conformance.suite import SuiteDidNotRunError, run

SUBJECTS = ("memory", "embedded")
EXIT_STATUS = {"passed": 0, "broken": 1, "slower": 3, "not-measured": 4}
"""2 is what a command line gives that nobody understands."""


@dataclass
class Verdict:
    """What the gate says, why, and all that it was drawn from."""

    verdict: str = "passed"
    reasons: list[str] = field(default_factory=list)
    counts: Counts | None = None
    instructions: tuple[Instructions, ...] = ()


def judge(base: str | None, results: Results | None = None) -> Verdict:
    """Judge the working tree: against what is written, then against a revision, by default that it is based on."""
    try:
        broken = [*find_broken(results or run(SUBJECTS))]
        with ExitStack() as running:
            running.enter_context((redis := RedisHarness(server := EmbeddedServer())).running())
            counts = asyncio.run(count(redis, server.url))
            broken += find_excess(counts)
            if broken:
                return Verdict("broken", broken, counts)
            found = compare(base, server.url)
    except (ServerError, SuiteDidNotRunError, NotCountedError) as fault:
        return Verdict("not-measured", [str(fault)])
    more = [*find_more(found)]
    return Verdict("slower" if more else "passed", more, counts, found)


def find_broken(results: Results) -> Iterator[str]:
    """Say what is broken according to the results of a run: a MUST, or the run itself."""
    open_results = [one for subject in SUBJECTS for one in results.on(subject).values() if one.is_open]
    if undecided := [one for one in open_results if one.verdict != "harness-error"]:
        first = undecided[0]
        yield f"{len(undecided)} tests decided nothing, {first.test} on {first.subject} for one: {first.reason}"
    if results.suite.fingerprint != fingerprint():
        yield "the suite had another taskstore than the one that is here"
    musts = {requirement.id for requirement in results.requirements if requirement.level == "MUST"}
    for subject in SUBJECTS:
        tests = results.on(subject).values()
        if not any(result.verdict == "pass" for result in tests):
            yield f"{subject}: no requirement was decided"
        for result in tests:
            broken = [number for number in result.requirements if number in musts]
            if broken and result.verdict in ("fail", "harness-error"):
                reason = result.reason.partition("\n")[0]
                yield f"{subject}: {', '.join(broken)} ({result.test}): {result.verdict}: {reason}"


def main(arguments: list[str]) -> int:
    """Judge the working tree, and return the exit status."""
    parser = argparse.ArgumentParser("python -m benchmarks.gate", allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    statuses = "exit status: " + ", ".join(f"{status} {verdict}" for verdict, status in EXIT_STATUS.items())
    judging = commands.add_parser("run", help="judge the working tree", epilog=statuses)
    judging.add_argument("--base", help="a git revision (default: what the tree is based on)")
    results = "what --conformance-json wrote for this store (default: run the suite)"
    judging.add_argument("--results", type=Path, metavar="FILE", help=results)
    judging.add_argument("--json", type=Path, metavar="FILE", help="write the result to FILE")
    asked = parser.parse_args(arguments)
    try:
        found = judge(asked.base, None if asked.results is None else read(asked.results))
    except FileError as fault:
        print(fault, file=sys.stderr)
        return 2
    written = json.dumps({"schema": "gate/3", **asdict(found)}, indent=1, ensure_ascii=False)
    if asked.json is not None:
        asked.json.parent.mkdir(parents=True, exist_ok=True)
        asked.json.write_text(f"{written}\n", "utf-8")
    if found.counts is not None:
        for tasks, costs in found.counts.costs.items():
            shown = ", ".join(f"{name} {cost.requests:g}/{cost.commands:g}" for name, cost in costs.items())
            print(f"requests/commands per operation, {tasks} tasks: {shown}")
    if found.instructions:
        shown = ", ".join(f"{one.operation} {one.head / one.base:.3f}" for one in found.instructions)
        print(f"instructions of a call, × base: {shown}")
    print("\n".join([*found.reasons, found.verdict]), flush=True)
    return EXIT_STATUS[found.verdict]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
