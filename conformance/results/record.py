"""Finds what came of a test, in the process that runs it, and sends it with pytest's report."""

import faulthandler
import os
from collections.abc import Generator
from typing import Any

import pytest

from conformance.results import show
from conformance.results.document import AboutBackend, Judged, Result, Sent
from conformance.results.plan import Plan
from conformance.results.verdict import judge_call, judge_group
from conformance.tasks.case import Backend


class Recorder:
    """Judges each test when it ends."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._stderr = os.dup(2)  # while tests run, pytest has another in its place
        self._shown = set[str]()
        """What is shown once: of which requirements and backends a failure, and why backends could not be set up."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Leave out what is not selected, and put the groups first, which find most.

        Raises:
            pytest.UsageError: if assertions are switched off.
        """
        if not __debug__ or config.option.assertmode != "rewrite":
            raise pytest.UsageError("conformance decides by assertions: run without -O, and without --assert=plain")
        for item in [*items]:
            if place := self._plan.place_of(item.nodeid):
                item.add_marker(pytest.mark.filterwarnings("ignore"))  # they are the store's: not ours to judge
                if not self._plan.tests_of(place[0]):
                    items.remove(item)
                    config.hook.pytest_deselected(items=[item])
        items.sort(key=lambda item: "cases/groups.py::" not in item.nodeid)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self) -> Generator[None, object, object]:
        """End the process, with the stacks of its threads, if a test takes too long."""
        if seconds := self._plan.option.conformance_timeout:
            faulthandler.dump_traceback_later(seconds, exit=True, file=self._stderr)
        try:
            return (yield)
        finally:
            faulthandler.cancel_dump_traceback_later()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Function, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Find the results of a test from what was raised, and attach them to the report, which travels."""
        report = yield
        place = self._plan.place_of(item.nodeid)
        if place is None or (call.when != "call" and call.excinfo is None):
            return report
        name, shown = place
        backend: Any = item.funcargs.get("conformance_backend")
        coverage = backend.coverages.get(name) if backend else None
        results = []
        for test in self._plan.tests_of(name):
            judged = judge_call(call, test)
            if coverage:
                judged = judge_group(test.requirements[0], coverage, judged.reason)
            results.append(self._plan.result(test, shown, judged))
        sent = Sent(about=_about(shown, backend, results[0]), results=results)
        vars(report)["conformance"] = sent.model_dump_json()
        failed = [result for result in results if result.verdict in ("fail", "harness-error")]
        if failed:
            self._set_outcome(report, failed)
        return report

    def _set_outcome(self, report: pytest.TestReport, failed: list[Result]) -> None:
        """Let failures fail the test, unless they are expected, and say what is new about them."""
        vars(report).pop("wasxfail", None)
        report.outcome = "failed"
        if not any(result.is_failure for result in failed):
            report.outcome = "skipped"  # how pytest itself says so
            report.wasxfail = "expected"
        new = []
        unaccepted = [result for result in failed if not result.accepted]
        for result in sorted(unaccepted, key=lambda result: result.weight):
            key = text = result.reason
            if failure := result.failure:
                key = f"{failure.requirements[0] if failure.script else failure.name} {result.backend}"
                text = "\n".join([*show.block(failure, self._plan.again(result.backend)), ""])
            if key not in self._shown:
                self._shown.add(key)
                new.append(text)
        report.longrepr = "\n".join(new) or "only what is shown above"


def _about(name: str, backend: Backend | None, judged: Judged) -> AboutBackend | None:
    """Return what a test found out about its backend."""
    if backend:
        harness = backend.harness
        capabilities = tuple(sorted(harness.capabilities))
        return AboutBackend(name=name, mode=harness.mode, capabilities=capabilities, facts=backend.facts)
    return AboutBackend(name=name, error=judged.reason) if judged.verdict == "harness-error" else None
