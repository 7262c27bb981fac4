"""The results of a run, and the exit status that they deserve."""

import platform
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.util import find_spec
from itertools import product
from typing import Any

import pytest

from conformance.files import FileError, write_file
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
_REQUIREMENTS = tuple(ListedRequirement(**vars(requirement)) for requirement in REQUIREMENTS.values())


class Progress:
    """Gathers results, in the process that shows them."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._option = plan.option
        file = self._option.conformance_json
        self._file = file and file.absolute()  # tests change the folder
        self._about = {name: AboutBackend(name=name) for name in plan.backends}
        self._told: list[Result] = []
        self._played = set[Place]()
        """The cases and groups that were run."""
        self._lines: list[Line] = []
        self._started = datetime.now(UTC)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note what a report carries. A worker that has crashed sends nothing about its last test."""
        place, text = self._plan.place_of(report.nodeid), vars(report).get("conformance")
        if place and text:
            sent = Sent.model_validate_json(text)
            if sent.about:
                self._about[sent.about.name] = sent.about
            self._told += sent.results
            if any(result.verdict != "not-run" for result in sent.results):
                self._played.add(place)

    def _gathered(self) -> tuple[Result, ...]:
        """The results: of those of a test a failure stands before anything else.

        A pass has a reason if a part of the groups was played: another group may have failed it.
        """
        tests = product(self._plan.backends, self._plan.tests.values())
        not_run = [self._plan.result(test, backend, _NOT_RUN) for backend, test in tests]
        found: dict[Place, Result] = {}
        for result in self._told:
            earlier = found.get(result.place, result)
            best, other = sorted([earlier, result], key=_rank)
            if other is not best:  # an entry of known failures accepts each by itself
                best = best.model_copy(update={"failures": best.failures + other.failures})
            found[result.place] = best
        every = {result.place: result for result in not_run} | found
        for place, result in every.items():
            left_out = [name for name in GROUPS if (name, result.backend) not in self._played]
            if left_out and result.verdict == "pass" and result.test.startswith("requirement_"):
                reason = f"a part of the groups was played: not {', '.join(left_out)}"
                every[place] = result.model_copy(update={"reason": reason})
        return tuple(every.values())

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Find the exit status that the results deserve, and write them."""
        found = self._gathered()
        if self._told or collects_suite(session.config):
            status, self._lines = conclude(found, self._plan)
            session.exitstatus = exitstatus or status
        try:
            if self._file:
                document = self._document(found, int(session.exitstatus))
                write_file(self._file, document.model_dump_json(indent=1, by_alias=True) + "\n")
            if file := self._option.conformance_write_known:
                self._plan.write_known(file, found)
            if folder := self._option.conformance_scripts:
                write_scripts(folder, found)
        except FileError as fault:
            session.exitstatus = pytest.ExitCode.INTERNAL_ERROR
            self._lines.append((str(fault), "bold", "red"))

    def _document(self, found: tuple[Result, ...], status: int) -> Results:
        suite = Suite(
            version=version("taskstore"),
            fingerprint=fingerprint(),
            python=platform.python_version(),
            platform=platform.platform(),
            client=f"redis-py {version('redis')}" if find_spec("redis") else "",
        )
        seconds = (datetime.now(UTC) - self._started).total_seconds()
        return Results(
            suite=suite,
            started=self._started,
            seconds=round(seconds, 3),
            exit_status=status,
            backends=tuple(self._about.values()),
            requirements=_REQUIREMENTS,
            results=found,
        )

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Show what to mend first, what is not decided, and how to play it again."""
        if self._lines:
            terminalreporter.section("conformance")
        for line, *markup in self._lines:
            terminalreporter.write_line(line, **dict.fromkeys(markup, True))


def _rank(result: Result) -> tuple[Any, ...]:
    is_unreached = result.verdict == "not-testable" and not result.hook
    verdict = "unreached" if is_unreached else result.verdict
    return _ORDER.index(verdict), result.accepted != "", result.weight, result.reason
