"""Gathers what came of each test from pytest and its workers, and finds the exit status of the run."""

from __future__ import annotations

import faulthandler
import gc
import os
from collections.abc import Generator, Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from conformance.backends.registry import shown_name
from conformance.engine.finding import Coverage
from conformance.files import FileError
from conformance.results import known, show
from conformance.results.document import AboutBackend, Failure, Result, Results
from conformance.results.plan import Place, Plan
from conformance.results.progress import Progress
from conformance.results.scripts import write_script
from conformance.results.summary import broken_by, first_of, summary
from conformance.results.verdict import Judged, failure_of, judge_call, judge_group
from conformance.tasks.case import Backend
from conformance.terminal import Screen
from taskstore_conformance_plugin import collects_suite

INCOMPLETE = 6
"""The exit status of a run in which nothing failed and something that applies was not decided."""

_FAILED = ("failed", "error", "xfailed")
"""What pytest calls tests that failed, also those whose failure is expected."""


class Sent(BaseModel):
    """What a report of pytest carries from a worker to the process that shows it."""

    name: str
    """The case or group."""
    about: AboutBackend
    results: list[Result]
    failures: list[Failure]
    """Those that are shown: no earlier test on this backend had them."""


class Recorder:
    """The results of each test so far."""

    def __init__(self, config: pytest.Config) -> None:
        """Read the known failures.

        Raises:
            conformance.files.FileError: if their file cannot be used.
        """
        self._config, self._option = config, config.option
        names = [*dict.fromkeys(map(shown_name, self._option.conformance_store))]
        only = [name.removeprefix("requirement_") for name in self._option.conformance_only]
        self._plan = Plan(names, self._option.conformance_known, self._option.conformance_level, only)
        self._progress = Progress(self._plan, self._option.conformance_seed)
        file = self._option.conformance_json
        self._file = file.absolute() if file else None  # tests change the folder
        self._stderr = os.dup(2)  # while tests run, pytest has another in its place
        self._unset: set[str] = set()
        """Why backends could not be set up. Every test of such a backend ends in that, and it is shown once."""
        self._final: Results | None = None
        self._is_partial = self._option.conformance_partial or bool(only)

    # In the process that runs a test

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Leave out what is not selected."""
        if self._plan.only:
            chosen = [item for item in items if self._is_selected(item)]
            self._config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
            items[:] = chosen

    def _is_selected(self, item: pytest.Item) -> bool:
        place = self._plan.place_of(item.nodeid)
        return place is None or bool(self._plan.tests_of(place))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Function, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Find the results of a test from what was raised, and attach them to the report, which travels."""
        place = self._plan.place_of(item.nodeid)
        if place is None or (call.when != "call" and call.excinfo is None):
            return (yield)
        doc, numbers = self._plan.tests.get(place.name, ("", ()))
        judged = judge_call(call, place.name, doc, numbers)
        backend: Any = item.funcargs.get("conformance_backend")
        sent = self._sent(place, backend, judged, call)
        raised = call.excinfo
        if raised and judged.is_failure:
            text = "\n".join(show.failures(sent.failures)) or judged.reason
            fault = pytest.fail.Exception(text, pytrace=False)
            call.excinfo = pytest.ExceptionInfo.from_exc_info((type(fault), fault, raised.tb))
        report = yield
        call.excinfo = raised
        vars(report)["conformance"] = sent.model_dump_json()
        if judged.is_failure:
            self._set_outcome(report, judged, sent.results)
        return report

    def _sent(self, place: Place, backend: Backend | None, judged: Judged, call: pytest.CallInfo[None]) -> Sent:
        """Return what a report carries."""
        about = _about(backend, place, judged)
        if backend is None or place.name not in backend.coverages:
            results = self._plan.alike(place, judged)
            failures = [judged.failure] if judged.failure else []
            return Sent(name=place.name, about=about, results=results, failures=failures)

        coverage, error = backend.coverages[place.name], judged.reason
        if coverage.findings and call.excinfo and isinstance(call.excinfo.value, pytest.fail.Exception):
            error = ""  # it came to its end
        results = []
        for test in self._plan.tests_of(place):
            _, (number,) = self._plan.tests[test]
            verdict = judge_group(number, coverage, error, backend.unjudged)
            exercised = coverage.exercised[number]
            results.append(self._plan.result(test, place.backend, verdict, exercised))
        return Sent(name=place.name, about=about, results=results, failures=[*_new(backend, coverage)])

    def _set_outcome(self, report: pytest.TestReport, judged: Judged, results: list[Result]) -> None:
        """Let a failure fail the test, unless it is expected, or was shown already."""
        vars(report).pop("wasxfail", None)
        report.outcome = "failed"
        is_expected = any(result.expected for result in results)
        if is_expected and not any(result.is_failure for result in results):
            report.outcome, report.wasxfail = "skipped", "expected"  # how pytest itself says so
        elif judged.reason in self._unset:
            report.outcome, report.longrepr = "skipped", (report.nodeid, 0, "for the reason that is above")
        elif report.when == "setup":
            self._unset.add(judged.reason)

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
            self._progress.begin(place)
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
        """Note what a report carries, and a report of pytest-xdist about a worker that has crashed.

        A failure is shown when its test ends. pytest shows failures at the end of the run.
        """
        if text := vars(report).get("conformance"):
            sent = Sent.model_validate_json(text)
            self._progress.describe(sent.about)
            place = Place(sent.name, sent.about.name)
            self._progress.note(place, sent.results)
            if report.failed or (self._plan.only and sent.failures):
                self._show(report, sent)
        elif report.when not in ("setup", "call", "teardown"):
            crashed = self._plan.place_of(report.nodeid)
            if crashed:
                judged = Judged("harness-error", str(report.longrepr))
                self._progress.note(crashed, self._plan.alike(crashed, judged))

    def _show(self, report: pytest.TestReport, sent: Sent) -> None:
        terminal = self._config.pluginmanager.getplugin("terminalreporter")
        if not terminal or self._option.tbstyle == "no":
            return
        terminal.ensure_newline()
        terminal.write_sep("_", report.head_line, red=True)
        if sent.failures:
            for line in show.failures(sent.failures, self._screen(), self._again(sent.about.name)):
                terminal.write_line(line)
        else:
            report.toterminal(self._config.get_terminal_writer())
        vars(report)["_pdbshown"] = True  # what a debugger has shown pytest does not show again

    def _screen(self) -> Screen:
        writer = self._config.get_terminal_writer()
        return Screen(writer.fullwidth, is_colored=writer.hasmarkup)

    def _again(self, backend: str) -> str:
        """Return the command that plays something again, but for its name."""
        option = self._option
        seed = f" --seed {option.conformance_seed}" if option.conformance_seed != 1 else ""
        depth = f" --depth {option.conformance_depth}" if option.conformance_depth != "default" else ""
        return f"conformance run --store {backend}{depth}{seed} --only"

    # At the end

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Write the results, and find the exit status that they deserve."""
        if hasattr(self._config, "workerinput"):
            return
        self._progress.end()
        results = self._progress.results()
        if not self._progress.is_empty or collects_suite(self._config):
            session.exitstatus = self._status(exitstatus, results)
            self._final = results
        results = results.model_copy(update={"exit_status": int(session.exitstatus)})
        self._write(results)
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
        has_run = not self._progress.is_empty and not self._option.collectonly
        if has_run and verdicts.isdisjoint(("pass", "fail")):
            return pytest.ExitCode.TESTS_FAILED
        if any(result.is_failure for result in results.results):
            return pytest.ExitCode.TESTS_FAILED
        if any(self._plan.known.stale(results)):
            return pytest.ExitCode.TESTS_FAILED
        if any(self._undecided(results)):
            return INCOMPLETE
        return pytest.ExitCode.OK

    def _undecided(self, results: Results) -> Iterator[Result]:
        """Yield the results that make the run incomplete."""
        is_whole = self._progress.has_every_group and not self._plan.only
        for result in results.results:
            is_chosen = self._is_partial and (result.is_deselected or not is_whole)
            if result.is_open and not is_chosen:
                yield result

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Show what to mend first, what is not decided, and how to play it again."""
        if not self._final:
            return
        terminalreporter.section("conformance")
        screen = self._screen()
        stats = terminalreporter.stats
        counts = [f"{len(stats[kind])} {kind}" for kind in _FAILED if stats.get(kind)]
        stale = self._plan.known.stale(self._final)
        undecided = self._undecided(self._final)
        lines = [*summary(self._final, stale, undecided, ", ".join(counts), screen)]
        broken = broken_by(self._final)
        if len(broken) > 1:
            lines += first_of(broken, self._again(broken[0].backend), screen)
        for line in lines:
            terminalreporter.write_line(line)


def _about(backend: Backend | None, place: Place, judged: Judged) -> AboutBackend:
    """Return what a test found out about its backend."""
    if backend is None:
        error = judged.reason if judged.verdict == "harness-error" else None
        return AboutBackend(name=place.backend, error=error)
    harness = backend.harness
    capabilities = sorted(capability.value for capability in harness.capabilities)
    return AboutBackend(
        name=backend.name,
        mode=harness.mode,
        capabilities=tuple(capabilities),
        facts=backend.facts,
    )


def _new(backend: Backend, coverage: Coverage) -> Iterator[Failure]:
    """Yield the findings of a group that no earlier one had, the simplest first."""
    before = set()
    for group in backend.coverages.values():
        if group is not coverage:
            before |= group.findings.keys()
    found = sorted(coverage.findings.values(), key=lambda finding: (not finding.is_simple, len(finding.lines)))
    for finding in found:
        if finding.signature not in before:
            yield failure_of(finding)
