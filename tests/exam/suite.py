"""The interface to the suite: how it is started, and how its results are read. Nothing else of the exam knows that."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
BESIDE = "conformance", "taskstore_conformance_plugin.py"
"""What has to stand in one folder with the package `taskstore`, or the plugin says that a wrong one is in its way."""


@dataclass(frozen=True)
class Verdict:
    """What the suite says of a store: the requirements that failed, those of the first failure first."""

    failed: tuple[str, ...]
    shown: str
    """The first failure, or what is wrong with the harness, or why there are no results."""
    has_results: bool = True


def play(
    folder: Path, subject: str, seconds: float, *, stops_at_failure: bool, options: tuple[str, ...] = ()
) -> Verdict:
    """Make a default run on a subject with the package `taskstore` that is in a folder, and kill it when it is late."""
    results, elsewhere = folder / "results.json", folder / "elsewhere"
    elsewhere.mkdir(exist_ok=True)
    results.unlink(missing_ok=True)
    for name in BESIDE:
        if not (folder / name).exists():
            (folder / name).symlink_to(ROOT / name)
    command = [sys.executable, "-m", "pytest", "--pyargs", "conformance", "-q", "-p", "no:cacheprovider", *options]
    command += [f"--conformance-store={subject}", f"--conformance-json={results}", *["-x"] * stops_at_failure]
    place = {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1", "HYPOTHESIS_STORAGE_DIRECTORY": str(folder)}
    with subprocess.Popen(
        command,
        cwd=elsewhere,
        env={**os.environ, **place},
        stdin=subprocess.DEVNULL,
        stdout=(folder / "output").open("wb"),
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as process:
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            return Verdict((), f"no end within {seconds:g} s", has_results=False)
        finally:
            _end(process)
    if not results.exists():
        lines = (folder / "output").read_text("utf-8", "replace").strip().splitlines()
        return Verdict((), lines[-1] if lines else "no output", has_results=False)
    found = json.loads(results.read_text())["results"]
    failures, errors = ([one for one in found if one["verdict"] == verdict] for verdict in ("fail", "harness-error"))
    failed = dict.fromkeys(number for one in failures for number in one["requirements"])
    first = next((f"{one['test']}: {one['reason'][:300]}" for one in (*failures, *errors)), "")
    return Verdict(tuple(failed), first, has_results=bool(failures) or not errors)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the run, and what it has started: politely, then by force."""
    for number in (signal.SIGINT, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
            os.killpg(process.pid, number)
            process.wait(10)
