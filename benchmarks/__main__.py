"""`python -m benchmarks`: the latencies of both designs, measured on this machine, and the studies; a JSON file each.

Exit status: 1 if a server could not be had or a block failed; 130 after Ctrl-C.
"""

# ruff: noqa: T201  a command line prints

import argparse
import json
import signal
import sys
from pathlib import Path
from random import Random

from benchmarks import latencies
from benchmarks.backends import servers
from benchmarks.cores import CLIENT, on_core
from benchmarks.studies import run as studies
from conformance.backends.servers import ServerError
from conformance.files import CommandFailedError


def main(arguments: list[str] | None = None) -> int:
    """Measure, and return the exit status."""
    description = "Measure how long the operations of both designs take in both modes, then make the studies."
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=description)
    depths = parser.add_mutually_exclusive_group()
    depths.add_argument("--quick", dest="depth", action="store_const", const="quick", help="measure less")
    depths.add_argument("--full", dest="depth", action="store_const", const="full", help="measure more")
    parser.set_defaults(depth="default")
    written = Path("reports/out/benchmark.json")
    json_help = "where the latencies go, and studies.json beside it (%(default)s)"
    parser.add_argument("--json", type=Path, default=written, metavar="FILE", help=json_help)
    parser.add_argument("--seed", type=int, default=None, help="of the order in which each block measures")
    options = parser.parse_args(arguments)
    # SIGTERM is handled like Ctrl-C, in the background too, where that is ignored: what was started goes.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    seed = Random().randrange(1_000_000) if options.seed is None else options.seed  # noqa: S311  an order
    options.json.parent.mkdir(parents=True, exist_ok=True)
    try:
        with servers() as facts, on_core(CLIENT):
            measured = latencies.measure(options.depth, seed, facts, _tell)
            options.json.write_text(json.dumps(measured), "utf-8")
            studied = studies.make(options.depth, facts["embedded"], _tell)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 128 + signal.SIGINT
    except (ServerError, CommandFailedError) as fault:
        print(fault, file=sys.stderr)
        return 1
    options.json.with_name("studies.json").write_text(studied.model_dump_json(by_alias=True) + "\n", "utf-8")
    print(options.json)
    return 0


def _tell(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
