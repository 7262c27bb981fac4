"""`python -m benchmarks`: the latencies of both designs, measured on this machine, and the studies; a JSON file each.

Exit status: 1 if a server could not be had, a benchmark failed or a block broke down; else that of the studies; 130
after Ctrl-C.
"""

# ruff: noqa: T201  a command line prints

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.depth import DEPTHS
from benchmarks.progress import add_depth, heed_signals, progress
from benchmarks.run import measure, new_seed, study
from conformance.measure.blocks import BlockFailedError
from conformance.subjects.servers import ServerError

INTERRUPTED = 130


def main(arguments: list[str] | None = None) -> int:
    """Measure, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=sys.modules["benchmarks"].__doc__)
    add_depth(parser)
    parser.add_argument("--json", type=Path, default=Path("reports/out/benchmark.json"), metavar="FILE")
    parser.add_argument("--seed", type=int, default=None, help="of the order in which each block measures")
    options = parser.parse_args(arguments)
    heed_signals()
    try:
        with progress(DEPTHS[options.depth].blocks) as shown:
            failures = measure(options.depth, new_seed() if options.seed is None else options.seed, options.json, shown)
        studied = study(options.depth, options.json.with_name("studies.json"))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except (ServerError, BlockFailedError) as fault:
        print(fault, file=sys.stderr)
        return 1
    for said in failures:
        print(said, file=sys.stderr)
    print(options.json)
    return int(bool(failures)) or studied


if __name__ == "__main__":
    sys.exit(main())
