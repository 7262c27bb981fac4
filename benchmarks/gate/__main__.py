"""`python -m benchmarks.gate`: the command line of the gate."""

# ruff: noqa: T201  a command line prints

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.gate import run
from conformance.files import FileError
from conformance.results.document import read

_STATUSES = """\
exit status: 0 passed; 1 broken: a MUST, a count or the growth of a listing; 2 not understood; 3 slower than the base:
in two runs, or by its instructions;
4 not measured: no server, no base, or a process that measures ended; 5 too noisy to decide"""


def main(arguments: list[str]) -> int:
    """Judge the working tree, and return the exit status."""
    parser = argparse.ArgumentParser("python -m benchmarks.gate", allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    judge = commands.add_parser("run", help="judge the working tree", epilog=_STATUSES)
    judge.add_argument("--base", help="a git revision, a folder or a wheel (default: what the tree is based on)")
    judge.add_argument(
        "--results",
        type=Path,
        metavar="FILE",
        help="what --conformance-json wrote for this store (default: run the suite)",
    )
    judge.add_argument("--json", type=Path, metavar="FILE", help="write the result to FILE")
    asked = parser.parse_args(arguments)
    try:
        results = None if asked.results is None else read(asked.results)
    except FileError as fault:
        print(fault, file=sys.stderr)
        return 2
    result = run.judge(asked.base, results)
    print("\n".join(result.lines()), flush=True)
    if asked.json is not None:
        result.write(asked.json)
    return result.exit_status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
