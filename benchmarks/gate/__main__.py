"""`python -m benchmarks.gate`: the command line of the gate."""

# ruff: noqa: T201  a command line prints

import argparse
import asyncio
import sys

from benchmarks.gate.counts import FEW, MANY, count_costs, count_keys
from benchmarks.gate.instructions import NotCountedError, compare, find_more
from conformance.backends.redis import RedisHarness
from conformance.backends.servers import ServerError

PASSED, EXCEEDED, NOT_COUNTED = 0, 1, 3


def main(arguments: list[str]) -> int:
    """Judge the working tree against what is written, then against a revision, and return the exit status."""
    statuses = f"exit status: {PASSED} passed, {EXCEEDED} a count is too high, {NOT_COUNTED} something was not counted"
    parser = argparse.ArgumentParser("python -m benchmarks.gate", allow_abbrev=False, epilog=statuses)
    parser.add_argument("--base", help="a git revision (default: what the working tree is based on)")
    revision = parser.parse_args(arguments).base
    try:
        with (harness := RedisHarness()).running():
            counts = [one for tasks in (FEW, MANY) for one in asyncio.run(count_costs(harness, f"gate-{tasks}", tasks))]
            counts += asyncio.run(count_keys(harness, "gate-keys"))
            print(*(f"{one.what}: {one.found:g}" for one in counts), sep="\n", flush=True)
            instructions = compare(revision, harness.url())
    except (ServerError, NotCountedError) as fault:
        print(fault, file=sys.stderr)
        return NOT_COUNTED
    for name, (base, head) in instructions.items():
        print(f"instructions of {name}: {head:,.0f} a call, {head / base:.3f} × base")
    exceeded = [f"{one.what}: {one.found:g}, not {one.most:g}" for one in counts if one.found > one.most]
    exceeded += find_more(instructions)
    print(*exceeded, "exceeded" if exceeded else "passed", sep="\n")
    return EXCEEDED if exceeded else PASSED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
