"""The registry is the specification: each requirement is decided by cases or chapters."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from conformance.tasks.case import case
from conformance.tasks.cases import find_cases
from conformance.tasks.cases.chapters import CHAPTERED
from conformance.tasks.spec.requirements import CHAPTERS, REQUIREMENTS, Level, specification

CASES: dict[str, Any] = {**find_cases()}


def test_the_page_is_what_the_registry_says() -> None:
    page = Path(__file__).parents[1] / "SPEC.md"
    assert page.read_text("utf-8") == specification() + "\n", "python -m conformance.tasks.spec.requirements > SPEC.md"


def test_every_requirement_is_decided_by_a_case_or_by_chapters() -> None:
    decided = {number for found in CASES.values() for number in found.conformance_case.requirements}
    assert REQUIREMENTS.keys() == decided | {*CHAPTERED}


def test_every_requirement_has_a_chapter() -> None:
    for one in REQUIREMENTS.values():
        assert one.id.partition("-")[0] in CHAPTERS
        assert f"| {one.id} {one.level} |" in specification()


def test_the_page_is_short() -> None:
    assert len(REQUIREMENTS) <= 75
    assert [one.id for one in REQUIREMENTS.values() if len(one.text.split()) > 40] == []
    assert len(specification().split()) <= 2_600


def test_every_case_says_what_it_decides_in_one_sentence() -> None:
    for name, found in CASES.items():
        doc = found.conformance_case.doc
        assert doc.endswith("."), name
        assert "\n\n" not in doc, name


def test_a_case_of_an_unknown_requirement_is_refused_at_import() -> None:
    with pytest.raises(ValueError, match="NONE-01"):
        case("NONE-01")
    with pytest.raises(ValueError, match="none"):
        case()


def test_what_is_said_to_be_raised_is_named() -> None:
    assert [one.id for one in REQUIREMENTS.values() if re.search(r"\braises? (?!`[A-Z])", one.text)] == []


def test_levels_are_used_honestly() -> None:
    assert {one.level for one in REQUIREMENTS.values()} == {Level.MUST, Level.SHOULD}
