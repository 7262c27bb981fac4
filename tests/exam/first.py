"""A plugin of pytest for a run on an entry: what bears the entry's requirement is played first."""

import os

import pytest

REQUIREMENT = os.environ["EXAM_REQUIREMENT"]
_GROUPS = {
    "API": "failures",
    "ATOM": "races",
    "DUR": "servers",
    "EXP": "lifetimes",
    "FAIL": "failures",
    "FAIL-11": "deaths",
    "FAIL-14": "servers",
    "FAIL-17": "servers",
    "ID-02": "failures",
    "MODE": "servers",
}
"""The group that is about a requirement, or those of a group, where it is another than the first."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the cases of the requirement before its group, and that before all others."""
    group = f"test_{_GROUPS.get(REQUIREMENT, _GROUPS.get(REQUIREMENT.partition('-')[0]))}["
    items.sort(key=lambda item: (REQUIREMENT not in item.extra_keyword_matches, not item.name.startswith(group)))
