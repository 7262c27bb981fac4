"""What came out: one verdict per case and subject, gathered from the reports, shown at the end and written as JSON."""

from __future__ import annotations

import json
import platform
import random
import time
from collections import Counter
from collections.abc import Generator
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from conformance import baseline
from conformance.fingerprint import fingerprint

SCHEMA = "conformance-results/1"
VERDICTS = ("pass", "fail", "not-applicable", "not-testable", "harness-error", "unknown")
INCOMPLETE = 6
"""The exit status of a run in which nothing failed and something that applies was not decided."""
_PROPERTY = "conformance"
_FOLDER = "conformance-folder"
_SEED = pytest.StashKey[int]()
_REASON_LENGTH = 500
_SUITE = Path(__file__).parent


def seed_of(config: pytest.Config) -> int:
    """The seed of this run: as asked for, else random. Workers of pytest-xdist take the controller's."""
    if _SEED not in config.stash:
        asked = config.getoption("conformance_seed")
        from_controller = getattr(config, "workerinput", {}).get(_PROPERTY)
        config.stash[_SEED] = next(
            (seed for seed in (from_controller, asked) if seed is not None), random.SystemRandom().getrandbits(32)
        )
    return config.stash[_SEED]


def shared_folder_of(config: pytest.Config) -> Path | None:
    """The folder that the workers of pytest-xdist share, in a worker."""
    name = getattr(config, "workerinput", {}).get(_FOLDER)
    return None if name is None else Path(name)


class Results:
    """Gathers the verdicts of one run."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._started = datetime.now(UTC)
        self._begun = time.monotonic()
        self._subjects: dict[str, dict[str, Any]] = {}
        self._covered: set[str] = set()
        self._folder: TemporaryDirectory[str] | None = None
        file: Path | None = config.getoption("conformance_baseline")
        self._known = () if file is None else baseline.read(file)
        self._by_case: dict[tuple[str, str], dict[str, Any]] = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Attach the verdict to the report of a case, so that it travels with it."""
        report = yield
        case = getattr(getattr(item, "function", None), "conformance_case", None)
        if case is not None and (report.when == "call" or not report.passed):
            verdict, reason = _verdict(report, call)
            subject = item.funcargs.get("conformance_subject")  # type: ignore[attr-defined]  # a case is a Function
            name = item.callspec.id  # type: ignore[attr-defined]
            result = {
                "case": f"{Path(item.path).stem}.{item.function.__name__}",  # type: ignore[attr-defined]
                "doc": case.doc,
                "requirements": list(case.requirements),
                "subject": name,
                "verdict": verdict,
                "reason": reason,
                "seconds": round(call.duration, 6),
            }
            known = {"name": name, "mode": "", "capabilities": [], "facts": {}, "error": reason}
            about = known if subject is None else {**subject.describe(), "error": None}
            if subject is not None and subject.coverage and name not in self._covered:
                self._covered.add(name)  # it is long, and once is enough
                about["coverage"] = subject.coverage
            report.user_properties.append((_PROPERTY, {"result": result, "subject": about}))
            if verdict in ("fail", "harness-error"):
                script = getattr(call.excinfo and call.excinfo.value, "conformance_script", "")
                _shorten(report, call, f"{case.doc}\n{_requirements(case.requirements)}", self._config)
                report.sections.append(("what was called, as lines to run without pytest", script))
            if verdict == "fail" and (excuse := self.excuse(case.requirements, name)):
                report.outcome, report.wasxfail = "skipped", excuse  # how pytest itself says "expected"
        return report

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Give a worker of pytest-xdist the seed, and a folder that all workers share."""
        if self._folder is None:
            self._folder = TemporaryDirectory(prefix="conformance-")
        node.workerinput[_PROPERTY] = seed_of(self._config)
        node.workerinput[_FOLDER] = self._folder.name

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Gather."""
        for name, value in report.user_properties:
            if name == _PROPERTY:
                told: dict[str, Any] = value  # type: ignore[assignment]  # pytest types it as object
                before = self._subjects.get(told["subject"]["name"], {})
                self._subjects[told["subject"]["name"]] = before | told["subject"]
                result = told["result"]
                place = (result["case"], result["subject"])
                # A broken end outdoes a good beginning, and never a verdict.
                if self._by_case.get(place, {"verdict": "pass"})["verdict"] == "pass":
                    self._by_case[place] = result

    def excuse(self, requirements: tuple[str, ...], subject: str) -> str:
        """Why a failure does not fail the run: it is a SHOULD, came later, or is known."""
        from conformance.requirements import REQUIREMENTS, Level

        wanted = Level(self._config.getoption("conformance_level") or Level.MUST)
        if wanted is Level.MUST and all(
            REQUIREMENTS[requirement].level is not Level.MUST for requirement in requirements
        ):
            return "a SHOULD: the store chose otherwise"
        pinned = self._config.getoption("conformance_spec_revision")
        if pinned is not None and all(REQUIREMENTS[requirement].since > pinned for requirement in requirements):
            return f"later than revision {pinned}"
        return next((entry.reason for entry in self._known if entry.covers(requirements, subject)), "")

    @property
    def _is_worker(self) -> bool:
        return hasattr(self._config, "workerinput")

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Write the results, and find the exit status that they deserve."""
        results = list(self._by_case.values())
        if self._folder is not None:
            self._folder.cleanup()
        if self._is_worker or not results:
            return
        verdicts = {result["verdict"] for result in results}
        if exitstatus == pytest.ExitCode.OK:
            if baseline.outlived(self._known, results) or not verdicts & {"pass", "fail"}:
                session.exitstatus = pytest.ExitCode.TESTS_FAILED
            elif verdicts & {"not-testable", "unknown"}:
                session.exitstatus = INCOMPLETE
        if file := self._config.getoption("conformance_json"):
            file.parent.mkdir(parents=True, exist_ok=True)
            complete = exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
            file.write_text(json.dumps(self._as_json(complete=complete), indent=1, ensure_ascii=False), "utf-8")
        if file := self._config.getoption("conformance_write_baseline"):
            baseline.write(file, results)

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Show the verdicts per subject, and the seed."""
        if not self._by_case:
            return
        terminalreporter.section("conformance")
        width = max(map(len, self._subjects))
        terminalreporter.write_line("  ".join([" " * width, *VERDICTS]))
        for name in self._subjects:
            count = self._count(name)
            shown = [str(count[verdict]).rjust(len(verdict)) for verdict in VERDICTS]
            terminalreporter.write_line("  ".join([name.ljust(width), *shown]))
        for entry in baseline.outlived(self._known, self._by_case.values()):
            terminalreporter.write_line(f"{entry.requirement} passes now: take it out of the baseline", red=True)
        if any(result["verdict"] in ("not-testable", "unknown") for result in self._by_case.values()):
            terminalreporter.write_line(f"incomplete: not all that applies was decided (by itself: exit {INCOMPLETE})")
        terminalreporter.write_line(f"--conformance-seed {seed_of(self._config)} repeats the same examples")

    def _count(self, subject: str | None = None) -> Counter[str]:
        return Counter(result["verdict"] for result in self._by_case.values() if subject in (None, result["subject"]))

    def _as_json(self, *, complete: bool) -> dict[str, Any]:
        from conformance.requirements import REQUIREMENTS, REVISION

        requirements = [
            {
                "id": requirement.id,
                "level": requirement.level,
                "text": requirement.text,
                "claims": requirement.claims,
                "since": requirement.since,
            }
            for requirement in REQUIREMENTS.values()
        ]
        return {
            "schema": SCHEMA,
            "suite": {
                "version": version("taskstore"),
                "fingerprint": fingerprint(),
                "python": platform.python_version(),
                "platform": platform.platform(),
                "client": f"redis-py {version('redis')}" if find_spec("redis") else "",
                "hypothesis": version("hypothesis"),
                "seed": seed_of(self._config),
            },
            "started": self._started.isoformat(timespec="seconds"),
            "seconds": round(time.monotonic() - self._begun, 3),
            "complete": complete,
            "subjects": list(self._subjects.values()),
            "revision": REVISION,
            "requirements": requirements,
            "results": list(self._by_case.values()),
        }


def _verdict(report: pytest.TestReport, call: pytest.CallInfo[None]) -> tuple[str, str]:
    if report.passed:
        return "pass", ""
    raised = call.excinfo
    reason = "" if raised is None else _printable(f"{raised.typename}: {raised.value}")[:_REASON_LENGTH]
    if report.skipped:
        kind, _, why = ("" if raised is None else str(raised.value)).partition(": ")
        return (kind, why) if kind in VERDICTS else ("not-testable", f"skipped: {kind}")
    if report.when != "call" or (raised is not None and raised.typename == "HarnessFailedError"):
        return "harness-error", reason
    return "fail", reason


def _shorten(report: pytest.TestReport, call: pytest.CallInfo[None], decides: str, config: pytest.Config) -> None:
    """Show what a case decides and how it failed, without the code of the suite; `--tb=long` shows the code."""
    longrepr: Any = report.longrepr
    if call.excinfo is None or not hasattr(longrepr, "chain") or config.getoption("tbstyle") in ("long", "native"):
        report.sections.append(("what it decides", decides))
        return
    traceback, crash, _ = longrepr.chain[-1]
    entry = traceback.reprentries[-1]
    text = "\n".join([decides, "", call.excinfo.exconly(tryshort=True), *_frames_of_the_store(call.excinfo)])
    # In the style "value" pytest writes the lines of an entry as they are.
    entry.lines, entry.style = text.splitlines(), "value"
    entry.reprfuncargs = entry.reprlocals = entry.reprfileloc = None
    traceback.reprentries, traceback.extraline = [entry], None
    longrepr.chain, longrepr.reprtraceback, longrepr.reprcrash = [(traceback, crash, None)], traceback, crash


def _frames_of_the_store(raised: pytest.ExceptionInfo[BaseException]) -> list[str]:
    """Name the frames below the last one of the suite: those of the store, if the store raised."""
    frames: list[str] = []
    for entry in raised.traceback:
        path = Path(entry.path)
        frames = [] if path.is_relative_to(_SUITE) else [*frames, f"  {path}:{entry.lineno + 1}: in {entry.name}"]
    return frames


def _requirements(numbers: tuple[str, ...]) -> str:
    from conformance.requirements import REQUIREMENTS

    requirements = (REQUIREMENTS[number] for number in numbers)
    return "\n".join(f"{requirement.id} ({requirement.level}): {requirement.text}" for requirement in requirements)


def _printable(text: str) -> str:
    """The text with lone surrogates spelled out: an example may hold one, and no JSON file can."""
    return text.encode("utf-8", "backslashreplace").decode()
