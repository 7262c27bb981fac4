"""Gathers what came of each test from pytest and its workers, and finds the exit status of the run."""

from __future__ import annotations

import faulthandler
import gc
import os
import time
from collections.abc import Generator, Mapping
from itertools import product
from typing import Any

import pytest
from pydantic import TypeAdapter

from conformance.backends.registry import shown_name
from conformance.engine.finding import Tally
from conformance.guard import HarnessFailedError
from conformance.results import known, show
from conformance.results.document import AboutBackend, Result, Results
from conformance.results.plan import Judged, Place, Plan, add_up, begin
from conformance.tasks.case import Backend, NotApplicable, NotTestable
from conformance.tasks.cases.groups import GROUPED, GROUPS, shown
from taskstore_conformance_plugin import collects_suite

INCOMPLETE = 6
"""The exit status of a run in which nothing failed and something that applies was not decided."""
_DESELECTED = Judged("not-run", "not selected: options like -k, or the paths given to pytest, leave it out")
_NOT_REACHED = Judged("not-run", "the run ended before this test")
_RUNNING = Judged("harness-error", "the process of pytest ended while this test ran")
_REASON_LENGTH = 500
_SENT = TypeAdapter(tuple[str, AboutBackend, list[Result]])
"""The content of a report: the name of the case or group, its backend, and its results."""


class Recorder:
    """The results of each test so far."""

    def __init__(self, config: pytest.Config) -> None:
        """Read the known failures.

        Raises:
            conformance.files.FileError: if their file cannot be used.
        """
        self._config, self._option = config, config.option
        names = [*dict.fromkeys(map(shown_name, self._option.conformance_store))]
        self._plan = Plan(names, self._option.conformance_known, self._option.conformance_level)
        self._results = begin(names, self._option.conformance_seed)
        self._file = (
            self._option.conformance_json and self._option.conformance_json.absolute()
        )  # tests change the folder
        self._about = {about.name: about for about in self._results.backends}
        self._came = {
            (test, name): self._plan.result(test, name, _DESELECTED) for name, test in product(names, self._plan.tests)
        }
        self._collected: set[Place] = set()
        self._running: set[Place] = set()
        self._played: set[Place] = set()
        self._begun = time.monotonic()
        self._stderr = os.dup(2)  # while tests run, pytest has another in its place
        self._shown: set[str] = set()
        """Why backends could not be set up. Every test of such a backend ends in that, and it is shown once."""
        self._final: Results | None = None

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Function, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Find the results of a test from what was raised, and attach them to the report, which travels."""
        place = self._plan.place_of(item.nodeid)
        if place is None or (call.when != "call" and call.excinfo is None):
            return (yield)
        name, on = place
        backend: Any = item.funcargs.get("conformance_backend")
        judged = _verdict(call)
        reason = judged.reason
        tally = backend and backend.tallies.get(name)
        if tally:
            error = "" if tally.findings and reason.startswith("Failed: ") else reason
            results = [self._of_group(number, backend, tally, error) for number in GROUPED]
        else:
            results = self._plan.alike(place, judged)
        raised, is_failure = call.excinfo, judged.verdict in ("fail", "harness-error")
        if raised and is_failure and not isinstance(raised.value, pytest.fail.Exception):
            _, numbers = self._plan.tests.get(name, ("", ()))
            fault = pytest.fail.Exception(show.failure(raised, item.function.__doc__, numbers), pytrace=False)
            call.excinfo = pytest.ExceptionInfo.from_exc_info((type(fault), fault, raised.tb))
        report = yield
        call.excinfo = raised
        about = AboutBackend(name=on, error=reason if judged.verdict == "harness-error" else None)
        vars(report)["conformance"] = _SENT.dump_json((name, _about(backend) if backend else about, results)).decode()
        if is_failure:
            vars(report).pop("wasxfail", None)
            report.outcome = "failed"
            if any(one.expected for one in results) and not any(one.is_failure for one in results):
                report.outcome, report.wasxfail = "skipped", "expected"  # how pytest itself says so
            elif reason in self._shown:
                report.outcome, report.longrepr = "skipped", (item.nodeid, 0, "for the reason that is above")
            elif report.when == "setup":
                self._shown.add(reason)
        return report

    def _of_group(self, number: str, backend: Backend, tally: Tally, error: str) -> Result:
        judged = _judged(number, tally, error, backend.unjudged)
        return self._plan.result(f"requirement_{number}", backend.name, judged, tally.exercised[number])

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Note what is going to run, if no workers run it."""
        if self._config.pluginmanager.has_plugin("hypothesispytest"):
            import hypothesis  # noqa: F401  its plugin imports it at the end, and it warns where much is frozen
        gc.freeze()  # what is imported stays: no collection has to look at it
        self.pytest_xdist_node_collection_finished([item.nodeid for item in session.items])

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        """Note what workers are going to run."""
        if not self._collected:
            self._collected = {place for one in ids if (place := self._plan.place_of(one))}
            for place in self._collected:
                self._came |= {one.place: one for one in self._plan.alike(place, _NOT_REACHED)}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self) -> Generator[None, object, object]:
        """End the process, with the stacks of its threads, if a test takes too long."""
        if seconds := self._option.conformance_timeout:
            faulthandler.dump_traceback_later(seconds, exit=True, file=self._stderr)
        try:
            return (yield)
        finally:
            faulthandler.cancel_dump_traceback_later()

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Write what has come out so far, in case this test ends the process."""
        if place := self._plan.place_of(nodeid):
            self._running.add(place)
            if self._file and not hasattr(self._config, "workerinput"):
                self._gathered().write(self._file)

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note what a report carries, and a report of pytest-xdist about a worker that has crashed.

        A failure is shown when its test ends. pytest shows failures at the end of the run.
        """
        if sent := vars(report).get("conformance"):
            name, about, results = _SENT.validate_json(sent)
            new = about.model_dump(exclude_defaults=True)
            self._about[about.name] = self._about[about.name].model_copy(update=new)
            self._note((name, about.name), results)
            terminal = self._config.pluginmanager.getplugin("terminalreporter")
            if report.failed and terminal and self._option.tbstyle != "no":
                terminal.ensure_newline()
                terminal.write_sep("_", report.head_line, red=True)
                report.toterminal(self._config.get_terminal_writer())
                vars(report)["_pdbshown"] = True  # what a debugger has shown pytest does not show again
        elif report.when not in ("setup", "call", "teardown") and (place := self._plan.place_of(report.nodeid)):
            self._note(place, self._plan.alike(place, Judged("harness-error", str(report.longrepr))))

    def _note(self, place: Place, results: list[Result]) -> None:
        self._running.discard(place)
        if not results or results[0].verdict != "not-run":
            self._played.add(place)
        for one in results:
            self._came[one.place] = add_up(self._came[one.place], one)

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Write the results, and find the exit status that they deserve."""
        if hasattr(self._config, "workerinput"):
            return
        self._running.clear()
        results = self._gathered()
        if self._collected or collects_suite(self._config):
            session.exitstatus = self._status(exitstatus, results)
            self._final = results
        results = results.model_copy(update={"exit_status": int(session.exitstatus)})
        if self._file:
            results.write(self._file)
        if file := self._option.conformance_write_known:
            known.write(file, results, self._plan.known)

    def _gathered(self) -> Results:
        """The results as they are now."""
        came = dict(self._came)
        for place in self._running:
            came |= {one.place: add_up(came[one.place], one) for one in self._plan.alike(place, _RUNNING)}
        for place, result in came.items():
            left_out = [name for name in GROUPS if (name, result.backend) not in self._played]
            if result.verdict == "pass" and result.exercised and left_out:
                reason = f"a part of the groups was played: not {', '.join(left_out)}"
                came[place] = result.model_copy(update={"reason": reason})
        seconds, about = round(time.monotonic() - self._begun, 3), tuple(self._about.values())
        return self._results.model_copy(update={"results": tuple(came.values()), "backends": about, "seconds": seconds})

    def _status(self, exitstatus: int, results: Results) -> int:
        """The exit status that pytest's own becomes: a run that it takes for a success may be none."""
        if exitstatus != pytest.ExitCode.OK:
            return exitstatus
        nothing = not any(result.verdict in ("pass", "fail") for result in results.results)
        is_empty = nothing and bool(self._collected) and not self._option.collectonly
        if is_empty or any(result.is_failure for result in results.results) or any(self._plan.known.stale(results)):
            return pytest.ExitCode.TESTS_FAILED
        return INCOMPLETE if any(map(self._counts_as_open, results.results)) else pytest.ExitCode.OK

    def _counts_as_open(self, result: Result) -> bool:
        # Where groups are left out, what no scenario has reached may be in them.
        is_whole = GROUPS.keys() <= {name for name, _ in self._collected}
        is_chosen = result.reason == _DESELECTED.reason or not is_whole
        return result.is_open and not (is_chosen and self._option.conformance_partial)

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Show the verdicts per backend, what does not pass, what is not decided, and the seed."""
        if self._final:
            terminalreporter.section("conformance")
            undecided = filter(self._counts_as_open, self._final.results)
            for line in show.summary(self._final, self._plan.known.stale(self._final), undecided):
                terminalreporter.write_line(line)


def _about(backend: Backend) -> AboutBackend:
    """Return what a test found out about its backend."""
    capabilities = tuple(sorted(one.value for one in backend.harness.capabilities))
    return AboutBackend(name=backend.name, mode=backend.harness.mode, capabilities=capabilities, facts=backend.facts)


def _verdict(call: pytest.CallInfo[None]) -> Judged:
    """The verdict of a test by what was raised."""
    if call.excinfo is None:
        return Judged("pass")
    raised = call.excinfo.value
    reason = show.words_of(raised)[:_REASON_LENGTH]
    match raised:
        case NotApplicable():
            return Judged("not-applicable", str(raised))
        case NotTestable():
            return Judged("not-testable", str(raised), raised.hooks)
        case pytest.skip.Exception() if call.when == "setup":
            return Judged("not-run", f"skipped by a marker or another plugin: {reason}")
    is_judged = call.when == "call" and not isinstance(raised, HarnessFailedError)
    return Judged("fail" if is_judged else "harness-error", reason)


def _judged(number: str, tally: Tally, error: str, unjudged: Mapping[str, NotTestable]) -> Judged:
    """Return a group's verdict on a requirement; `error` is why it did not come to its end."""
    found = []
    for finding in tally.findings.values():
        if number in finding.requirements:
            text = shown(finding, tally.seen[finding.signature])
            found.append(Judged("fail", text, is_nearest=finding.requirements[0] == number))
    if found:
        return min(found, key=lambda judged: (not judged.is_nearest, len(judged.reason)))
    if error:
        return Judged("harness-error", error)
    if number in unjudged:
        return Judged("not-testable", str(unjudged[number]), unjudged[number].hooks)
    if tally.exercised[number]:
        return Judged("pass")
    if number not in tally.missing:
        return Judged("not-testable", "no scenario reached it")
    why, hook = tally.missing[number]
    return Judged("not-testable", why, (hook,)) if hook else Judged("not-applicable", why)
