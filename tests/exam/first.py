"""A plugin of pytest for a run on an entry: what bears the entry's requirement is played first, until it has failed."""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest

REQUIREMENT = os.environ["EXAM_REQUIREMENT"]
_GROUPS = {"ATOM": "races", "DUR": "failures", "EXP": "lifetimes", "FAIL": "failures", "MODE": "failures"}
"""The group that is about the requirements of a group, where it is another than the first."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the cases of the requirement before its group, and that before all others."""
    group = f"test_{_GROUPS.get(REQUIREMENT.partition('-')[0])}["
    items.sort(key=lambda item: (REQUIREMENT not in item.extra_keyword_matches, not item.name.startswith(group)))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """End the run after a failure that names the requirement."""
    report = yield
    if report.failed and REQUIREMENT in report.longreprtext:
        item.session.shouldstop = f"{REQUIREMENT} has failed"
    return report
