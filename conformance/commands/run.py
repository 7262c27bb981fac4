"""`conformance run`: the suite for people without a pytest set-up of their own."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from functools import partial
from pathlib import Path

from taskstore_conformance_plugin import OPTIONS as OF_SUITE

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
  2  wrong usage
  3  an internal error, or the process of pytest ended before the run was over
  6  incomplete: nothing failed, and something that applies was not decided: a hook is missing, or a part of the suite
     was selected (by -k, --deselect, PYTEST_ADDOPTS, …) without --partial
  130  interrupted
  others are pytest's own"""

OPTIONS = {
    **{f"--{name}": option for name, option in OF_SUITE.items()},
    "pytest": {"nargs": "*", "metavar": "-- OPTION", "help": "options of pytest"},
}
_QUIET = "--no-header", "-rN", "--show-capture=no"
"""A store may log a line for each of thousands of calls."""
# -m: modules of the current folder are found. Hypothesis, whose plugin takes a tenth of a second, draws nothing here.
_PYTEST = (sys.executable, "-m", "pytest", "-p", "no:hypothesispytest", *_QUIET, "--pyargs", "conformance")
_ENDED_EARLY = 3
_USAGE_ERROR = 4
"""The exit status that pytest calls so."""
_SIGNALLED = 128
_PATIENCE = 3.0
"""Seconds that an interrupted run has to end what it has started."""


def main(options: argparse.Namespace) -> int:
    """Run pytest on the suite and return its exit status, unless the results say that it did not come to its end."""
    with tempfile.TemporaryDirectory(prefix="conformance-") as folder:
        options.json = options.json or Path(folder, "results.json")
        command = [*_PYTEST]
        for name in OF_SUITE:
            value = getattr(options, name.replace("-", "_"))
            for each in value if isinstance(value, list) else [value]:
                if each is True:
                    command.append(f"--conformance-{name}")
                elif each not in (None, False):
                    command.append(f"--conformance-{name}={each}")
        status = _run([*command, *options.pytest])
        if status in (0, 1) and options.json.is_file() and not options.json.stat().st_size:
            print("The process of pytest ended early: there are no results.", file=sys.stderr)
            return _ENDED_EARLY
    if status == _USAGE_ERROR:
        return 2
    return status if status >= 0 else _SIGNALLED - status


def _run(command: list[str]) -> int:
    for number in (signal.SIGINT, signal.SIGTERM):  # a shell starts what is in its background without the first
        signal.signal(number, signal.default_int_handler)
    # Ctrl-C in a terminal reaches every process of the group. Without a terminal pytest and what it starts are a group
    # of their own, which a signal is passed on to.
    is_apart = not sys.stdin.isatty()
    with subprocess.Popen(command, process_group=0 if is_apart else None) as process:
        send = partial(os.killpg, process.pid) if is_apart else process.send_signal
        try:
            return process.wait()
        except KeyboardInterrupt:
            with suppress(ProcessLookupError):
                if is_apart:
                    send(signal.SIGINT)
                with suppress(subprocess.TimeoutExpired):
                    process.wait(_PATIENCE)
                send(signal.SIGKILL)
            raise
