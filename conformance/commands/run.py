"""`conformance run`: the suite for people without a pytest set-up of their own."""

import argparse
import signal
from math import inf

import pytest

from conformance.process import PROGRESS, in_new_process
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
_PYTEST = (
    "-p",
    "no:hypothesispytest",  # it takes a tenth of a second, and Hypothesis draws nothing here
    "--no-header",
    "-rN",
    "--show-capture=no",  # a store may log a line for each of thousands of calls
    "-W",
    "ignore::pytest.PytestAssertRewriteWarning",
    "--pyargs",
    "conformance",
)


def main(options: argparse.Namespace) -> int:
    """Run pytest on the suite in a process of its own, which a store may end, and return its exit status.

    Raises:
        CommandFailedError: if the process ended before the run was over.
    """
    command = [*_PYTEST]
    for name in OF_SUITE:
        value = getattr(options, name.replace("-", "_"))
        for each in value if isinstance(value, list) else [value]:
            if each is True:
                command.append(f"--conformance-{name}")
            elif each not in (None, False):
                command.append(f"--conformance-{name}={each}")
    for number in (signal.SIGINT, signal.SIGTERM):  # a shell starts what is in its background without the first
        signal.signal(number, signal.default_int_handler)
    status = in_new_process(_run, [*command, *options.pytest])
    return 2 if status == pytest.ExitCode.USAGE_ERROR else status


def _run(command: list[str]) -> int:
    PROGRESS.begin("the run of pytest", inf)  # each test has a limit of its own
    return int(pytest.main(command))
