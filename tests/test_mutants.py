from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from conformance.cases import find_cases
from conformance.cases.requirements import TOURED
from conformance.commands import main
from conformance.mutants import command, trial
from conformance.mutants.chapters import CHAPTERS, MUTANTS
from conformance.mutants.controls import CONTROLS
from conformance.mutants.mutant import Mutant, On
from conformance.mutants.scripts import edited
from conformance.mutants.stages import MemoryStage
from conformance.mutants.unbreakable import UNBREAKABLE
from conformance.requirements import REQUIREMENTS
from taskstore import InvalidArgument, MemoryTaskStore, Task, TaskCreateRequest, TaskStatus
from taskstore.redis.scripts import LIST

pytestmark = pytest.mark.once

CASE = "lifecycle.test_completing_sets_progress_and_time"


@pytest.fixture(autouse=True)
def profile() -> Iterator[None]:
    before = hypothesis.settings.get_current_profile_name()
    yield
    hypothesis.settings.load_profile(before)


class Right(MemoryTaskStore):
    """Not wrong at all."""


class Wrong(MemoryTaskStore):
    """Completes without a time."""

    async def update_task_status(self, *arguments: Any, **named: Any) -> Task:
        task = await super().update_task_status(*arguments, **named)
        return task.model_copy(update={"completed_at": None})


class Crashes(MemoryTaskStore):
    """Has a typing error."""

    async def update_task_status(self, *arguments: Any, **named: Any) -> Task:
        return self.nothing  # type: ignore[attr-defined,no-any-return]  # the point


class Asserts(MemoryTaskStore):
    """Asserts something of its own."""

    async def update_task_status(self, *arguments: Any, **named: Any) -> Task:
        assert arguments == ("never",)
        return await super().update_task_status(*arguments, **named)


class Refuses(MemoryTaskStore):
    """Refuses to complete."""

    async def update_task_status(self, task_id: str, status: TaskStatus, *arguments: Any, **named: Any) -> Task:
        if status is TaskStatus.COMPLETED:
            raise InvalidArgument("status", "is refused")
        return await super().update_task_status(task_id, status, *arguments, **named)


class RefusesEverything(MemoryTaskStore):
    """Cannot even be used."""

    async def create_task(self, request: TaskCreateRequest, **named: Any) -> Task:
        raise InvalidArgument("request", "is refused")


def mutant(kind: type[Any], case: str = CASE, instead: type[Exception] | None = None) -> Mutant:
    return Mutant(kind.__name__, "", kind, On.MEMORY, ("LIFE-05",), (case,), instead, "")


def staged(_: On, kind: Any) -> MemoryStage:
    made = MemoryStage()
    made.kind = kind
    return made


def why_it_survived(candidate: Mutant) -> str:
    stage, cases = staged(candidate.on, candidate.kind), find_cases()
    return trial.judge(candidate, {name: trial.run(cases[name], stage, 1) for name in candidate.caught_by})


def test_a_wrong_store_is_killed_by_the_assertion_of_its_case() -> None:
    assert why_it_survived(mutant(Wrong)) == ""


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (Right, "pass"),
        (Crashes, "crash AttributeError"),
        (Asserts, "crash AssertionError"),
        (Refuses, "crash InvalidArgument"),
        (RefusesEverything, "crash InvalidArgument"),
    ],
)
def test_whatever_else_comes_out_is_a_survival(kind: type[Any], reason: str) -> None:
    assert why_it_survived(mutant(kind)).startswith(f"{CASE}: {reason}")


def test_a_case_that_does_not_apply_is_a_survival() -> None:
    assert "skip" in why_it_survived(mutant(Wrong, "failure.test_read_only_is_said"))


def test_another_requirements_s_failure_is_a_survival() -> None:
    assert why_it_survived(mutant(Wrong, "lifecycle.test_a_new_task_is_pending")).endswith(": pass")


def test_an_exception_kills_only_where_it_is_declared() -> None:
    assert why_it_survived(mutant(Refuses, instead=InvalidArgument)) == ""
    assert why_it_survived(mutant(Refuses, instead=LookupError)) != ""


def test_a_mutant_without_a_case_survives() -> None:
    assert trial.judge(mutant(Wrong), {}) != ""


def test_the_exit_status_and_the_json_tell_of_a_survivor(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "CONTROLS", [])
    monkeypatch.setattr(command, "BEYOND", [])
    monkeypatch.setattr(command, "MUTANTS", [mutant(Wrong), mutant(Right)])
    assert main(["mutants", "--jobs", "1", "--seed", "1", "--json", str(tmp_path / "out.json")]) == 1
    printed = capsys.readouterr().out
    assert "mutants: 1 of 2 killed" in printed
    assert f"survivor: Right on memory: {CASE}: pass" in printed
    assert "no mutant: LIFE-01 in redis mode" in printed
    told = json.loads((tmp_path / "out.json").read_text())
    assert [(one["name"], one["killed"], one["mode"]) for one in told["mutants"]] == [
        ("Wrong", True, "memory"),
        ("Right", False, "memory"),
    ]


def test_a_mutant_beyond_the_cases_is_killed_by_the_verification_alone() -> None:
    right = Mutant("Right", "", Right, On.MEMORY, (), ("search",), None, "")
    wrong = Mutant("Wrong", "", Wrong, On.MEMORY, (), ("search",), None, "")
    assert trial.judge_beyond(right, staged(On.MEMORY, Right), 1) == "search: finds nothing"
    assert "a case catches it, and is enough" in trial.judge_beyond(wrong, staged(On.MEMORY, Wrong), 1)


@pytest.mark.parametrize(("kind", "passed"), [(Right, True), (Wrong, False), (RefusesEverything, False)])
def test_a_control_has_to_pass_every_case(monkeypatch: pytest.MonkeyPatch, kind: type[Any], passed: bool) -> None:
    some = {CASE: find_cases()[CASE]}
    monkeypatch.setattr(command, "find_cases", lambda: some)
    told = command.run_control(kind, On.MEMORY, staged, 1)
    assert told["passed"] is passed
    assert passed or told["reason"].startswith(f"{CASE}: ")


def test_a_control_on_which_nothing_was_decided_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "find_cases", dict)
    assert not command.run_control(Right, On.MEMORY, staged, 1)["passed"]


@pytest.mark.parametrize("one", MUTANTS, ids=lambda one: f"{one.name}-{one.on}")
def test_a_mutant_names_the_requirements_and_the_cases_that_decide_them(one: Mutant) -> None:
    cases: Any = find_cases()
    decided = {
        name: {*TOURED} if name == trial.TOUR else set(cases[name].conformance_case.requirements)
        for name in one.caught_by
    }
    assert one.doc.endswith(".")
    assert set(one.breaks) <= REQUIREMENTS.keys()
    assert all(requirements & set(one.breaks) for requirements in decided.values()), (
        "a case decides none of these requirements"
    )
    assert set(one.breaks) <= set().union(*decided.values()), "a requirement is decided by none of these cases"
    assert one.instead not in (AssertionError, AttributeError, ImportError, KeyError, NameError, TypeError)


def test_every_must_has_a_mutant_in_each_mode_or_a_reason() -> None:
    assert [gap for gap in command.uncovered() if not gap["reason"]] == []


def test_no_reason_is_given_for_what_a_mutant_breaks() -> None:
    broken = {(requirement, one.on.mode) for one in MUTANTS for requirement in one.breaks}
    assert broken & UNBREAKABLE.keys() == set()
    assert {requirement for requirement, _ in UNBREAKABLE} <= REQUIREMENTS.keys()


def test_every_chapter_counts() -> None:
    assert {one.name.partition(".")[0] for one in MUTANTS} == {
        chapter.__name__.rpartition(".")[2] for chapter in CHAPTERS
    }
    assert len({one.name for one in MUTANTS}) >= 80
    assert len(CONTROLS) >= 5


@pytest.mark.parametrize("old", ["no such line", "redis.call"])
def test_a_script_is_edited_in_exactly_one_place(old: str) -> None:
    with pytest.raises(ValueError, match="not one"):
        edited(LIST, old, "")
