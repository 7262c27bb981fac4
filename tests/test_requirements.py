"""The registry is the specification: each requirement has a case, and each exception that it names is asserted."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import pytest

from conformance import cases
from conformance.case import case
from conformance.measure.claims import AUTO_CLIP, Behaviour, read_claims
from conformance.spec.requirements import CHAPTERS, REQUIREMENTS, Level, Requirement, specification
from taskstore import errors


def all_cases() -> Iterator[tuple[str, Any]]:
    for module in iter_modules(cases.__path__):
        for name, found in vars(import_module(f"conformance.cases.{module.name}")).items():
            if hasattr(found, "conformance_case") and found.__module__ == f"conformance.cases.{module.name}":
                yield f"{module.name}.{name}", found


CASES = dict(all_cases())


def test_the_page_is_what_the_registry_says() -> None:
    page = Path(__file__).parents[1] / "SPEC.md"
    assert page.read_text("utf-8") == specification() + "\n", "python -m conformance.spec.requirements > SPEC.md"


def test_every_requirement_has_a_case() -> None:
    decided = {number for found in CASES.values() for number in found.conformance_case.requirements}
    assert REQUIREMENTS.keys() - decided == set()


def test_every_requirement_has_a_chapter() -> None:
    for one in REQUIREMENTS.values():
        assert one.id.partition("-")[0] in CHAPTERS
        assert f"| {one.id} |" in specification()


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


def function_of(found: Callable[..., Any]) -> Callable[..., Any]:
    """The function that a case was made of; a test of the tour is one itself."""
    made_of: Callable[..., Any] = inspect.getclosurevars(found).nonlocals.get("function", found)
    return made_of


def asserted_exceptions(function: Callable[..., Any]) -> set[str]:
    """The names of exceptions that a case, or a helper that it uses, expects, catches or looks for."""
    found, waiting = set(), {function}
    seen: set[Callable[..., Any]] = set()
    while waiting:
        seen.add(one := waiting.pop())
        for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(one)))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("pytest.raises", "isinstance"):
                found |= names_in(*node.args)
            elif isinstance(node, ast.ExceptHandler) and node.type:
                found |= names_in(node.type)
            elif isinstance(node, ast.Name) and inspect.isfunction(helper := one.__globals__.get(node.id)):
                waiting |= {helper} - seen if helper.__module__.startswith(cases.__name__) else set()
    return found


def names_in(*nodes: ast.expr) -> set[str]:
    return {name.id for node in nodes for name in ast.walk(node) if isinstance(name, ast.Name)}


def exceptions_of(requirement: Requirement) -> set[str]:
    return {name for name in re.findall(r"`(\w+)`", requirement.text) if hasattr(errors, name)}


@pytest.mark.parametrize("one", [one for one in REQUIREMENTS.values() if exceptions_of(one)], ids=lambda one: one.id)
def test_an_exception_that_a_requirement_names_is_asserted(one: Requirement) -> None:
    deciding = [found for found in CASES.values() if one.id in found.conformance_case.requirements]
    asserted = set().union(*(asserted_exceptions(function_of(found)) for found in deciding))
    assert exceptions_of(one) <= asserted


def test_what_is_said_to_be_raised_is_named() -> None:
    assert [one.id for one in REQUIREMENTS.values() if re.search(r"\braises? (?!`[A-Z])", one.text)] == []


def test_every_claim_about_behaviour_is_decided_by_a_requirement() -> None:
    decided = {claim for one in REQUIREMENTS.values() for claim in one.claims}
    assert decided == {claim.id for claim in read_claims(AUTO_CLIP).claim if isinstance(claim, Behaviour)}


def test_levels_are_used_honestly() -> None:
    assert {one.level for one in REQUIREMENTS.values()} == {Level.MUST, Level.SHOULD}
