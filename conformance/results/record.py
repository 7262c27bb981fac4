"""Gathers the verdicts of a run from pytest, adds up what the chapters found, and finds the exit status of the run."""

from __future__ import annotations

import faulthandler
import os
import time
from collections.abc import Generator, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from conformance.case import NotApplicable, NotTestable, Subject
from conformance.cases.chapters import shown
from conformance.chapters import CHAPTERED, CHAPTERS
from conformance.guard import HarnessFailedError
from conformance.results import known, show
from conformance.results.document import Expected, Result, Results, Verdict
from conformance.results.plan import Plan
from conformance.spec.requirements import REQUIREMENTS, Level
from conformance.subjects.registry import shown_name
from taskstore_conformance_plugin import collects_suite

INCOMPLETE = 6
"""The exit status of a run in which nothing failed and something that applies was not decided."""
SEED = 1
"""The seed of a run that is not given one: two runs are equal."""
_DESELECTED = "not selected: options like -k, or the paths given to pytest, leave it out"
_NOT_REACHED = "the run ended before this test"
_GOING_ON = "the run has not come to this test"
_RUNNING = "the process of pytest ended while this test ran"
_SUBJECT = "conformance_subject"
_REASON_LENGTH = 500
_SECONDS = 300.0
"""How long a test may take."""


class Played(NamedTuple):
    """What came of one chapter on one subject. It travels from a test to the end of the run, where all are added up."""

    name: str
    subject: str
    error: str = ""
    """Why it did not come to its end."""
    exercised: Mapping[str, int] = {}
    """How many results were compared that a requirement decides."""
    findings: tuple[tuple[tuple[str, ...], str], ...] = ()
    """The requirements that each difference breaks, and how it shows."""
    missing: Mapping[str, tuple[str, str]] = {}
    """Why scenarios about a requirement were not played, and the hook that the harness lacks, if that is why."""


class Recorder:
    """What came of each test so far, on these subjects."""

    def __init__(self, config: pytest.Config, subjects: Iterable[str]) -> None:
        """Read the known failures.

        Raises:
            conformance.files.FileError: if their file cannot be used.
        """
        self._config, self._plan = config, Plan(subjects)
        file: Path | None = config.getoption("conformance_known")
        self._known = known.KnownFailures() if file is None else known.read(file, self._plan.tests)
        self._file: Path | None = config.getoption("conformance_json")
        if self._file is not None:
            self._file = self._file.absolute()  # tests change the working directory
        self._results = self._plan.results(config.getoption("conformance_seed") or SEED)
        self._about = {about.name: about for about in self._results.subjects}
        self._outcomes: dict[tuple[str, str], Result] = {}
        self._chapters: dict[tuple[str, str], Played] = {}
        self._collected: set[tuple[str, str]] | None = None
        self._running: set[tuple[str, str]] = set()
        self._begun = time.monotonic()
        self._stderr = os.dup(2)  # while tests run, pytest has another in its place
        self._shown: set[tuple[str, str]] = set()
        """Subjects, each with the error that is shown of it: one that every test ends in is shown once."""
        self._final: Results | None = None

    @property
    def _is_worker(self) -> bool:
        return hasattr(self._config, "workerinput")

    def _expected(self, result: Result) -> Expected | None:
        """Why a verdict does not count against this run."""
        expected = self._known.expected(result)
        musts = [number for number in result.requirements if REQUIREMENTS[number].level is Level.MUST]
        if expected or result.verdict != "fail" or musts or self._config.getoption("conformance_level") == "SHOULD":
            return expected
        return Expected(kind="should", reason="a SHOULD: the store chose otherwise")

    def pytest_sessionstart(self) -> None:
        """Write results that say that nothing was run yet, in place of those of an earlier run."""
        self._write_so_far()

    def _write_so_far(self) -> None:
        """Write what has come out, in case this process ends early."""
        if self._file is not None and not self._is_worker:
            self._gathered(_GOING_ON).write(self._file)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Find the verdict of a test from what was raised, and attach it to the report, so that it travels with it."""
        function: Any = getattr(item, "function", None)
        case, chapter = getattr(function, "conformance_case", None), getattr(function, "conformance_chapter", "")
        if not (case or chapter) or (call.when != "call" and call.excinfo is None):
            return (yield)
        name = shown_name(item.callspec.params[_SUBJECT])  # type: ignore[attr-defined]  # a case is a Function
        subject: Subject | None = item.funcargs.get(_SUBJECT)  # type: ignore[attr-defined]  # as above
        raised, (verdict, reason, hooks) = call.excinfo, _verdict(call)
        if case:
            if verdict == "pass" and (subject is None or case.id not in subject.passed):
                verdict, reason = "harness-error", "pytest reports a pass, and the test did not come to its end"
            result = self._plan.result(case.id, name, verdict, reason, hooks=hooks, seconds=round(call.duration, 6))
            sent: dict[str, Any] = {"result": result.model_dump_json()}
            is_expected = self._expected(result) is not None
        else:
            played = _played(chapter, name, subject, verdict, reason)
            sent = {} if verdict == "not-run" else {"chapter": tuple(played)}
            is_expected = not played.error and self._are_expected(played)
        is_failure = verdict in ("fail", "harness-error")
        is_plain = raised is not None and is_failure and self._config.getoption("tbstyle") not in ("long", "native")
        if raised and is_plain and not isinstance(raised.value, pytest.fail.Exception):
            told = show.failure(raised, item.function.__doc__ or "", case.requirements if case else ())  # type: ignore[attr-defined]
            fault = pytest.fail.Exception(told, pytrace=False)  # it is shown as it is
            call.excinfo = pytest.ExceptionInfo.from_exc_info((type(fault), fault, raised.tb))
        report = yield
        call.excinfo = raised
        about = _describe(subject) if subject else {"error": reason} if verdict == "harness-error" else {}
        report.user_properties.append(("conformance", {"subject": (name, about), **sent}))
        if is_failure:
            vars(report).pop("wasxfail", None)
            report.outcome, report.longrepr = "failed", report.longrepr or reason
        if verdict == "harness-error" and (name, reason) in self._shown:
            report.outcome, report.longrepr = "skipped", (item.nodeid, 0, "harness-error, for the reason that is above")
        elif is_failure and report.when == "setup":
            self._shown.add((name, reason))
        if verdict == "fail" and is_expected:
            report.outcome, report.wasxfail = "skipped", "expected"  # how pytest itself says so
        return report

    def _are_expected(self, played: Played) -> bool:
        """Whether nothing that a chapter found counts against this run."""
        numbers = {number for numbers, _ in played.findings for number in numbers if number in CHAPTERED}
        results = [self._plan.result(f"requirement_{number}", played.subject, "fail") for number in numbers]
        return all(self._expected(result) is not None for result in results)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Note what is going to run, if no workers run it."""
        if not self._config.pluginmanager.hasplugin("dsession"):
            self.pytest_xdist_node_collection_finished([item.nodeid for item in session.items])

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        """Note what workers are going to run."""
        self._collected = {place for one in ids if (place := self._plan.place_of(one)) is not None}

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """End the process, with the stacks of its threads, if a test holds it up for too long."""
        if (place := self._plan.place_of(nodeid)) is not None:
            self._running.add(place)
            self._write_so_far()
        asked = self._config.getoption("conformance_timeout")
        seconds = _SECONDS if asked is None else asked
        if seconds and (self._is_worker or not self._config.pluginmanager.hasplugin("dsession")):
            faulthandler.dump_traceback_later(seconds, exit=True, file=self._stderr)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """Watch nothing until the next test starts."""
        if (place := self._plan.place_of(nodeid)) is not None:
            self._running.discard(place)
        faulthandler.cancel_dump_traceback_later()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note what a report carries, and a report of pytest-xdist about a worker that has crashed."""
        for key, value in report.user_properties:
            if key == "conformance" and isinstance(value, dict):
                name, about = value["subject"]
                self._about[name] = self._about[name].model_copy(update=about)
                if "chapter" in value:
                    self._note_chapter(Played(*value["chapter"]))
                if "result" in value:
                    self._note(Result.model_validate_json(value["result"]))
        if report.when not in ("setup", "call", "teardown") and (place := self._plan.place_of(report.nodeid)):
            if place[0] in CHAPTERS:
                self._note_chapter(Played(*place, error=str(report.longrepr)))
            else:
                self._note(self._plan.result(*place, "harness-error", str(report.longrepr)))

    def _note(self, result: Result) -> None:
        before = self._outcomes.get(result.place)
        if before is None or before.verdict == "pass":  # a teardown error replaces a pass, never another verdict
            self._outcomes[result.place] = result

    def _note_chapter(self, played: Played) -> None:
        self._chapters[played.name, played.subject] = played

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Write the results, and find the exit status that they deserve."""
        if self._is_worker:
            return
        self._running.clear()
        stopped = "--collect-only" if self._config.option.collectonly else session.shouldfail
        results = self._gathered(f"{_NOT_REACHED}: {stopped}" if stopped else _NOT_REACHED)
        if self._collected or self._outcomes or self._file or collects_suite(self._config):
            session.exitstatus = self._status(exitstatus, results)
            self._final = results
        results = results.model_copy(update={"exit_status": int(session.exitstatus)})
        if self._file is not None:
            results.write(self._file)
        if file := self._config.getoption("conformance_write_known"):
            known.write(file, results, self._known)

    def _gathered(self, left: str) -> Results:
        """The results as they are now; `left` is why there is none of the other tests."""
        results = []
        for subject in self._plan.subjects:
            for test in self._plan.tests:
                result = self._result(test, subject, left)
                results.append(result.model_copy(update={"expected": self._expected(result)}))
        seconds, about = round(time.monotonic() - self._begun, 3), tuple(self._about.values())
        return self._results.model_copy(update={"results": tuple(results), "subjects": about, "seconds": seconds})

    def _result(self, test: str, subject: str, left: str) -> Result:
        kind, _, number = test.partition("_")
        if kind == "requirement":
            return self._added_up(test, number, subject, left)
        if (test, subject) in self._outcomes:
            return self._outcomes[test, subject]
        if (test, subject) in self._running:
            return self._plan.result(test, subject, "harness-error", _RUNNING)
        is_chosen = self._collected is None or (test, subject) in self._collected
        return self._plan.result(test, subject, "not-run", left if is_chosen else _DESELECTED)

    def _added_up(self, test: str, number: str, subject: str, left: str) -> Result:
        """What the chapters say of a requirement, together."""
        running = {place: Played(*place, error=_RUNNING) for place in self._running if place[0] in CHAPTERS}
        chapters = [one for one in {**self._chapters, **running}.values() if one.subject == subject]
        found = [one for chapter in chapters for one in chapter.findings if number in one[0]]
        errors = [chapter.error for chapter in chapters if chapter.error]
        missing = [chapter.missing[number] for chapter in chapters if number in chapter.missing]
        times = sum(chapter.exercised.get(number, 0) for chapter in chapters)
        verdict: Verdict = "not-run"
        hooks: tuple[str, ...] = ()
        if found:
            verdict, reason = "fail", min(found, key=lambda one: (one[0].index(number), len(one[1])))[1]
        elif errors:
            verdict, reason = "harness-error", errors[0]
        elif times:
            left_out = ", ".join(name for name in CHAPTERS if name not in {chapter.name for chapter in chapters})
            verdict, reason = "pass", f"a part of the chapters was played: not {left_out}" if left_out else ""
        elif not chapters:
            is_chosen = self._collected is None or any((name, subject) in self._collected for name in CHAPTERS)
            reason = left if is_chosen else _DESELECTED
        else:
            reason, hook = max(missing, key=lambda one: bool(one[1]), default=("no scenario reached it", ""))
            verdict, hooks = "not-applicable" if missing and not hook else "not-testable", (hook,) if hook else ()
        return self._plan.result(test, subject, verdict, reason, hooks=hooks, exercised=times)

    def _status(self, exitstatus: int, results: Results) -> int:
        """The exit status that pytest's own becomes: a run that it takes for a success may be none."""
        if exitstatus != pytest.ExitCode.OK:
            return exitstatus
        if any(result.is_failure for result in results.results) or any(self._known.stale(results)):
            return pytest.ExitCode.TESTS_FAILED
        if not any(result.verdict in ("pass", "fail") for result in results.results):
            is_failure = bool(self._collected) and not self._config.option.collectonly
            return pytest.ExitCode.TESTS_FAILED if is_failure else INCOMPLETE
        return INCOMPLETE if any(map(self._counts_as_open, results.results)) else pytest.ExitCode.OK

    def _counts_as_open(self, result: Result) -> bool:
        # Where chapters are left out, what no scenario has reached may be in them.
        is_whole = CHAPTERS.keys() <= {name for name, _ in self._collected or ()}
        is_chosen = result.reason == _DESELECTED or not is_whole
        return result.is_open and not (is_chosen and self._config.getoption("conformance_partial"))

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Show the verdicts per subject, what does not pass, what is not decided, and the seed."""
        if self._final is None:
            return
        terminalreporter.section("conformance")
        if self._collected and not any(one.verdict in ("pass", "fail") for one in self._final.results):
            terminalreporter.write_line("nothing was decided: nothing that was selected applies", red=True)
        open_results = [result for result in self._final.results if self._counts_as_open(result)]
        for line in show.summary(self._final, self._known.stale(self._final), open_results):
            terminalreporter.write_line(line)
        terminalreporter.write_line(f"seed {self._final.suite.seed}; --conformance-seed N draws other scenarios")


def _played(name: str, on: str, subject: Subject | None, verdict: Verdict, reason: str) -> Played:
    """What came of a chapter."""
    if verdict == "not-testable":
        return Played(name, on, missing=dict.fromkeys(CHAPTERED, (reason, "")))
    tally = subject.tallies.get(name) if subject else None
    if subject is None or tally is None:
        return Played(name, on, reason or "it has not begun")
    unjudged = {number: (str(why), next(iter(why.hooks), "")) for number, why in subject.unjudged.items()}
    findings = [(one.requirements, shown(one, tally.seen[one.signature])) for one in tally.findings.values()]
    error = "" if findings and reason.startswith("Failed: ") else reason
    return Played(name, on, error, dict(tally.exercised), tuple(findings), {**tally.missing, **unjudged})


def _describe(subject: Subject) -> dict[str, Any]:
    """What a test found out about its subject."""
    capabilities = tuple(sorted(one.value for one in subject.harness.capabilities))
    return {"mode": subject.harness.mode, "capabilities": capabilities, "facts": subject.facts}


def _verdict(call: pytest.CallInfo[None]) -> tuple[Verdict, str, tuple[str, ...]]:
    """The verdict of a test by what was raised, its reason, and the hooks that it lacks."""
    if call.excinfo is None:
        return "pass", "", ()
    raised = call.excinfo.value
    words = show.words_of(raised)
    reason = f"{call.excinfo.typename}: {words}"[:_REASON_LENGTH]
    match raised:
        case NotApplicable():
            return "not-applicable", words, ()
        case NotTestable():
            return "not-testable", words, raised.hooks
        case HarnessFailedError():
            return "harness-error", reason, ()
    if call.when == "setup" and isinstance(raised, pytest.skip.Exception):  # a marker or another plugin
        return "not-run", f"skipped by a marker or another plugin: {reason}", ()
    return ("fail" if call.when == "call" else "harness-error"), reason, ()
