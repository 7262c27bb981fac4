"""The interface to the suite: how it is started, and how its results are read. Nothing else of the exam knows that."""

import json
import os
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BESIDE = "conformance", "taskstore_conformance_plugin.py", "statements", "tests"
"""What has to stand in one folder with the package `taskstore`, or the plugin says that a wrong one is in its way."""
PYTEST = ["--pyargs", "conformance", "-q", "-pno:cacheprovider", "-ptaskstore_conformance_plugin", "-ptests.exam.first"]
"""No other plugins: to import them takes longer than most wrong stores take."""
SECONDS = 300.0  # after these a run is given up; a store that hangs is caught by the suite's limits
FORKS = get_context("forkserver")
FORKS.set_forkserver_preload(["pydantic_settings", "pytest", "redis.asyncio"])
"""A process that has imported what takes longest is forked for each run."""


@dataclass(frozen=True)
class Verdict:
    """What the suite says of a store: the requirements that failed, those of the first failure first."""

    failed: tuple[str, ...]
    shown: str
    """The first failure, or what is wrong with the harness, or why there are no results."""
    has_results: bool = True


def play(folder: Path, backend: str, requirement: str) -> Verdict:
    """Make a default run on a backend with the package `taskstore` that is in a folder, and kill it when it is late.

    What decides the requirement is played first, and that is enough if it fails. Without one all is played.
    """
    for name in BESIDE:
        (folder / name).symlink_to(ROOT / name)
    if requirement:
        verdict = _run(folder, backend, requirement, f"--conformance-only={requirement}")
        if verdict.failed:
            return verdict
    return _run(folder, backend, requirement)


def _run(folder: Path, backend: str, requirement: str, *options: str) -> Verdict:
    results, output = folder / "results.json", folder / "output"
    command = [*PYTEST, f"--conformance-store={backend}", f"--conformance-json={results}", *options]
    if requirement:
        command += ["--conformance-level=SHOULD", "--exitfirst"]
    results.touch()  # it stays empty if pytest does not come to its end
    process = FORKS.Process(target=_begin, args=(folder, command, requirement))
    process.start()
    process.join(SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # type: ignore[arg-type]  # with what it has started
    process.join()
    if process.exitcode == -signal.SIGKILL:
        return Verdict((), f"no end within {SECONDS} s", has_results=False)
    if not results.stat().st_size:
        lines = output.read_text("utf-8", "replace").strip().splitlines()
        return Verdict((), lines[-1] if lines else "no output", has_results=False)
    found = json.loads(results.read_text())["results"]
    failures, errors = ([one for one in found if one["verdict"] == verdict] for verdict in ("fail", "harness-error"))
    failed = dict.fromkeys(number for one in failures for number in one["requirements"])
    first = next((f"{one['test']}: {one['reason'][:300]}" for one in failures + errors), "")
    return Verdict(tuple(failed), first, has_results=bool(failures) or not errors)


def _begin(folder: Path, command: list[str], requirement: str) -> None:
    """Run pytest in a process of its own, which leads a session."""
    os.setsid()
    sys.dont_write_bytecode = False
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    os.environ.update(PYTEST_DISABLE_PLUGIN_AUTOLOAD="1", EXAM_REQUIREMENT=requirement)
    with Path("output").open("w") as sys.stdout:
        sys.stderr = sys.stdout
        sys.exit(pytest.main(command))
