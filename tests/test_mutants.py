from __future__ import annotations

from concurrent.futures import Future
from pathlib import Path
from typing import Any, Self

import pytest

from conformance.cases import find_cases
from conformance.commands import main
from conformance.mutants import command, trial
from conformance.mutants.document import Made, MutantsDocument
from conformance.mutants.mutant import TOUR, Mutant, On
from conformance.mutants.operators import draw
from conformance.mutants.operators.chosen import CHOSEN, Chosen
from conformance.mutants.operators.fault import Condition, Fault
from conformance.mutants.operators.judge import Trial
from conformance.mutants.operators.ways import WAYS
from conformance.mutants.stages import staged
from conformance.mutants.unbreakable import UNBREAKABLE
from conformance.mutants.wrapper import edited
from conformance.mutants.written import CONTROLS, MUTANTS
from conformance.spec.requirements import REQUIREMENTS, Level
from conformance.subjects.memory import MemoryHarness
from conformance.tour.outcome import TOURED
from taskstore import InvalidArgument, MemoryTaskStore, Task, TaskCreateRequest, TaskStatus
from taskstore.redis.scripts import LIST

pytestmark = pytest.mark.once

MODES = ("memory", "redis")
CASE = "lifecycle.test_completing_sets_progress_and_time"


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


def why_it_survived(candidate: Mutant) -> str:
    return trial.why_it_survived(candidate, staged(MemoryHarness(), candidate.kind), 1)


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
    assert why_it_survived(Mutant("", "", Wrong, On.MEMORY, (), (), None, "")) != ""


def test_the_tour_kills_under_a_requirement_that_the_mutant_breaks() -> None:
    assert why_it_survived(mutant(Wrong, TOUR)) == ""


@pytest.mark.parametrize(("kind", "passed"), [(Right, True), (Wrong, False), (RefusesEverything, False)])
def test_a_control_has_to_pass_every_case(monkeypatch: pytest.MonkeyPatch, kind: type[Any], passed: bool) -> None:
    some = {CASE: find_cases()[CASE]}
    monkeypatch.setattr(command, "find_cases", lambda: some)
    outcome = run_control(monkeypatch, kind)
    assert outcome.passed is passed
    assert passed or outcome.reason.startswith(f"{CASE}: ")


def test_a_control_on_which_nothing_was_decided_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "find_cases", dict)
    assert not run_control(monkeypatch, Right).passed


def run_control(monkeypatch: pytest.MonkeyPatch, kind: type[Any]) -> Any:
    monkeypatch.setattr(command, "CONTROLS", [(kind, On.MEMORY)])
    monkeypatch.setattr(command, "_STAGES", [lambda _, kind: staged(MemoryHarness(), kind)])
    return command.run_control(0, 1)


NEVER = Fault("fold", "answer", "get_task", "config", condition=Condition("writes", 10**9))


def made(**fields: Any) -> Made:
    given = {"fault": "f", "operator": "fold", "subject": "memory", "mode": "memory", "drawn": True, "source": ""}
    seen = {"reached": True, "changed": True, "killed": True, "requirements": ("LIFE-03",), "scene": "s", "reason": ""}
    return Made(**{**given, **seen, "wanted": "", "known": "", **fields})


def document(*several: Made, **fields: Any) -> MutantsDocument:
    everything: dict[str, Any] = {
        "schema": "conformance-mutants/2",
        "fingerprint": "f",
        "seconds": 1.0,
        "written": (),
        "controls": (),
        "sample": {"seed": 1, "faults": 1, "left_out": 0},
        "made": several,
        "defences": (),
    }
    return MutantsDocument(**{**everything, **fields})


LEFT = {"killed": False, "requirements": (), "reason": "unnoticed"}


@pytest.mark.parametrize(
    ("outcome", "status", "printed"),
    [
        (document(made()), 0, "faults of operators, drawn: 1, 1 reached, 1 changed something, 1 killed"),
        (document(made(**LEFT)), 1, "survivor: memory: f: unnoticed"),
        (document(made(**LEFT, known="it is said why")), 0, "survivor: memory: f: unnoticed; it is said why"),
        (document(made(wanted="VAL-01", drawn=False, **LEFT)), 1, "survivor: memory: f (VAL-01): unnoticed"),
        (
            document(
                defences=(
                    {"requirement": "LIFE-01", "mode": "redis", "written": (), "made": 0, "reason": ""},
                    {"requirement": "LIFE-02", "mode": "redis", "written": (), "made": 0, "reason": "it cannot be"},
                )
            ),
            1,
            "nothing defends LIFE-01 in redis mode",
        ),
    ],
)
def test_the_exit_status_tells_of_what_has_no_reason(
    capsys: pytest.CaptureFixture[str], outcome: MutantsDocument, status: int, printed: str
) -> None:
    assert command.summarize(outcome) == status
    assert printed in capsys.readouterr().out.splitlines()


def test_one_command_runs_all_of_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    several = {"CONTROLS": CONTROLS[:1], "MUTANTS": [mutant(Wrong), mutant(Right)], "CHOSEN": CHOSEN[7:8]}
    for name, value in several.items():
        monkeypatch.setattr(command, name, value)
    monkeypatch.setattr(command, "process_pool", InThisProcess)
    monkeypatch.setattr(draw, "draw", lambda *_: draw.Sample(tuple(one.fault for one in CHOSEN[1:7]), 1))
    out = tmp_path / "out.json"
    assert main(["mutants", "--sample", "6", "--seed", "3", "--json", str(out)]) == 1
    printed = capsys.readouterr().out
    assert printed.startswith("seed 3\n")
    assert "written by hand: 1 of 2 killed by their cases" in printed
    assert f"survivor: Right on memory: {CASE}: pass" in printed
    assert "nothing defends FAIL-01 in redis mode" in printed
    told = MutantsDocument.model_validate_json(out.read_text("utf-8"))
    assert [(one.name, one.killed) for one in told.written] == [("Wrong", True), ("Right", False)]
    assert [(one.subject, one.wanted, one.killed) for one in told.made if not one.drawn] == [
        ("embedded", "VAL-02", True),
        ("memory", "VAL-02", True),
    ]
    assert {one.subject for one in told.made if one.drawn} == {"memory", "memory-expiring", "embedded"}
    assert len([one for one in told.made if one.drawn]) == told.sample.faults == 6
    life = next(one for one in told.defences if (one.requirement, one.mode) == ("LIFE-05", "memory"))
    assert life.written == ("Wrong",)


class InThisProcess:
    """A pool that does everything at once, here: what a test has patched counts."""

    def __init__(self, *_: object) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def submit(self, function: Any, *arguments: Any) -> Future[Any]:
        done: Future[Any] = Future()
        done.set_result(function(*arguments))
        return done

    def map(self, function: Any, *several: Any) -> Any:
        return map(function, *several)


def test_a_survivor_is_known_by_a_pattern_for_subject_and_fault() -> None:
    survivor = Trial(NEVER, On.MEMORY)
    assert command.describe(survivor, [("memory: fold *, writes *", "why")], drawn=True).known == "why"
    assert command.describe(survivor, [("embedded: *", "why")], drawn=True).known == ""
    killed = Trial(NEVER, On.MEMORY, requirements=("LIFE-03",))
    assert command.describe(killed, [("memory: *", "why")], drawn=True).known == ""


def test_every_reason_for_survivors_is_a_sentence() -> None:
    assert all(pattern and reason.endswith(".") for pattern, reason in command.reasons())


@pytest.mark.parametrize("one", MUTANTS, ids=lambda one: f"{one.name}-{one.on}")
def test_a_mutant_names_the_requirements_and_the_cases_that_decide_them(one: Mutant) -> None:
    cases: Any = find_cases()
    decided = {
        name: {*TOURED} if name == TOUR else set(cases[name].conformance_case.requirements) for name in one.caught_by
    }
    assert one.doc.endswith(".")
    assert set(one.breaks) <= REQUIREMENTS.keys()
    assert all(requirements & set(one.breaks) for requirements in decided.values()), (
        "a case decides none of these requirements"
    )
    assert set(one.breaks) <= set().union(*decided.values()), "a requirement is decided by none of these cases"
    assert one.instead not in (AssertionError, AttributeError, ImportError, KeyError, NameError, TypeError)


@pytest.mark.parametrize("one", CHOSEN, ids=lambda one: f"{one.breaks} {one.fault}")
def test_a_chosen_fault_breaks_a_requirement_that_the_tour_decides(one: Chosen) -> None:
    assert one.breaks in TOURED
    assert one.fault.way in WAYS


def broken() -> set[tuple[str, str]]:
    by_hand = {(number, one.on.mode) for one in MUTANTS for number in one.breaks}
    return by_hand | {(one.breaks, on.mode) for one in CHOSEN for on in one.on}


def test_every_must_has_a_mutant_in_each_mode_or_a_reason() -> None:
    musts = {(one.id, mode) for one in REQUIREMENTS.values() for mode in MODES if one.level is Level.MUST}
    assert musts - broken() - UNBREAKABLE.keys() == set()


def test_no_reason_is_given_for_what_a_mutant_breaks() -> None:
    assert broken() & UNBREAKABLE.keys() == set()
    assert {requirement for requirement, _ in UNBREAKABLE} <= REQUIREMENTS.keys()


def test_a_mutant_by_hand_has_a_source_or_defends_a_must_that_no_operator_breaks() -> None:
    by_operators = {(one.breaks, on.mode) for one in CHOSEN for on in one.on}
    for one in MUTANTS:
        assert one.source or {(number, one.on.mode) for number in one.breaks} - by_operators, one.name


def test_there_are_controls_in_both_modes() -> None:
    assert {on.mode for _, on in CONTROLS} == set(MODES)


@pytest.mark.parametrize("old", ["no such line", "redis.call"])
def test_a_script_is_edited_in_exactly_one_place(old: str) -> None:
    with pytest.raises(ValueError, match="not one"):
        edited(LIST, old, "")
