"""Gathers what came of each test from pytest and its workers, and finds the exit status of the run."""

from __future__ import annotations

import faulthandler
import gc
import os
from collections.abc import Generator
from typing import Any

import pytest
from pydantic import BaseModel

from conformance.backends.registry import shown_name
from conformance.files import FileError
from conformance.results import known, show
from conformance.results.document import AboutBackend, Judged, Result, Results
from conformance.results.plan import Place, Plan
from conformance.results.progress import Progress
from conformance.results.scripts import write_script
from conformance.results.summary import summary
from conformance.results.verdict import judge_call, judge_group
from conformance.tasks.case import Backend
from taskstore_conformance_plugin import OPTIONS, collects_suite

INCOMPLETE = 6
"""The exit status of a run in which nothing failed and something that applies was not decided."""


class Sent(BaseModel):
    """What a report of pytest carries from a worker to the process that shows it."""

    place: Place
    about: AboutBackend
    results: list[Result]


class Recorder:
    """The results of each test so far."""

    def __init__(self, config: pytest.Config) -> None:
        """Read the known failures.

        Raises:
            conformance.files.FileError: if their file cannot be used.
        """
        self._config, self._option = config, config.option
        option = self._option
        names = [*dict.fromkeys(map(shown_name, option.conformance_store))]
        self._plan = Plan(names, option.conformance_known, option.conformance_level, option.conformance_only)
        self._progress = Progress(self._plan, option.conformance_seed)
        self._file = option.conformance_json and option.conformance_json.absolute()  # tests change the folder
        self._stderr = os.dup(2)  # while tests run, pytest has another in its place
        self._shown: set[str] = set()
        """What is shown once: of which requirements and backends a failure, and why backends could not be set up."""
        self._final: Results | None = None
        self._is_partial = option.conformance_partial or bool(self._plan.only)

    # In the process that runs a test

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Leave out what is not selected."""
        for item in [*items]:
            place = self._plan.place_of(item.nodeid)
            if place and not self._plan.tests_of(place[0]):
                items.remove(item)
                self._config.hook.pytest_deselected(items=[item])

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Function, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Find the results of a test from what was raised, and attach them to the report, which travels."""
        report = yield
        place = self._plan.place_of(item.nodeid)
        if place is None or (call.when != "call" and call.excinfo is None):
            return report
        backend: Any = item.funcargs.get("conformance_backend")
        judged = judge_call(call, place[0], *self._plan.tests.get(place[0], ("", ())))
        results = self._plan.alike(place, judged)
        if backend and place[0] in backend.coverages:
            results = self._of_group(place, backend, judged, call)
        about = _about(place, backend, judged)
        vars(report)["conformance"] = Sent(place=place, about=about, results=results).model_dump_json()
        if judged.verdict in ("fail", "harness-error"):
            self._set_outcome(report, place[1], judged, results)
        return report

    def _of_group(self, place: Place, backend: Backend, judged: Judged, call: pytest.CallInfo[None]) -> list[Result]:
        """Return what a group found about each requirement."""
        name, shown = place
        coverage, error = backend.coverages[name], judged.reason
        if coverage.findings and call.excinfo and isinstance(call.excinfo.value, pytest.fail.Exception):
            error = ""  # it came to its end
        results = []
        for test in self._plan.tests_of(name):
            (number,) = self._plan.tests[test][1]
            verdict = judge_group(number, coverage, error, backend.unjudged)
            results.append(self._plan.result(test, shown, verdict, coverage.exercised[number]))
        return results

    def _set_outcome(self, report: pytest.TestReport, backend: str, judged: Judged, results: list[Result]) -> None:
        """Let a failure fail the test, unless it is expected, and say what is new about it."""
        vars(report).pop("wasxfail", None)
        report.outcome = "failed"
        if any(result.expected for result in results) and not any(result.is_failure for result in results):
            report.outcome, report.wasxfail = "skipped", "expected"  # how pytest itself says so
        texts = {}
        for number, failure in show.firsts(results).items():
            key = number if failure.script else failure.name
            texts[f"{key} {backend}"] = "\n".join([*show.block(failure, self._again(backend)), ""])
        texts = texts or {judged.reason: judged.reason}
        new = [text for key, text in texts.items() if key not in self._shown]
        self._shown |= texts.keys()
        report.longrepr = "\n".join(new) or "only what is shown above"
        if not new:
            vars(report)["_pdbshown"] = True  # what a debugger has shown pytest does not show again

    def _again(self, backend: str) -> str:
        """Return the command that plays something again, but for its name."""
        command = f"conformance run --store {backend}"
        for name in ("depth", "seed"):
            value = getattr(self._option, f"conformance_{name}")
            if value != OPTIONS[name]["default"]:
                command += f" --{name} {value}"
        return f"{command} --only"

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Note what is going to run, if no workers run it."""
        if self._config.pluginmanager.has_plugin("hypothesispytest"):
            import hypothesis  # noqa: F401  its plugin imports it at the end, and it warns where much is frozen
        gc.freeze()  # what is imported stays: no collection has to look at it
        self.pytest_xdist_node_collection_finished([item.nodeid for item in session.items])

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self) -> Generator[None, object, object]:
        """End the process, with the stacks of its threads, if a test takes too long."""
        if seconds := self._option.conformance_timeout:
            faulthandler.dump_traceback_later(seconds, exit=True, file=self._stderr)
        try:
            return (yield)
        finally:
            faulthandler.cancel_dump_traceback_later()

    # In the process that gathers

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        """Note what workers are going to run."""
        self._progress.collect(map(self._plan.place_of, ids))

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Write what has come out so far, in case this test ends the process."""
        if place := self._plan.place_of(nodeid):
            self._progress.running.add(place)
            if not hasattr(self._config, "workerinput"):
                self._write(self._progress.results())

    def _write(self, results: Results) -> None:
        """Write the results; end the run if that cannot be done, for example on a full disk."""
        if self._file:
            try:
                results.write(self._file)
            except FileError as fault:
                self._file = None
                pytest.exit(str(fault), returncode=pytest.ExitCode.INTERNAL_ERROR)

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note what a report carries, and a report of pytest-xdist about a worker that has crashed."""
        if text := vars(report).get("conformance"):
            sent = Sent.model_validate_json(text)
            self._progress.describe(sent.about)
            self._progress.note(sent.place, sent.results)
        elif report.when not in ("setup", "call", "teardown"):
            crashed = self._plan.place_of(report.nodeid)
            if crashed:
                judged = Judged(verdict="harness-error", reason=str(report.longrepr))
                self._progress.note(crashed, self._plan.alike(crashed, judged))

    # At the end

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Write the results, and find the exit status that they deserve."""
        if hasattr(self._config, "workerinput"):
            return
        self._progress.running.clear()
        results = self._progress.results()
        if self._progress.collected or collects_suite(self._config):
            session.exitstatus = self._status(exitstatus, results)
            self._final = results
        self._write(results.model_copy(update={"exit_status": int(session.exitstatus)}))
        if file := self._option.conformance_write_known:
            known.write(file, results, self._plan.known)
        if folder := self._option.conformance_scripts:
            folder.mkdir(parents=True, exist_ok=True)
            for result in results.results:
                if result.failure and result.failure.script:
                    write_script(folder, result.failure, result.backend)

    def _status(self, exitstatus: int, results: Results) -> int:
        """The exit status that pytest's own becomes: a run that it takes for a success may be none."""
        if exitstatus != pytest.ExitCode.OK:
            return exitstatus
        verdicts = {result.verdict for result in results.results}
        has_run = self._progress.collected and not self._option.collectonly
        if has_run and verdicts.isdisjoint(("pass", "fail")):
            return pytest.ExitCode.TESTS_FAILED
        if any(result.is_failure for result in results.results) or any(self._plan.known.stale(results)):
            return pytest.ExitCode.TESTS_FAILED
        if any(self._progress.undecided(results, is_partial=self._is_partial)):
            return INCOMPLETE
        return pytest.ExitCode.OK

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Show what to mend first, what is not decided, and how to play it again."""
        if not self._final:
            return
        terminalreporter.section("conformance")
        stale = self._plan.known.stale(self._final)
        undecided = self._progress.undecided(self._final, is_partial=self._is_partial)
        for line in summary(self._final, stale, undecided, self._again):
            terminalreporter.write_line(line, bold=not line.startswith(" "))


def _about(place: Place, backend: Backend | None, judged: Judged) -> AboutBackend:
    """Return what a test found out about its backend."""
    if backend is None:
        return AboutBackend(name=place[1], error=judged.reason if judged.verdict == "harness-error" else None)
    harness = backend.harness
    capabilities = map(str, sorted(harness.capabilities))
    return AboutBackend(name=backend.name, mode=harness.mode, capabilities=tuple(capabilities), facts=backend.facts)
