"""Scenarios of tasks played on a store, and the requirements that it breaks."""

import asyncio
from collections.abc import Iterable

from conformance.engine.finding import Coverage
from conformance.engine.group import Group
from conformance.engine.scenario import Scenario
from conformance.harness import Harness
from conformance.tasks.contract import TaskContract


def played(harness: Harness, scenarios: Iterable[Scenario]) -> Coverage:
    coverage = Coverage()
    asyncio.run(Group(TaskContract(harness.capabilities), harness, coverage).play(scenarios))
    return coverage


def broken(coverage: Coverage) -> set[str]:
    return {number for finding in coverage.findings.values() for number in finding.requirements}
