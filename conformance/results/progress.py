"""The results of a run so far, whichever test ends next, or ends the process; at the end, its exit status."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.util import find_spec
from itertools import chain, product
from typing import Any

import pytest

from conformance.files import FileError, write_file
from conformance.results import known
from conformance.results.document import AboutBackend, Judged, ListedRequirement, Result, Results, Sent, Suite
from conformance.results.fingerprint import fingerprint
from conformance.results.plan import Place, Plan
from conformance.results.scripts import write_scripts
from conformance.results.summary import Line, conclude
from conformance.tasks.cases.groups import GROUPS
from conformance.tasks.spec.requirements import REQUIREMENTS
from taskstore_conformance_plugin import collects_suite

_ORDER = ("fail", "harness-error", "pass", "not-testable", "not-applicable", "unreached", "not-run")
_NOT_RUN = Judged(
    verdict="not-run", reason="not selected (options like -k, or the paths given to pytest), or the run ended before"
)
_RUNNING = Judged(verdict="harness-error", reason="the process of pytest ended while this test ran")
_REQUIREMENTS = tuple(ListedRequirement(**vars(requirement)) for requirement in REQUIREMENTS.values())


class Progress:
    """Gathers results, in the process that shows them."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._option = plan.option
        file = self._option.conformance_json
        self._file = file and file.absolute()  # tests change the folder
        self._about = {name: AboutBackend(name=name) for name in plan.backends}
        tests = product(plan.backends, plan.tests.values())
        self._not_run = [plan.result(test, backend, _NOT_RUN) for backend, test in tests]
        self._told: dict[Place, list[Result]] = {}
        """The results of each case or group that was begun; until it tells any, that it runs."""
        self._lines: list[Line] = []
        self._suite = Suite(
            version=version("taskstore"),
            fingerprint=fingerprint(),
            python=platform.python_version(),
            platform=platform.platform(),
            client=f"redis-py {version('redis')}" if find_spec("redis") else "",
            seed=self._option.conformance_seed,
        )
        self._started = datetime.now(UTC)

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Write what has come out so far, in case this test ends the process; end the run on a full disk."""
        if place := self._plan.place_of(nodeid):
            name, backend = place
            tests = self._plan.tests_of(name)
            self._told.setdefault(place, [self._plan.result(test, backend, _RUNNING) for test in tests])
            try:
                self._write(self._gathered())
            except FileError as fault:
                self._file = None
                pytest.exit(str(fault), returncode=pytest.ExitCode.INTERNAL_ERROR)

    def _write(self, results: Results) -> None:
        if self._file:
            write_file(self._file, results.model_dump_json(indent=1, by_alias=True) + "\n")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note what a report carries. What never comes back from a worker that has crashed counts as running."""
        place, text = self._plan.place_of(report.nodeid), vars(report).get("conformance")
        if place and text:
            sent = Sent.model_validate_json(text)
            if sent.about:
                self._about[sent.about.name] = sent.about
            earlier = [result for result in self._told.get(place, ()) if result.reason != _RUNNING.reason]
            self._told[place] = earlier + sent.results

    def _gathered(self) -> Results:
        """The results as they are now: of those of a test a failure stands before anything else.

        A pass has a reason if a part of the groups was played: another group may have failed it.
        """
        found: dict[Place, Result] = {}
        for result in chain(*self._told.values()):
            earlier = found.get(result.place, result)
            best, other = sorted([earlier, result], key=_rank)
            if other is not best:  # an entry of known failures accepts each by itself
                best = best.model_copy(update={"failures": best.failures + other.failures})
            found[result.place] = best
        every = {result.place: result for result in self._not_run} | found

        played = set()
        for place, told in self._told.items():
            if any(result.verdict != "not-run" for result in told):
                played.add(place)
        for place, result in every.items():
            left_out = [name for name in GROUPS if (name, result.backend) not in played]
            if left_out and result.verdict == "pass" and result.test.startswith("requirement_"):
                reason = f"a part of the groups was played: not {', '.join(left_out)}"
                every[place] = result.model_copy(update={"reason": reason})

        seconds = (datetime.now(UTC) - self._started).total_seconds()
        return Results(
            suite=self._suite,
            started=self._started,
            seconds=round(seconds, 3),
            exit_status=None,
            backends=tuple(self._about.values()),
            requirements=_REQUIREMENTS,
            results=tuple(every.values()),
        )

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Write the results, and find the exit status that they deserve."""
        results = self._gathered()
        if self._told or collects_suite(session.config):
            status, self._lines = conclude(results.results, self._plan)
            session.exitstatus = exitstatus or status
        finished = results.model_copy(update={"exit_status": int(session.exitstatus)})
        try:
            self._write(finished)
            if file := self._option.conformance_write_known:
                known.write(file, results.results, self._plan.known)
            if folder := self._option.conformance_scripts:
                write_scripts(folder, results.results)
        except FileError as fault:
            session.exitstatus = pytest.ExitCode.INTERNAL_ERROR
            self._lines.append((str(fault), "bold", "red"))

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Show what to mend first, what is not decided, and how to play it again."""
        if self._lines:
            terminalreporter.section("conformance")
        for line, *markup in self._lines:
            terminalreporter.write_line(line, **dict.fromkeys(markup, True))


def _rank(result: Result) -> tuple[Any, ...]:
    is_unreached = result.verdict == "not-testable" and not result.hook
    verdict = "unreached" if is_unreached else result.verdict
    return _ORDER.index(verdict), result.is_accepted, result.weight, result.reason
