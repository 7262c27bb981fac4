"""Gathers the verdicts of a run from pytest, writes the results, and finds the exit status that they deserve."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Generator, Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import pytest

from conformance.case import Case, HarnessFailedError, NotApplicable, NotTestable, Subject
from conformance.files import FileError
from conformance.results import known, show
from conformance.results.document import AboutSubject, Coverage, Expected, Result, Results, Verdict
from conformance.results.keeper import MAIN, STUCK
from conformance.results.plan import Plan
from conformance.results.watch import SECONDS, Watch
from conformance.spec.requirements import REQUIREMENTS, Level
from conformance.subjects.registry import shown_name
from conformance.text import printable
from conformance.tour.outcome import OUT_OF_TIME
from taskstore_conformance_plugin import collects_suite

INCOMPLETE = 6
"""The exit status of a run in which nothing failed and something that applies was not decided."""
DESELECTED = "not selected: options like -k, --deselect and --lf, or the paths given to pytest, leave it out"
_NOT_REACHED = "the run ended before this test"
_GOING_ON = "the run has not come to this test"
_PROPERTY = "conformance"
_SUBJECT = "conformance_subject"
_FOLDER = "conformance-folder"
_SEED = pytest.StashKey[int]()
_REASON_LENGTH = 500


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
        self._known = known.KnownFailures() if file is None else known.read(file, self._plan.cases.keys())
        self._file: Path | None = config.getoption("conformance_json")
        if self._file is not None:
            self._file = self._file.absolute()  # tests change the working directory
        self._planned = self._plan.results(seed_of(config), self._known)
        self._subjects = {about.name: about for about in self._planned.subjects}
        self._outcomes: dict[tuple[str, str], Result] = {}
        self._collected: set[tuple[str, str]] | None = None
        self._stopped = ""
        self._begun = time.monotonic()
        self._process = os.getpid()
        self._covered: set[str] = set()
        self._watch: Watch | None = None
        self._folder: TemporaryDirectory[str] | None = None
        self._shown: set[tuple[str, str]] = set()
        """Subjects, each with the error that is shown of it: one that every test ends in is shown once."""
        self._final: Results | None = None
        self._unwritten = ""
        """Why a file could not be written, if one could not."""

    def alive(self) -> None:
        """Tell the watchdog that the test which runs goes on."""
        if self._watch is not None:
            self._watch.alive()

    @property
    def _is_worker(self) -> bool:
        return hasattr(self._config, "workerinput")

    def _expected(self, result: Result) -> Expected | None:
        """Why a verdict does not count against this run."""
        if (expected := self._known.expected(result)) is not None or result.verdict != "fail":
            return expected
        levels = {REQUIREMENTS[number].level for number in result.requirements}
        if Level(self._config.getoption("conformance_level") or Level.MUST) is Level.MUST and Level.MUST not in levels:
            return Expected(kind="should", reason="a SHOULD: the store chose otherwise")
        return None

    def pytest_sessionstart(self) -> None:
        """Write results that say that nothing was run yet, in place of those of an earlier run."""
        if self._file is not None and not self._is_worker:
            try:
                self._planned.with_outcomes({}, {}, _GOING_ON).write(self._file)
            except FileError as fault:
                raise pytest.UsageError(f"--conformance-json: {fault}") from None

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Find the verdict of a case from what was raised, and attach it to the report, so that it travels with it."""
        case: Case | None = getattr(getattr(item, "function", None), "conformance_case", None)
        if case is None:
            return (yield)
        with show.uncollected():
            report = yield
            if report.when == "call" or call.excinfo is not None or report.failed:
                self._judge(item, call, case, report)
        return report

    def _judge(self, item: pytest.Item, call: pytest.CallInfo[None], case: Case, report: pytest.TestReport) -> None:
        name = shown_name(item.callspec.params[_SUBJECT])  # type: ignore[attr-defined]  # a case is a Function
        verdict, reason, hooks = _verdict(report, call)
        if verdict == "pass" and report.when == "call" and case.id not in item.funcargs[_SUBJECT].passed:  # type: ignore[attr-defined]
            verdict, reason = "harness-error", "pytest reports a pass, and the test did not come to its end"
        result = self._plan.result(case, name, verdict, reason, hooks=hooks, seconds=round(call.duration, 6))
        result = result.model_copy(update={"expected": self._expected(result)})
        about = self._describe(item, name, result)
        documents = [result.model_dump_json(), about.model_dump_json(exclude_unset=True)]
        report.user_properties.append((_PROPERTY, documents))
        if verdict == "harness-error" and (name, reason) in self._shown:
            report.outcome, report.longrepr = "skipped", (item.nodeid, 0, "harness-error, for the reason that is above")
        elif verdict in ("fail", "harness-error"):
            vars(report).pop("wasxfail", None)
            report.outcome = "failed"
            show.shorten(report, call, case, self._config)
            if report.when == "setup":
                self._shown.add((name, reason))
        if verdict == "fail" and result.expected is not None:
            report.outcome, report.wasxfail = "skipped", result.expected.reason  # how pytest itself says "expected"

    def _describe(self, item: pytest.Item, name: str, result: Result) -> AboutSubject:
        """What a test found out about its subject."""
        subject: Subject | None = item.funcargs.get(_SUBJECT)  # type: ignore[attr-defined]  # a case is a Function
        if subject is None:
            is_broken = result.verdict == "harness-error"
            return AboutSubject(name=name, error=result.reason) if is_broken else AboutSubject(name=name)
        about = AboutSubject(
            name=name,
            mode=subject.harness.mode,
            capabilities=tuple(sorted(one.value for one in subject.harness.capabilities)),
            facts=subject.facts,
        )
        if subject.coverage and name not in self._covered:
            self._covered.add(name)  # it is long, and once is enough
            about = about.model_copy(update={"coverage": Coverage.model_validate(subject.coverage)})
        return about

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Give a worker of pytest-xdist the seed, and a folder that all workers share."""
        node.workerinput[_PROPERTY] = seed_of(self._config)
        node.workerinput[_FOLDER] = self._own_folder.name

    @property
    def _own_folder(self) -> TemporaryDirectory[str]:
        """A folder that is there to the end of the run. Workers of pytest-xdist share it."""
        if self._folder is None:
            self._folder = TemporaryDirectory(prefix="conformance-")
        return self._folder

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Note what is going to run, if no workers run it."""
        if not self._config.pluginmanager.hasplugin("dsession"):
            self._note_collected(item.nodeid for item in session.items)
            if self._collected:
                self._start_watch()

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        """Note what workers are going to run."""
        if self._collected is None:
            if self._file is not None:
                self._start_watch()
            self._note_collected(ids)

    def _note_collected(self, ids: Iterable[str]) -> None:
        self._collected = {place for one in ids if (place := self._plan.place_of(one)) is not None}
        for result in self._planned.results:
            if self._is_deselected(result):
                self._note(result.model_copy(update={"reason": DESELECTED}))

    def _start_watch(self) -> None:
        asked = self._config.getoption("conformance_timeout")
        seconds = SECONDS if asked is None else float(asked)
        if self._config.getoption("usepdb") or self._config.getoption("trace"):
            seconds = 0.0
        name = getattr(self._config, "workerinput", {}).get("workerid", MAIN)
        folder = shared_folder_of(self._config) or Path(self._own_folder.name)
        self._watch = Watch(seconds, folder / f"{name}.stack", None if self._is_worker else self._file)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Watch a test that starts."""
        self._begin(item, "setup")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> None:
        """Watch a test that runs."""
        self._begin(item, "call")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> None:
        """Watch a test that ends."""
        self._begin(item, "teardown")

    def pytest_runtest_logfinish(self) -> None:
        """Watch nothing until the next test starts."""
        if self._watch is not None:
            self._watch.end()

    def pytest_enter_pdb(self) -> None:
        """Watch nothing while a debugger runs."""
        if self._watch is not None:
            self._watch.end()

    def _begin(self, item: pytest.Item, phase: str) -> None:
        if self._watch is not None and (place := self._plan.place_of(item.nodeid)) is not None:
            self._watch.begin(*place, phase)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note the result that a report carries, and a report of pytest-xdist about a worker that has crashed."""
        for name, value in report.user_properties:
            if name == _PROPERTY:
                result, about = cast("list[str]", value)
                self._note_subject(AboutSubject.model_validate_json(about))
                self._note(Result.model_validate_json(result))
        if (
            report.when not in ("setup", "call", "teardown")
            and (place := self._plan.place_of(report.nodeid)) is not None
        ):
            verdict: Verdict = "fail" if STUCK in str(report.longrepr) else "harness-error"
            self._note(self._plan.result(self._plan.cases[place[0]], place[1], verdict, str(report.longrepr)))

    @pytest.hookimpl(optionalhook=True)
    def pytest_handlecrashitem(self, report: pytest.TestReport) -> None:
        """Say where a test was that got stuck, and whose worker was ended for it."""
        node: Any = report.node
        stack = Path(self._own_folder.name, f"{node.gateway.id}.stack")
        if stack.exists() and (text := stack.read_text("utf-8", "replace")):
            report.longrepr = f"{report.longrepr}\n{text}"

    def _note(self, result: Result) -> None:
        before = self._outcomes.get(result.place)
        if before is None or before.verdict == "pass":  # a teardown error replaces a pass, never another verdict
            self._outcomes[result.place] = result
            if self._watch is not None:
                self._watch.note(result)

    def _note_subject(self, about: AboutSubject) -> None:
        before = self._subjects[about.name]
        found = {name: getattr(about, name) for name in about.model_fields_set}
        self._subjects[about.name] = before.model_copy(update=found)
        if self._watch is not None and self._subjects[about.name] != before:
            self._watch.note_subject(self._subjects[about.name])

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Note why the run stops."""
        self._stopped = f"{excinfo.typename}: {excinfo.value}".removesuffix(": ")

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Write the results, and find the exit status that they deserve."""
        if not self._is_worker and os.getpid() == self._process:  # a store may have forked
            self._finish(session, exitstatus)
        if self._watch is not None:
            self._watch.close()
        if self._folder is not None:
            self._folder.cleanup()

    def _finish(self, session: pytest.Session, exitstatus: int) -> None:
        is_dry = self._config.option.collectonly
        results = self._gathered("--collect-only" if is_dry else str(session.shouldfail or self._stopped or ""))
        is_asked_for = bool(self._collected or self._outcomes or self._file or collects_suite(self._config))
        if is_asked_for:
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

    def _gathered(self, stopped: str) -> Results:
        """The results as they are at the end."""
        left = f"{_NOT_REACHED}: {stopped}" if stopped else _NOT_REACHED
        seconds = time.monotonic() - self._begun
        return self._planned.with_outcomes(self._subjects, self._outcomes, left, seconds)

    def _is_deselected(self, result: Result) -> bool:
        return self._collected is not None and result.place not in self._collected

    def _status(self, exitstatus: int, results: Results) -> int:
        """The exit status that pytest's own becomes: a run that it takes for a success may be none."""
        if exitstatus != pytest.ExitCode.OK:
            return exitstatus
        if results.failures or any(self._known.stale(results)):
            return pytest.ExitCode.TESTS_FAILED
        if not any(result.verdict in ("pass", "fail") for result in results.results):
            is_failure = bool(self._collected) and not self._config.option.collectonly
            return pytest.ExitCode.TESTS_FAILED if is_failure else INCOMPLETE
        return INCOMPLETE if any(self._counts_as_open(result) for result in results.results) else pytest.ExitCode.OK

    def _counts_as_open(self, result: Result) -> bool:
        is_chosen = self._is_deselected(result) or result.reason == OUT_OF_TIME
        return result.is_open and not (is_chosen and self._config.getoption("conformance_partial"))

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Show the verdicts per subject, what does not pass, what is not decided, and the seed."""
        if self._final is None:
            return
        terminalreporter.section("conformance")
        if self._unwritten:
            terminalreporter.write_line(self._unwritten, red=True)
        open_results = [result for result in self._final.results if self._counts_as_open(result)]
        for line, markup in show.summary(self._final, [*self._known.stale(self._final)], open_results):
            terminalreporter.write_line(line, **markup)
        terminalreporter.write_line(f"--conformance-seed {seed_of(self._config)} repeats the same examples")


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
