from __future__ import annotations

import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from mutation import exclusions, lua, mutants, suite

pytestmark = pytest.mark.once

ROOT = Path(__file__).parent.parent
SCRIPT = """local n = 1
if n < 2 and n ~= 0 then return {'few'} end
redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', '(' .. n)
-- if 3 < 4 then
return n
"""


@pytest.fixture(scope="module")
def made() -> list[mutants.Mutant]:
    return mutants.of(ROOT, "taskstore")


def changed(script: str) -> set[tuple[str, str]]:
    """Each changed line of each mutant, as it was and as it is."""
    pairs = set()
    for _, text in lua.mutations(script):
        old, new = script.splitlines(), text.splitlines()
        if len(new) < len(old):
            pairs.add((next(line for at, line in enumerate(old) if new[at : at + 1] != [line]), ""))
        else:
            pairs.update((one, other) for one, other in zip(old, new, strict=True) if one != other)
    return pairs


def test_the_lua_mutator_makes_each_kind_of_change() -> None:
    first, condition, call, _, _ = SCRIPT.splitlines()
    assert changed(SCRIPT) == {
        (first, "local n = 2"),
        (first, "local n = 0"),
        (condition, condition.replace("<", "<=")),
        (condition, condition.replace("<", ">=")),
        (condition, condition.replace("2", "3")),
        (condition, condition.replace("2", "1")),
        (condition, condition.replace("and", "or")),
        (condition, condition.replace("~=", "==")),
        (condition, condition.replace("0", "1")),
        (condition, condition.replace("0", "-1")),
        (condition, "if not (n < 2 and n ~= 0) then return {'few'} end"),
        (condition, ""),
        (call, call.replace("-inf", "+inf")),
        (call, call.replace("'('", "''")),
        (call, call.replace("[1]", "[2]")),
        (call, call.replace("[1]", "[0]")),
        (call, ""),
    }


def test_what_does_not_compile_is_no_mutant() -> None:
    assert changed("for i = 1, 2 do\n  f(i)\nend\n") >= {("  f(i)", "")}
    assert ("for i = 1, 2 do", "") not in changed("for i = 1, 2 do\n  f(i)\nend\n")


def test_every_file_of_the_store_has_mutants(made: list[mutants.Mutant]) -> None:
    files = {f"taskstore/{path.relative_to(ROOT / 'taskstore')}" for path in (ROOT / "taskstore").rglob("*.lua")}
    assert {one.file for one in made} > files | {"taskstore/memory.py", "taskstore/redis/store.py"}


def test_a_mutant_has_a_text_of_its_own(made: list[mutants.Mutant]) -> None:
    for one in made:
        assert one.text != (ROOT / one.file).read_text("utf-8"), one.name
    assert len({(one.file, one.text) for one in made}) == len(made)


def test_annotations_are_left_to_the_type_checker(made: list[mutants.Mutant]) -> None:
    assert not [one.name for one in made if "BitOr" in one.operator and one.before.startswith(("def ", "async def "))]


def test_every_exclusion_is_of_something_and_says_why(made: list[mutants.Mutant]) -> None:
    for one in exclusions.load():
        covered = {mutant.after for mutant in made if one.covers(mutant)}
        assert covered
        assert one.becomes == ("*",) or set(one.becomes) == covered, one
        assert one.reason


def test_the_wheel_is_free_of_it() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    packages = settings["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert packages == ["taskstore", "conformance", "taskstore_conformance_plugin.py"]


@pytest.mark.parametrize(
    ("known", "said", "told"),
    [
        ("in 2 scenes: a, b", "in 2 scenes: a, b", ""),
        ("in 2 scenes: a, b", "in 3 scenes: a, b, c", "requirements.py::test_requirement_LIFE-13[x]"),
        ("", "in 2 scenes: a, b", "requirements.py::test_requirement_LIFE-13[x]"),
    ],
)
def test_a_mutant_is_killed_by_other_scenes_than_the_store_fails_in(
    tmp_path: Path, known: str, said: str, told: str
) -> None:
    name = "requirements.py::test_requirement_LIFE-13[x]"
    (tmp_path / "told").write_text("")
    choice = suite.Choice(tmp_path / "told", {name: known})
    choice.pytest_collection_modifyitems(cast(pytest.Session, SimpleNamespace(shouldstop="")), [])
    report = pytest.TestReport(f"cases/{name}", ("", None, ""), {}, "failed", f"wrong\n{said}", "call")
    choice.pytest_runtest_logreport(report)
    assert (tmp_path / "told").read_text() == told
