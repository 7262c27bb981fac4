"""The registry is the specification: each requirement is decided by cases or groups."""

from pathlib import Path
from typing import Any

from conformance.tasks.cases import find_cases
from conformance.tasks.cases.groups import GROUPED
from conformance.tasks.spec.requirements import REQUIREMENTS, specification


def test_the_page_is_what_the_registry_says() -> None:
    page = Path(__file__).parents[1] / "SPEC.md"
    assert page.read_text("utf-8") == specification() + "\n", "python -m conformance.tasks.spec.requirements > SPEC.md"


def test_every_requirement_is_decided_by_a_case_or_by_groups() -> None:
    cases: Any = find_cases().values()
    decided = {number for case in cases for number in case.conformance_case.requirements}
    assert REQUIREMENTS.keys() == decided | {*GROUPED}
