"""The registry is the specification: no law without a case, no case without a law, no refusal without its exception."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import pytest

from conformance import cases
from conformance.case import case
from conformance.requirements import CHAPTERS, REQUIREMENTS, REVISION, Level, specification


def all_cases() -> Iterator[tuple[str, Any]]:
    for module in iter_modules(cases.__path__):
        for name, found in vars(import_module(f"conformance.cases.{module.name}")).items():
            if hasattr(found, "conformance_case") and found.__module__ == f"conformance.cases.{module.name}":
                yield f"{module.name}.{name}", found


CASES = dict(all_cases())


def test_the_page_is_what_the_registry_says() -> None:
    page = Path(__file__).parents[1] / "SPEC.md"
    assert page.read_text("utf-8") == specification() + "\n", "python -m conformance.requirements > SPEC.md"


def test_every_requirement_has_a_case() -> None:
    decided = {law for found in CASES.values() for law in found.conformance_case.requirements}
    assert REQUIREMENTS.keys() - decided == set()


def test_every_requirement_has_a_chapter_and_a_revision() -> None:
    for law in REQUIREMENTS.values():
        assert law.id.partition("-")[0] in CHAPTERS
        assert 1 <= law.since <= REVISION
        assert f"| {law.id} |" in specification()


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


def asserted_refusals(function: Callable[..., Any]) -> set[str]:
    """The names inside `pytest.raises(...)` in the source of a case."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    return {
        name.id
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "raises"
        for argument in call.args
        for name in ast.walk(argument)
        if isinstance(name, ast.Name)
    }


@pytest.mark.parametrize("law", [law for law in REQUIREMENTS.values() if law.refusal], ids=lambda law: law.id)
def test_a_refusal_is_asserted_with_its_exception(law: Any) -> None:
    deciding = [found for found in CASES.values() if law.id in found.conformance_case.requirements]
    assert any(law.refusal in asserted_refusals(found.conformance_case.function) for found in deciding)


def test_what_says_refused_says_with_what() -> None:
    for law in REQUIREMENTS.values():
        assert "is refused" not in law.text or law.refusal, law.id


def test_levels_are_used_honestly() -> None:
    assert {law.level for law in REQUIREMENTS.values()} == {Level.MUST, Level.SHOULD}
