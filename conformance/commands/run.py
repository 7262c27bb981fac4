"""`conformance run`: the suite for people without a pytest set-up of their own."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from conformance.commands.options import output_file
from conformance.results.document import read
from conformance.suite import PYTEST

DESCRIPTION = """\
Run the suite on stores. This is `pytest --pyargs conformance` with its options --conformance-*, which are shorter here.
Other options of pytest come after `--`."""
EPILOG = """\
examples:
  conformance run --store mystore:MyStore --depth smoke
  conformance run --store mystore:Memory --store mystore:Redis --json results.json
  conformance run --store mystore:MyStore --partial -- -x -k test_places

exit status:
  0  every MUST that applies is kept; each failed SHOULD is shown
  1  a MUST is not kept (with --level SHOULD, also a SHOULD), or a known failure passes
  2  wrong usage or interrupted
  3  an internal error, or the process of pytest ended before the run was over
  6  incomplete: nothing failed, and something that applies was not decided: a hook is missing, or a part of the suite
     was selected (by -k, --deselect, PYTEST_ADDOPTS, …) without --partial
  others are pytest's own"""

_ENDED_EARLY = 3
_USAGE_ERROR = 4
"""What pytest calls so."""
_SIGNALLED = 128
_PATIENCE = 4.0
"""Seconds that an interrupted run has to end what it has started."""
_PASSED_ON: dict[str, dict[str, Any]] = {
    "depth": {"choices": ("smoke", "default", "full"), "help": "how much is played: seconds, or minutes (full)"},
    "json": {"metavar": "FILE", "type": output_file, "help": "write the results to FILE"},
    "known": {"metavar": "FILE", "help": "read known failures and hooks that cannot be given (TOML)"},
    "write-known": {"metavar": "FILE", "type": output_file, "help": "write what fails, and missing hooks, to FILE"},
    "level": {"choices": ("MUST", "SHOULD"), "help": "the level from which a failure fails the run (default: MUST)"},
    "timeout": {"metavar": "SECONDS", "type": float, "help": "end a test that takes so long (default: 300; 0: never)"},
    "seed": {"metavar": "N", "type": int, "help": "draw other scenarios than those of the default seed, 1"},
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--store",
        action="append",
        default=[],
        metavar="NAME",
        help="memory, memory-expiring, fakeredis, embedded, container, documented-memory, documented-redis, sentinel, "
        "cluster, tls, acl, a redis:// URL, module:name of a Harness, or all (the first seven); repeat for more "
        "(default: memory and embedded)",
    )
    parser.add_argument(
        "--partial",
        action="store_true",
        help="a part of the suite is meant: what is not selected does not make the exit status 6",
    )
    for name, option in _PASSED_ON.items():
        parser.add_argument(f"--{name}", **option)
    parser.add_argument("pytest", nargs="*", metavar="-- OPTION", help="options of pytest")


def main(options: argparse.Namespace) -> int:
    """Run pytest on the suite and return its exit status."""
    given = {name: getattr(options, name.replace("-", "_")) for name in _PASSED_ON if name != "json"}
    arguments = [f"--conformance-store={name}" for name in options.store]
    arguments += [f"--conformance-{name}={value}" for name, value in given.items() if value is not None]
    arguments += [*(["--conformance-partial"] if options.partial else []), *options.pytest]
    with tempfile.TemporaryDirectory(prefix="conformance-") as folder:
        file = Path(options.json or Path(folder, "results.json"))
        return _run([*PYTEST, *arguments, f"--conformance-json={file}"], file)


def _run(command: list[str], file: Path) -> int:
    """Run pytest, and return its exit status, unless the results say that it did not come to its end."""
    for number in (signal.SIGINT, signal.SIGTERM):  # a shell starts what is in its background without the first
        signal.signal(number, signal.default_int_handler)
    # Ctrl-C in a terminal reaches every process of the group. Without a terminal pytest and what it starts are a group
    # of their own, which a signal is passed on to.
    is_apart = os.name == "posix" and not sys.stdin.isatty()
    with subprocess.Popen(command, process_group=0 if is_apart else None) as process:
        try:
            status = process.wait()
        except KeyboardInterrupt:
            status = _interrupt(process, partial(os.killpg, process.pid) if is_apart else process.send_signal)
    if status == 0 and file.is_file() and (deserved := read(file).exit_status) != 0:
        print("The process of pytest ended with status 0, which the run does not deserve.", file=sys.stderr)
        return _ENDED_EARLY if deserved is None else deserved
    if status == _USAGE_ERROR:
        return 2
    return status if status >= 0 else _SIGNALLED - status


def _interrupt(process: subprocess.Popen[bytes], send: Callable[[int], None]) -> int:
    """Interrupt pytest too, and kill what has not ended soon after."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    with suppress(ProcessLookupError):
        send(signal.SIGINT)
    try:
        return process.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            send(signal.SIGKILL)
        return process.wait()
