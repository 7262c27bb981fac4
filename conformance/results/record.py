"""Gathers the verdicts of a run from pytest, adds up what the chapters found, and finds the exit status of the run."""

from __future__ import annotations

import faulthandler
import os
import time
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Any

import pytest

from conformance.case import Case, NotApplicable, NotTestable, Subject
from conformance.cases.chapters import shown
from conformance.chapters import CHAPTERED, CHAPTERS
from conformance.core.finding import Tally
from conformance.files import FileError
from conformance.guard import HarnessFailedError
from conformance.results import known, show
from conformance.results.document import (
    AboutSubject,
    Chapter,
    Expected,
    Found,
    Missing,
    Result,
    Results,
    Verdict,
)
from conformance.results.plan import Plan
from conformance.spec.requirements import REQUIREMENTS, Level
from conformance.subjects.registry import shown_name
from conformance.text import printable
from taskstore_conformance_plugin import collects_suite

INCOMPLETE = 6
"""The exit status of a run in which nothing failed and something that applies was not decided."""
SEED = 1
"""The seed of a run that is not given one: two runs are equal."""
_DESELECTED = "not selected: options like -k, or the paths given to pytest, leave it out"
_NOT_REACHED = "the run ended before this test"
_GOING_ON = "the run has not come to this test"
_PART = "a part of the chapters was played"
_RUNNING = "the process of pytest ended while this test ran"
_PROPERTY = "conformance"
_SUBJECT = "conformance_subject"
_REASON_LENGTH = 500
_SECONDS = 300.0
"""How long a test may take."""


class Recorder:
    """What came of each test so far, on these subjects."""

    def __init__(self, config: pytest.Config, subjects: Iterable[str]) -> None:
        """Read the known failures.

        Raises:
            conformance.files.FileError: if their file cannot be used.
        """
        self._config = config
        self._plan = Plan(subjects)
        file: Path | None = config.getoption("conformance_known")
        self._known = known.KnownFailures() if file is None else known.read(file, self._plan.tests)
        self._file: Path | None = config.getoption("conformance_json")
        if self._file is not None:
            self._file = self._file.absolute()  # tests change the working directory
        self._planned = self._plan.results(config.getoption("conformance_seed") or SEED, self._known)
        self._subjects = {about.name: about for about in self._planned.subjects}
        self._outcomes: dict[tuple[str, str], Result] = {}
        self._chapters: dict[tuple[str, str], Chapter] = {}
        self._collected: set[tuple[str, str]] | None = None
        self._stopped = ""
        self._running: set[tuple[str, str]] = set()
        self._begun = time.monotonic()
        self._stderr = os.dup(2)  # while tests run, pytest has another in its place
        self._process = os.getpid()
        self._shown: set[tuple[str, str]] = set()
        """Subjects, each with the error that is shown of it: one that every test ends in is shown once."""
        self._final: Results | None = None
        self._unwritten = ""
        """Why a file could not be written, if one could not."""

    @property
    def _is_worker(self) -> bool:
        return hasattr(self._config, "workerinput")

    def _expected(self, result: Result) -> Expected | None:
        """Why a verdict does not count against this run."""
        if (expected := self._known.expected(result)) is not None or result.verdict != "fail":
            return expected
        levels = {REQUIREMENTS[number].level for number in result.requirements}
        least = Level(self._config.getoption("conformance_level") or Level.MUST)
        if least is Level.MUST and Level.MUST not in levels:
            return Expected(kind="should", reason="a SHOULD: the store chose otherwise")
        return None

    def pytest_sessionstart(self) -> None:
        """Write results that say that nothing was run yet, in place of those of an earlier run."""
        self._write_so_far()

    def _write_so_far(self) -> None:
        """Write what has come out, in case this process ends early."""
        if self._file is None or self._is_worker:
            return
        try:
            self._gathered(_GOING_ON).write(self._file)
        except FileError as fault:
            raise pytest.UsageError(str(fault)) from None

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Find the verdict of a test from what was raised, and attach it to the report, so that it travels with it."""
        function = getattr(item, "function", None)
        case: Case | None = getattr(function, "conformance_case", None)
        chapter: str | None = getattr(function, "conformance_chapter", None)
        if case is None and chapter is None:
            return (yield)
        with show.uncollected():
            report = yield
            if report.when == "call" or call.excinfo is not None or report.failed:
                self._judge(item, call, case, chapter or "", report)
        return report

    def _judge(
        self, item: pytest.Item, call: pytest.CallInfo[None], case: Case | None, chapter: str, report: pytest.TestReport
    ) -> None:
        name = shown_name(item.callspec.params[_SUBJECT])  # type: ignore[attr-defined]  # a case is a Function
        subject: Subject | None = item.funcargs.get(_SUBJECT)  # type: ignore[attr-defined]  # as above
        verdict, reason, hooks = _verdict(report, call)
        about = _describe(name, subject, reason if verdict == "harness-error" else "")
        documents = {"subject": about.model_dump_json(exclude_unset=True)}
        if case is None:
            is_shown = verdict == "fail" and isinstance(_raised(call), pytest.fail.Exception)
            made = _chapter(name, chapter, subject, verdict, "" if is_shown else reason)
            if verdict != "not-run":
                documents["chapter"] = made.model_dump_json()
            is_expected = is_shown and bool(made.findings) and self._are_expected(made)
        else:
            if verdict == "pass" and report.when == "call" and (subject is None or case.id not in subject.passed):
                verdict, reason = "harness-error", "pytest reports a pass, and the test did not come to its end"
            result = self._plan.result(case, name, verdict, reason, hooks=hooks, seconds=round(call.duration, 6))
            result = result.model_copy(update={"expected": self._expected(result)})
            documents["result"] = result.model_dump_json()
            is_expected = result.expected is not None
        report.user_properties.append((_PROPERTY, documents))
        if verdict == "harness-error" and (name, reason) in self._shown:
            report.outcome, report.longrepr = "skipped", (item.nodeid, 0, "harness-error, for the reason that is above")
        elif verdict in ("fail", "harness-error"):
            vars(report).pop("wasxfail", None)
            report.outcome = "failed"
            if case is not None:
                show.shorten(report, call, case, self._config)
            if report.when == "setup":
                self._shown.add((name, reason))
        if verdict == "fail" and is_expected:
            report.outcome, report.wasxfail = "skipped", "expected"  # how pytest itself says so

    def _are_expected(self, chapter: Chapter) -> bool:
        """Whether nothing that a chapter found counts against this run."""
        numbers = {number for finding in chapter.findings for number in finding.requirements}
        results = [self._plan.of_requirement(number, chapter.subject, "fail") for number in numbers & {*CHAPTERED}]
        return all(self._expected(result) is not None for result in results)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Note what is going to run, if no workers run it."""
        if not self._config.pluginmanager.hasplugin("dsession"):
            self._note_collected(item.nodeid for item in session.items)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        """Note what workers are going to run."""
        self._note_collected(ids)

    def _note_collected(self, ids: Iterable[str]) -> None:
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
        for name, value in report.user_properties:
            if name == _PROPERTY and isinstance(value, dict):
                about = AboutSubject.model_validate_json(value["subject"])
                found = {name: getattr(about, name) for name in about.model_fields_set}
                self._subjects[about.name] = self._subjects[about.name].model_copy(update=found)
                if "chapter" in value:
                    chapter = Chapter.model_validate_json(value["chapter"])
                    self._chapters[chapter.subject, chapter.name] = chapter
                else:
                    self._note(Result.model_validate_json(value["result"]))
        if report.when not in ("setup", "call", "teardown") and (place := self._plan.place_of(report.nodeid)):
            test, subject = place
            if test in self._plan.cases:
                self._note(self._plan.result(self._plan.cases[test], subject, "harness-error", str(report.longrepr)))
            else:
                self._chapters[subject, test] = Chapter(subject=subject, name=test, error=str(report.longrepr))

    def _note(self, result: Result) -> None:
        before = self._outcomes.get(result.place)
        if before is None or before.verdict == "pass":  # a teardown error replaces a pass, never another verdict
            self._outcomes[result.place] = result

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Note why the run stops."""
        self._stopped = f"{excinfo.typename}: {excinfo.value}".removesuffix(": ")

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Write the results, and find the exit status that they deserve."""
        if self._is_worker or os.getpid() != self._process:  # a store may have forked
            return
        self._running.clear()
        stopped = "--collect-only" if self._config.option.collectonly else session.shouldfail or self._stopped
        results = self._gathered(f"{_NOT_REACHED}: {stopped}" if stopped else _NOT_REACHED)
        if self._collected or self._outcomes or self._file or collects_suite(self._config):
            session.exitstatus = self._status(exitstatus, results)
            self._final = results
        results = results.model_copy(update={"exit_status": int(session.exitstatus)})
        try:
            if self._file is not None:
                results.write(self._file)
            if file := self._config.getoption("conformance_write_known"):
                known.write(file, results, self._known)
        except FileError as fault:
            self._unwritten = str(fault)
            session.exitstatus = session.exitstatus or pytest.ExitCode.USAGE_ERROR

    def _gathered(self, left: str) -> Results:
        """The results as they are now; `left` is why there is none of the other tests."""
        outcomes = dict(self._outcomes)
        for test, subject in self._running - outcomes.keys():
            if test in self._plan.cases:
                case = self._plan.cases[test]
                outcomes[test, subject] = self._plan.result(case, subject, "harness-error", _RUNNING)
        for subject in self._plan.subjects:
            for number in CHAPTERED:
                result = self._added_up(number, subject, left)
                outcomes[result.place] = result.model_copy(update={"expected": self._expected(result)})
        for place in {*self._planned.places()} - outcomes.keys():
            if self._collected is not None and place not in self._collected:
                outcomes[place] = self._plan.result(self._plan.cases[place[0]], place[1], "not-run", _DESELECTED)
        return self._planned.with_outcomes(self._subjects, outcomes, left, time.monotonic() - self._begun)

    def _added_up(self, number: str, subject: str, left: str) -> Result:
        """What the chapters say of a requirement, together."""
        chapters = [chapter for (name, _), chapter in self._chapters.items() if name == subject]
        running = [name for name, on in self._running if on == subject and name in CHAPTERS]
        chapters += [Chapter(subject=subject, name=name, error=_RUNNING) for name in running]
        found = [one for chapter in chapters for one in chapter.findings if number in one.requirements]
        times = sum(chapter.exercised.get(number, 0) for chapter in chapters)
        verdict: Verdict = "not-run"
        hooks: tuple[str, ...] = ()
        if found:
            first = min(found, key=lambda one: (one.requirements.index(number), len(one.text)))
            verdict, reason = "fail", first.text
        elif errors := [chapter.error for chapter in chapters if chapter.error]:
            verdict, reason = "harness-error", errors[0]
        elif times:
            left_out = [name for name in CHAPTERS if name not in {chapter.name for chapter in chapters}]
            verdict, reason = "pass", f"{_PART}: not {', '.join(left_out)}" if left_out else ""
        elif not chapters:
            is_chosen = self._collected is None or any((name, subject) in self._collected for name in CHAPTERS)
            reason = left if is_chosen else _DESELECTED
        else:
            missing = [chapter.missing[number] for chapter in chapters if number in chapter.missing]
            lacking = [one for one in missing if one.hook] or missing
            verdict = "not-applicable" if missing and not lacking[0].hook else "not-testable"
            reason = lacking[0].reason if lacking else "no scenario reached it"
            hooks = (lacking[0].hook,) if lacking and lacking[0].hook else ()
        return self._plan.of_requirement(number, subject, verdict, reason, hooks=hooks, exercised=times)

    def _status(self, exitstatus: int, results: Results) -> int:
        """The exit status that pytest's own becomes: a run that it takes for a success may be none."""
        if exitstatus != pytest.ExitCode.OK:
            return exitstatus
        if results.failures or any(self._known.stale(results)):
            return pytest.ExitCode.TESTS_FAILED
        if not any(result.verdict in ("pass", "fail") for result in results.results):
            is_failure = bool(self._collected) and not self._config.option.collectonly
            return pytest.ExitCode.TESTS_FAILED if is_failure else INCOMPLETE
        return INCOMPLETE if any(map(self._counts_as_open, results.results)) else pytest.ExitCode.OK

    def _counts_as_open(self, result: Result) -> bool:
        is_chosen = result.reason == _DESELECTED or not self._is_whole
        return result.is_open and not (is_chosen and self._config.getoption("conformance_partial"))

    @property
    def _is_whole(self) -> bool:
        """Whether all chapters are collected: else what no scenario has reached may be in the others."""
        played = {name for name, _ in self._collected or ()}
        return {*CHAPTERS} <= played

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Show the verdicts per subject, what does not pass, what is not decided, and the seed."""
        if self._final is None:
            return
        terminalreporter.section("conformance")
        if self._unwritten:
            terminalreporter.write_line(self._unwritten, red=True)
        open_results = [result for result in self._final.results if self._counts_as_open(result)]
        if self._collected and not any(one.verdict in ("pass", "fail") for one in self._final.results):
            terminalreporter.write_line("nothing was decided: nothing that was selected applies", red=True)
        for line, markup in show.summary(self._final, [*self._known.stale(self._final)], open_results):
            terminalreporter.write_line(line, **markup)
        terminalreporter.write_line(f"seed {self._final.suite.seed}; --conformance-seed N draws other scenarios")


def _chapter(name: str, chapter: str, subject: Subject | None, verdict: Verdict, error: str) -> Chapter:
    """What came of a chapter, as it travels."""
    if verdict == "not-testable":
        return Chapter(subject=name, name=chapter, missing=dict.fromkeys(CHAPTERED, Missing(reason=error)))
    tally: Tally | None = subject.tallies.get(chapter) if subject else None
    if subject is None or tally is None:
        return Chapter(subject=name, name=chapter, error=error or "it has not begun")
    missing = {number: Missing(reason=reason, hook=hook) for number, (reason, hook) in tally.missing.items()}
    for number, why in subject.unjudged.items():
        missing[number] = Missing(reason=str(why), hook=next(iter(why.hooks), ""))
    findings = tuple(
        Found(requirements=one.requirements, text=shown(one, tally.seen[one.signature]))
        for one in tally.findings.values()
    )
    return Chapter(
        subject=name,
        name=chapter,
        exercised=dict(tally.exercised),
        findings=findings,
        missing=missing,
        error=error,
    )


def _raised(call: pytest.CallInfo[None]) -> BaseException | None:
    return call.excinfo.value if call.excinfo else None


def _describe(name: str, subject: Subject | None, error: str) -> AboutSubject:
    """What a test found out about its subject."""
    if subject is None:
        return AboutSubject(name=name, error=error) if error else AboutSubject(name=name)
    capabilities = tuple(sorted(one.value for one in subject.harness.capabilities))
    return AboutSubject(name=name, mode=subject.harness.mode, capabilities=capabilities, facts=subject.facts)


def _verdict(report: pytest.TestReport, call: pytest.CallInfo[None]) -> tuple[Verdict, str, tuple[str, ...]]:
    """The verdict of a test by what was raised, its reason, and the hooks that it lacks."""
    if call.excinfo is None:
        return ("harness-error", printable(str(report.longrepr)), ()) if report.failed else ("pass", "", ())
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
    if report.when == "setup" and report.skipped:  # a marker or another plugin: what a harness raises is a failure
        return "not-run", f"skipped by a marker or another plugin: {reason}", ()
    return ("fail" if report.when == "call" else "harness-error"), reason, ()
