"""The suite in a process of its own: all of it, watched, on the right store; the cases that matter, on a mutant."""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import sys
import tempfile
import threading
import traceback
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import pytest

NO_JUDGE = 99
"""The exit status where the suite could not even be started; nothing was decided."""
_MEMORY_BYTES = 4 * 1024**3


@dataclass(frozen=True)
class Target:
    """What is mutated: a package or a file, the subjects of the suite that run it, and whether they pass all of it."""

    path: str
    subjects: tuple[str, ...]
    is_right: bool = True


TARGETS = {
    "taskstore": Target("taskstore", ("memory", "memory-expiring", "embedded")),
    "sqlite": Target(
        "conformance/examples/sqlite_store.py", ("conformance.examples.sqlite_store:SqliteHarness",), is_right=False
    ),
    "documented": Target(
        "conformance/subjects/documented_design.py", ("documented-memory", "documented-redis"), is_right=False
    ),
}


def run(
    tree: Path,
    work: Path,
    told: Path,
    target: Target,
    cases: Mapping[str, str] | None,
    tour_seconds: float | None = None,
) -> NoReturn:
    """Run these cases of the suite in `tree`, or watch all of them, and end the process with pytest's status.

    `cases` says of each what it says of the store as it is, if it fails there: only something else is a failure. The
    tour is given so many seconds, if any are given.
    """
    code = NO_JUDGE
    try:
        os.setsid()
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
        shutil.rmtree(work)
        work.mkdir()
        os.chdir(work)
        output = os.open(work / "output", os.O_CREAT | os.O_WRONLY)
        os.dup2(output, 1)
        os.dup2(output, 2)
        tempfile.tempdir = os.environ["TMPDIR"] = str(work)
        os.environ["PYTHONPATH"] = str(tree)
        sys.path.insert(0, str(tree))
        os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        sys.dont_write_bytecode = False  # rewritten cases are kept in the copy
        subjects = [one for one in target.subjects if cases is None or any(case.endswith(f"[{one}]") for case in cases)]
        arguments = ["--pyargs", "conformance", "-p", "taskstore_conformance_plugin", "-p", "no:cacheprovider"]
        arguments += ["-q", "-W", "error", "--tb", "no", "--rootdir", str(work)]
        if target.is_right:
            arguments.append("-x")
        arguments += ["--conformance-level", "SHOULD", "--conformance-seed", "0", "--conformance-partial"]
        arguments += [word for name in subjects for word in ("--conformance-store", name)]
        if tour_seconds is not None:
            arguments += ["--conformance-seconds", str(tour_seconds)]
        reporter = _Watch(told, tree, target) if cases is None else Choice(told, cases)
        try:
            code = int(pytest.main(arguments, plugins=[reporter]))
        except Exception:  # noqa: BLE001  what pytest finds left over at its end it raises
            traceback.print_exc()
            code = int(pytest.ExitCode.TESTS_FAILED)
        if isinstance(reporter, Choice) and code == pytest.ExitCode.TESTS_FAILED and not told.read_text("utf-8"):
            code = int(pytest.ExitCode.OK)  # what fails is what fails on the store as it is
        used = getattr(sys.modules.get("conformance"), "__file__", tree)  # nothing, if a mutant cannot be imported
        if not Path(used).is_relative_to(tree):
            raise RuntimeError("another suite than that of the copy was run")  # noqa: TRY301  the log tells it
    except BaseException:  # noqa: BLE001  whatever it is, this process must not go on as its parent
        traceback.print_exc()
        code = NO_JUDGE
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


class Choice:
    """Runs some cases in a given order up to the first failure that the store as it is does not have, and names it."""

    def __init__(self, told: Path, cases: Mapping[str, str]) -> None:
        self._told = told
        self._cases = cases
        self._places = {name: place for place, name in enumerate(cases)}

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, session: pytest.Session, items: list[pytest.Item]) -> None:
        """Leave these cases, in their order."""
        self._session = session
        items[:] = sorted(
            (one for one in items if _name(one) in self._places), key=lambda one: self._places[_name(one)]
        )

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Stop at a failure that is new."""
        name = report.nodeid.rpartition("/")[2]
        known = self._cases.get(name)
        if report.failed and not (known and known == scenes_of(report)) and not self._told.read_text("utf-8"):
            self._told.write_text(name, "utf-8")
            self._session.shouldstop = "the mutant is killed"


class _Watch:
    """Runs everything, and says of each case how long it takes and, if it is none of the tour, which lines it runs."""

    def __init__(self, told: Path, tree: Path, target: Target) -> None:
        self._told = told
        self._tree = f"{tree}/"
        self._mutated = str(tree / target.path)
        self._cases: dict[str, dict[str, Any]] = {}
        self._lines: set[tuple[str, int]] = set()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        if is_of_tour(_name(item)):  # it runs nearly all of the store, and takes many times as long when it is watched
            return (yield)
        self._lines = set()
        threading.settrace(self._trace)  # type: ignore[arg-type]  # a tracer returns a tracer
        sys.settrace(self._trace)  # type: ignore[arg-type]  # the same
        try:
            return (yield)
        finally:
            sys.settrace(None)
            threading.settrace(None)
            lines = [f"{name.removeprefix(self._tree)}:{line}" for name, line in sorted(self._lines)]
            self._cases[_name(item)]["lines"] = lines

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        case = self._cases.setdefault(report.nodeid.rpartition("/")[2], {"seconds": 0.0, "passed": False})
        case["seconds"] += report.duration
        case["passed"] |= report.when == "call" and report.passed
        if report.failed and (scenes := scenes_of(report)):
            case["scenes"] = scenes

    def pytest_sessionfinish(self) -> None:
        decided = {name: case for name, case in self._cases.items() if case["passed"] or "scenes" in case}
        self._told.write_text(json.dumps(decided), "utf-8")

    def _trace(self, frame: FrameType, event: str, argument: object) -> object:
        if not frame.f_code.co_filename.startswith(self._mutated):
            return None
        self._lines.add((frame.f_code.co_filename, frame.f_lineno))
        return self._trace


def is_of_tour(name: str) -> bool:
    """Whether a case tells what the tour found."""
    return "::test_requirement_" in name


def scenes_of(report: pytest.TestReport) -> str:
    """What a failed case of the tour says of the scenes in which it fails: how many, and their names."""
    return next((line for line in report.longreprtext.splitlines() if re.match(r"in \d+ scenes: ", line)), "")


def _name(item: pytest.Item) -> str:
    return item.nodeid.rpartition("/")[2]
