"""`conformance run`: the suite for people without a pytest set-up of their own."""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from conformance.commands.options import CommandFailedError
from conformance.results.document import Result, read
from conformance.suite import PYTEST, SMOKE, SuiteDidNotRunError, run

DESCRIPTION = """\
Run the suite on stores. This is `pytest --pyargs conformance` with its options --conformance-*, which are shorter here.
Other options of pytest come after `--`."""
EPILOG = """\
examples:
  conformance run --store mystore:MyStore --smoke
  conformance run --store mystore:Memory --store mystore:Redis --json results.json
  conformance run --store mystore:MyStore --partial -- -x -k listing

exit status:
  0  every MUST that applies is kept; each failed SHOULD is shown
  1  a MUST is not kept (with --level SHOULD, also a SHOULD), or a known failure passes
  2  wrong usage or interrupted
  3  an internal error, or the process of pytest ended before the run was over
  6  incomplete: nothing failed, and something that applies was not decided: a hook is missing, or a part of the suite
     was selected (by -k, --deselect, PYTEST_ADDOPTS, …) without --partial
  others are pytest's own"""

ENDED_EARLY = 3
_SIGNALLED = 128
_PASSED_ON = {
    "json": ("FILE", "write the results to FILE"),
    "known": ("FILE", "read known failures and hooks that cannot be given (TOML), which do not fail the run"),
    "write-known": ("FILE", "write what fails in this run, and the hooks that are missing, to FILE"),
    "level": ("MUST|SHOULD", "the level from which a failure fails the run (default: MUST)"),
    "seconds": ("N", "leave out what of the tour of a store has not begun after N seconds, and say what it was"),
    "timeout": (
        "SECONDS",
        "end a test, and the run, without a sign of progress for so long (default: 120; 0: never)",
    ),
    "seed": ("N", "repeat the run that printed this seed"),
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
    parser.add_argument("--smoke", action="store_true", help="only say whether the store opens and its operations work")
    parser.add_argument(
        "--partial",
        action="store_true",
        help="a part of the suite is meant: what is not selected, or out of time, does not make the exit status 6",
    )
    for name, (value, purpose) in _PASSED_ON.items():
        parser.add_argument(f"--{name}", metavar=value, help=purpose)
    parser.add_argument("pytest", nargs="*", metavar="-- OPTION", help="options of pytest")


def main(options: argparse.Namespace) -> int:
    """Run pytest on the suite and return its exit status; with `--smoke`, take a quick look instead."""
    given = {name: getattr(options, name.replace("-", "_")) for name in _PASSED_ON if name != "json"}
    arguments = [f"--conformance-{name}={value}" for name, value in given.items() if value is not None]
    arguments += [*(["--conformance-partial"] if options.partial else []), *options.pytest]
    if options.smoke:
        return _smoke(options.store, arguments)
    stores = [f"--conformance-store={name}" for name in options.store]
    with tempfile.TemporaryDirectory(prefix="conformance-") as folder:
        file = Path(options.json or Path(folder, "results.json"))
        return _run([*PYTEST, *stores, *arguments, f"--conformance-json={file}"], file)


def _run(command: list[str], file: Path) -> int:
    """Run pytest, and return its exit status, unless the results say that it did not come to its end."""
    with subprocess.Popen(command) as process:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches pytest too, which ends
        signal.signal(signal.SIGTERM, lambda *_: process.terminate())
        status = process.wait()
    if status == 0 and file.is_file() and (deserved := read(file).exit_status) != 0:
        print("The process of pytest ended with status 0, which the run does not deserve.", file=sys.stderr)
        return ENDED_EARLY if deserved is None else deserved
    return status if status >= 0 else _SIGNALLED - status


def _smoke(stores: list[str], arguments: list[str]) -> int:
    """Print a sentence for each store about whether it, or its harness, works; return 1 if one does not."""
    try:
        results = run(stores, [*arguments, "-k", " or ".join(SMOKE)])
    except SuiteDidNotRunError as fault:
        raise CommandFailedError(str(fault)) from None
    broken = 0
    for subject in results.subjects:
        run_on_it = [result for result in results.on(subject.name).values() if result.verdict != "not-run"]
        wrong = next((result for result in run_on_it if result.verdict != "pass"), None)
        broken += wrong is not None
        print(f"{subject.name}: {_sentence(subject.name, wrong)}")
    return min(broken, 1)


def _sentence(store: str, wrong: Result | None) -> str:
    if wrong is None:
        return f"harness and store work: now run the whole suite with conformance run --store {store}"
    reason = wrong.reason.partition("\n")[0]
    if wrong.verdict == "harness-error":
        return f"the harness could not open the store: {reason}"
    return f"the store opens, but {wrong.test} says {wrong.verdict}: {reason}"
