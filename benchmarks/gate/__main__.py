"""`python -m benchmarks.gate`: the command line of the gate."""

# ruff: noqa: T201  a command line prints

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

from benchmarks.gate import live, rates, run
from benchmarks.gate.blocks import NotMeasuredError
from benchmarks.gate.result import EXIT_STATUS, Result
from benchmarks.gate.versions import NotInstalledError
from conformance.reading import FileError
from conformance.subjects.servers import ServerError

_STATUSES = """\
exit status: 0 passed; 1 broken: a MUST, a count or the growth of a listing; 2 not understood; 3 slower than the base,
in two runs;
4 not measured: no server, no base, or a process that measures ended; 5 too noisy to decide"""


def main(arguments: list[str]) -> int:
    """Run a command, and return its exit status."""
    parser = argparse.ArgumentParser("python -m benchmarks.gate", allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    judge = commands.add_parser("run", help="judge the working tree", epilog=_STATUSES)
    judge.add_argument("--base", help="a git revision, a folder or a wheel (default: what the tree is based on)")
    judge.add_argument("--json", type=Path, metavar="FILE", help="write the result to FILE")
    resample = commands.add_parser("rates", help="show the gate's error rates, resampled from recorded rounds")
    resample.add_argument("files", nargs="+", type=Path, metavar="FILE", help="a result of `run --base .` or `live`")
    repeat = commands.add_parser("live", help="measure the working tree against itself, again and again")
    repeat.add_argument("--runs", type=int, default=10)
    repeat.add_argument("--slow", type=float, default=0.0, metavar="SHARE", help="slow one operation of each run")
    repeat.add_argument("--json", type=Path, metavar="FOLDER", help="write each result to FOLDER")
    asked = parser.parse_args(arguments)
    match asked.command:
        case "run":
            return _run(asked.base, asked.json)
        case "rates":
            return _rates(asked.files)
        case _:
            return _live(asked.runs, asked.slow, asked.json)


def _run(base: str | None, file: Path | None) -> int:
    result = run.judge(base)
    _show(result)
    if file is not None:
        result.write(file)
    return result.exit_status


def _rates(files: list[Path]) -> int:
    try:
        rounds = [one for file in files for one in rates.read(file)]
    except FileError as fault:
        print(fault, file=sys.stderr)
        return 2
    print(f"resampled from {len(rounds)} recorded rounds")
    for found in rates.resample(rounds):
        print("\n".join(found.lines()))
    return 0


def _live(runs: int, slow: float, folder: Path | None) -> int:
    verdicts: Counter[str] = Counter()
    try:
        for number, result in enumerate(live.repeat(runs, slow), 1):
            _show(result)
            verdicts[result.verdict] += 1
            if folder is not None:
                result.write(folder / f"{'slowed' if slow else 'identical'}-{number}.json")
    except (ServerError, NotInstalledError, NotMeasuredError) as fault:
        print(fault, file=sys.stderr)
        return EXIT_STATUS["not-measured"]
    print(", ".join(f"{verdict} {count}" for verdict, count in sorted(verdicts.items())), f"of {runs} runs")
    return 0


def _show(result: Result) -> None:
    print("\n".join(result.lines()), flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
