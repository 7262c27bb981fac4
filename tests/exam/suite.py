"""The interface to the suite: how it is started, and how its results are read. Nothing else of the exam knows that."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Verdict:
    """What the suite says of a store: the requirements that failed, those of the first failure first."""

    failed: tuple[str, ...]
    shown: str = ""
    """The first failure in a line; if there are no results, how that came."""

    @property
    def caught(self) -> bool:
        """Whether the suite finds anything wrong."""
        return bool(self.failed)


def play(package_in: Path, subject: str, seconds: float, *, first_only: bool, options: tuple[str, ...] = ()) -> Verdict:
    """Make a default run on a subject, with the package `taskstore` that is in a folder. The run is killed in the end."""
    out, elsewhere = package_in / "results.json", package_in / "elsewhere"
    elsewhere.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "pytest", "--pyargs", "conformance", "-q", "-p", "no:cacheprovider", *options]
    command += [f"--conformance-store={subject}", f"--conformance-json={out}", *(["-x"] if first_only else [])]
    environment = {**os.environ, "PYTHONPATH": f"{package_in}{os.pathsep}{ROOT}", "PYTHONDONTWRITEBYTECODE": "1"}
    with (package_in / "output").open("w+b") as output, subprocess.Popen(
        command,
        cwd=elsewhere,
        env={**environment, "HYPOTHESIS_STORAGE_DIRECTORY": str(package_in)},
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as process:
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            return Verdict(("time",), f"no end within {seconds:g} s")
        finally:
            _kill(process)
        if not out.exists():
            output.seek(0)
            lines = output.read().decode(errors="replace").strip().splitlines()
            return Verdict(("no-results",), lines[-1] if lines else "")
    results = [one for one in json.loads(out.read_text())["results"] if one["verdict"] in ("fail", "harness-error")]
    numbers = dict.fromkeys(number for one in results for number in one["requirements"])
    return Verdict(tuple(numbers), f"{results[0]['test']}: {results[0]['reason'][:300]}" if results else "")


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End the run with the servers that it has started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
