"""Gathers what came of each test from pytest and its workers, and finds the exit status of the run."""

from __future__ import annotations

import faulthandler
import os
import time
from collections.abc import Generator, Iterator
from itertools import product
from typing import Any

import pytest
from pydantic import TypeAdapter

from conformance.case import NotApplicable, NotTestable, Subject
from conformance.cases.chapters import shown
from conformance.chapters import CHAPTERED, CHAPTERS
from conformance.guard import HarnessFailedError
from conformance.results import known, show
from conformance.results.document import AboutSubject, Expected, Result, Results, Verdict
from conformance.results.plan import Place, Plan, add_up
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
_SENT = TypeAdapter(tuple[str, AboutSubject, list[Result]])
"""What a report carries: the name of the case or chapter, its subject, and what it decides."""
_REASON_LENGTH = 500
_SECONDS = 300.0
"""How long a test may take."""


class Recorder:
    """What came of each test so far."""

    def __init__(self, config: pytest.Config) -> None:
        """Read the known failures.

        Raises:
            conformance.files.FileError: if their file cannot be used.
        """
        self._config, self._option = config, config.option
        self._plan = Plan(dict.fromkeys(map(shown_name, config.option.conformance_store)))
        file, out = self._option.conformance_known, self._option.conformance_json
        self._known = known.read(file, self._plan.tests) if file else known.KnownFailures()
        self._file = out.absolute() if out else None  # tests change the working directory
        self._results = self._plan.results(self._option.conformance_seed or SEED)
        self._about = {about.name: about for about in self._results.subjects}
        self._came: dict[Place, Result] = {}
        self._collected: set[Place] = set()
        self._running: set[Place] = set()
        self._played: set[Place] = set()
        self._begun = time.monotonic()
        self._stderr = os.dup(2)  # while tests run, pytest has another in its place
        self._shown: set[str] = set()
        """Why subjects could not be set up. Every test of such a subject ends in that, and it is shown once."""
        self._final: Results | None = None

    @property
    def _is_worker(self) -> bool:
        return hasattr(self._config, "workerinput")

    def _expected(self, result: Result) -> Expected | None:
        """Why a verdict does not count against this run."""
        expected = self._known.expected(result)
        musts = [number for number in result.requirements if REQUIREMENTS[number].level is Level.MUST]
        if expected or result.verdict != "fail" or musts or self._option.conformance_level == "SHOULD":
            return expected
        return Expected(kind="should", reason="a SHOULD: the store chose otherwise")

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Function, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Find the results of a test from what was raised, and attach them to the report, which travels."""
        place = self._plan.place_of(item.nodeid)
        if place is None or (call.when != "call" and call.excinfo is None):
            return (yield)
        subject: Any = item.funcargs.get("conformance_subject")
        verdict, reason, hooks = _verdict(call)
        if subject and place[0] in subject.tallies:
            results = [*self._found(place, subject, reason)]
        else:
            results = self._plan.alike(place, verdict, reason, hooks=hooks, seconds=round(call.duration, 6))
        raised, is_failure = call.excinfo, verdict in ("fail", "harness-error")
        is_plain = self._option.tbstyle not in ("long", "native")
        if raised and is_failure and is_plain and not isinstance(raised.value, pytest.fail.Exception):
            numbers = self._plan.tests.get(place[0], {}).get("requirements", ())
            fault = pytest.fail.Exception(show.failure(raised, item.function.__doc__, numbers), pytrace=False)
            call.excinfo = pytest.ExceptionInfo.from_exc_info((type(fault), fault, raised.tb))
        report = yield
        call.excinfo = raised
        error = reason if verdict == "harness-error" else None
        about = _about(subject) if subject else AboutSubject(name=place[1], error=error)
        vars(report)["conformance"] = _SENT.dump_json((place[0], about, results)).decode()
        if is_failure:
            failures = [one for one in results if one.verdict in ("fail", "harness-error")]
            vars(report).pop("wasxfail", None)
            report.outcome = "failed"
            if failures and all(map(self._expected, failures)):
                report.outcome, report.wasxfail = "skipped", "expected"  # how pytest itself says so
            elif reason in self._shown:
                report.outcome, report.longrepr = "skipped", (item.nodeid, 0, "for the reason that is above")
            elif report.when == "setup":
                self._shown.add(reason)
        return report

    def _found(self, place: Place, subject: Subject, reason: str) -> Iterator[Result]:
        """What a chapter has found out about each requirement; `reason` is why it did not pass."""
        tally = subject.tallies[place[0]]
        found = [(one.requirements, shown(one, tally.seen[one.signature])) for one in tally.findings.values()]
        error = "" if found and reason.startswith("Failed: ") else reason
        for number in CHAPTERED:
            texts = [text for numbers, text in found if number in numbers]
            times = tally.exercised[number]
            verdict: Verdict = "pass"
            hooks: tuple[str, ...] = ()
            if texts:
                verdict, why = "fail", min(texts, key=lambda text: (not text.startswith(number), len(text)))
            elif error:
                verdict, why = "harness-error", error
            elif number in subject.unjudged:
                verdict, why, hooks = "not-testable", str(subject.unjudged[number]), subject.unjudged[number].hooks
            elif times:
                why = ""
            elif number in tally.missing:
                why, hook = tally.missing[number]
                verdict, hooks = "not-testable" if hook else "not-applicable", (hook,) if hook else ()
            else:
                continue
            yield self._plan.result(f"requirement_{number}", place[1], verdict, why, hooks=hooks, exercised=times)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Note what is going to run, if no workers run it."""
        self.pytest_xdist_node_collection_finished([item.nodeid for item in session.items])

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        """Note what workers are going to run."""
        self._collected = {place for one in ids if (place := self._plan.place_of(one))}

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Write what has come out so far. End the process, with the stacks of its threads, if a test takes too long."""
        if place := self._plan.place_of(nodeid):
            self._running.add(place)
            if self._file and not self._is_worker:
                self._gathered(_GOING_ON).write(self._file)
        asked = self._option.conformance_timeout
        seconds = _SECONDS if asked is None else asked
        if seconds and (self._is_worker or not self._config.pluginmanager.hasplugin("dsession")):
            faulthandler.dump_traceback_later(seconds, exit=True, file=self._stderr)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """Watch nothing until the next test starts."""
        if place := self._plan.place_of(nodeid):
            self._running.discard(place)
        faulthandler.cancel_dump_traceback_later()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note what a report carries, and a report of pytest-xdist about a worker that has crashed."""
        if sent := vars(report).get("conformance"):
            name, about, results = _SENT.validate_json(sent)
            new = about.model_dump(exclude_defaults=True)
            self._about[about.name] = self._about[about.name].model_copy(update=new)
            self._note((name, about.name), results)
        if report.when not in ("setup", "call", "teardown") and (place := self._plan.place_of(report.nodeid)):
            self._note(place, self._plan.alike(place, "harness-error", str(report.longrepr)))

    def _note(self, place: Place, results: list[Result]) -> None:
        if not results or results[0].verdict != "not-run":
            self._played.add(place)
        self._came = add_up([*self._came.values(), *results])

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Write the results, and find the exit status that they deserve."""
        if self._is_worker or self._option.collectonly:
            return
        self._running.clear()
        results = self._gathered(f"{_NOT_REACHED}: {session.shouldfail}" if session.shouldfail else _NOT_REACHED)
        if self._collected or collects_suite(self._config):
            session.exitstatus = self._status(exitstatus, results)
            self._final = results
        results = results.model_copy(update={"exit_status": int(session.exitstatus)})
        if self._file:
            results.write(self._file)
        if file := self._option.conformance_write_known:
            known.write(file, results, self._known)

    def _gathered(self, left: str) -> Results:
        """The results as they are now; `left` is why there is none of the other tests."""
        ended = (one for place in self._running for one in self._plan.alike(place, "harness-error", _RUNNING))
        came = add_up([*self._came.values(), *ended])
        chosen = {(test, subject) for name, subject in self._collected for test in self._plan.decided[name]}
        results = []
        for test, subject in product(self._plan.tests, self._plan.subjects):
            result = came.get((test, subject))
            left_out = [name for name in CHAPTERS if (name, subject) not in self._played]
            is_added_up = test in self._plan.decided[next(iter(CHAPTERS))]
            if is_added_up and result and result.verdict == "pass" and left_out:
                reason = f"a part of the chapters was played: not {', '.join(left_out)}"
                result = result.model_copy(update={"reason": reason})
            if is_added_up and len(left_out) < len(CHAPTERS) and not result:
                result = self._plan.result(test, subject, "not-testable", "no scenario reached it")
            if not result:
                why = left if (test, subject) in chosen else _DESELECTED
                result = self._plan.result(test, subject, "not-run", why)
            results.append(result.model_copy(update={"expected": self._expected(result)}))
        seconds, about = round(time.monotonic() - self._begun, 3), tuple(self._about.values())
        return self._results.model_copy(update={"results": tuple(results), "subjects": about, "seconds": seconds})

    def _status(self, exitstatus: int, results: Results) -> int:
        """The exit status that pytest's own becomes: a run that it takes for a success may be none."""
        if exitstatus != pytest.ExitCode.OK:
            return exitstatus
        if any(result.is_failure for result in results.results) or any(self._known.stale(results)):
            return pytest.ExitCode.TESTS_FAILED
        if self._collected and not any(result.verdict in ("pass", "fail") for result in results.results):
            return pytest.ExitCode.TESTS_FAILED
        return INCOMPLETE if any(map(self._counts_as_open, results.results)) else pytest.ExitCode.OK

    def _counts_as_open(self, result: Result) -> bool:
        # Where chapters are left out, what no scenario has reached may be in them.
        is_whole = CHAPTERS.keys() <= {name for name, _ in self._collected}
        is_chosen = result.reason == _DESELECTED or not is_whole
        return result.is_open and not (is_chosen and self._option.conformance_partial)

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


def _about(subject: Subject) -> AboutSubject:
    """What a test found out about its subject."""
    capabilities = tuple(sorted(one.value for one in subject.harness.capabilities))
    return AboutSubject(name=subject.name, mode=subject.harness.mode, capabilities=capabilities, facts=subject.facts)


def _verdict(call: pytest.CallInfo[None]) -> tuple[Verdict, str, tuple[str, ...]]:
    """The verdict of a test by what was raised, its reason, and the hooks that it lacks."""
    if call.excinfo is None:
        return "pass", "", ()
    raised = call.excinfo.value
    reason = show.words_of(raised)[:_REASON_LENGTH]
    match raised:
        case NotApplicable():
            return "not-applicable", str(raised), ()
        case NotTestable():
            return "not-testable", str(raised), raised.hooks
        case pytest.skip.Exception() if call.when == "setup":
            return "not-run", f"skipped by a marker or another plugin: {reason}", ()
    is_judged = call.when == "call" and not isinstance(raised, HarnessFailedError)
    return "fail" if is_judged else "harness-error", reason, ()
