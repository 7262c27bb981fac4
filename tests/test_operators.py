from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from conformance.engine.scene import Scene, create, get, listing, update
from conformance.mutants.operators.draw import draw, every, is_possible, sites
from conformance.mutants.operators.fault import Condition, Fault
from conformance.mutants.operators.judge import Planned, Trial, play, play_alone, play_stacked, scenes
from conformance.subjects.memory import MemoryHarness
from taskstore import TaskStatus

pytestmark = pytest.mark.once

EXAMPLES = (
    Fault("alias", "alias", "get_task", "live"),
    Fault("clamp", "argument", "list_tasks", "limit", 20),
    Fault("default", "answer", "get_task", "current_step"),
    Fault("drop", "write", "update_task_status"),
    Fault("duplicate", "page", "list_tasks", "tasks", 1),
    Fault("fold", "stored", "create_task", "config"),
    Fault("forget", "forget", "list_tasks"),
    Fault("normalise", "argument", "create_task", "video_ids"),
    Fault("off-by-one", "argument", "purge", "before", 1),
    Fault("old", "answer", "get_task", "status"),
    Fault("other-error", "error", "get_task", "TaskNotFound task_id"),
    Fault("reorder", "answer", "get_task", "video_ids"),
    Fault("round", "stored", "create_task", "config", 6),
    Fault("stale", "outlive", "get_task"),
    Fault("strip", "argument", "create_task", "webhook_url"),
    Fault("swallow", "error", "cancel_task", "TaskFinal task_id"),
    Fault("truncate", "argument", "update_task_status", "current_step", 255),
    Fault("type", "answer", "list_tasks", "updated_at", 1),
    Fault("wrong-fact", "error", "update_task_status", "TaskFinal status"),
)
NEVER = Condition("tasks", 10**9)


def test_there_is_an_example_of_each_operator() -> None:
    assert {one.operator for one in EXAMPLES} == set(sites())


@pytest.mark.parametrize("fault", EXAMPLES, ids=lambda fault: fault.operator)
def test_the_tour_catches_each_operator(fault: Fault) -> None:
    trial = Trial(fault, "memory")
    play_alone(trial, MemoryHarness(), 1)
    play_stacked([trial], MemoryHarness(), 1)
    assert trial.reason == ""
    assert (trial.reached, trial.changed, trial.has_crashed) == (True, True, False)


def small() -> Scene:
    config = {"name": "A"}
    return Scene("small", (create(config=config), update("a", TaskStatus.CLIPPING, progress=1), get(), listing()))


def test_a_condition_that_is_not_reached_leaves_a_right_store() -> None:
    trials = [Trial(Fault(one.operator, one.way, one.operation, one.field, 1, NEVER), "memory") for one in EXAMPLES]
    assert asyncio.run(play(trials, MemoryHarness(), small())) == []
    assert {one.reason for one in trials} == {"not reached"}


def test_what_changes_nothing_is_not_taken_for_a_change() -> None:
    trial = Trial(Fault("normalise", "answer", "get_task", "config"), "memory")
    assert asyncio.run(play([trial], MemoryHarness(), small())) == []
    assert trial.reason == "changed nothing"


def test_a_fault_in_a_stack_is_told_from_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("conformance.mutants.operators.judge.scenes", lambda _: [Planned.of(small())])
    wrong = Trial(Fault("fold", "answer", "get_task", "config"), "memory")
    unreached = [Trial(Fault("fold", "answer", "get_task", "config", 0, NEVER), "memory"), Trial(EXAMPLES[7], "memory")]
    play_stacked([*unreached, wrong], MemoryHarness(), 1)
    assert wrong.requirements[0] == "LIFE-03"
    assert [one.reason for one in unreached] == ["not reached", "changed nothing"]


def test_a_finding_kills_only_under_the_requirement_that_is_wanted() -> None:
    fault = Fault("fold", "answer", "get_task", "config")
    trials = [Trial(fault, "memory", wanted) for wanted in ("", "LIFE-03", "LIST-01")]
    for one in trials:
        asyncio.run(play([one], MemoryHarness(), small()))
    assert [one.reason for one in trials] == ["", "", "reported as LIFE-03, LIFE-04"]


def test_scenes_that_cannot_reach_a_fault_are_told_from_those_that_can() -> None:
    fault = Fault("forget", "forget", "get_task")
    reached = {
        kind: [one.can_reach(replace(fault, condition=Condition(kind, bound))) for one in scenes(1)]
        for kind, bound in (("always", None), ("second", None), ("reopened", None), ("later", 10**6), ("tasks", 5_000))
    }
    assert all(reached["always"])
    assert all(any(several) and not all(several) for kind, several in reached.items() if kind != "always")


def test_what_is_out_of_reach_is_not_reached() -> None:
    """The scenes that are skipped for a fault are those in which its condition is never met."""
    fault = Fault("forget", "forget", "get_task")
    for condition in (Condition("reopened"), Condition("later", 100_000), Condition("tasks", 40), Condition("second")):
        trial = Trial(replace(fault, condition=condition), "memory")
        skipped = [one for one in scenes(1) if not one.can_reach(trial.fault)]
        for planned in skipped[::50]:
            asyncio.run(play([trial], MemoryHarness(), planned.scene))
        assert not trial.reached, condition


def test_a_seed_draws_the_same_faults() -> None:
    assert draw(7, 50) == draw(7, 50)
    assert draw(7, 50) != draw(8, 50)
    assert draw(7, 50).faults[:20] == draw(7, 20).faults


def test_all_of_them_are_all_operators_at_all_sites() -> None:
    everything = every(1)
    drawn = {(one.operator, one.way, one.operation, one.field) for one in draw(1, 2_000).faults}
    assert drawn <= {(one.operator, one.way, one.operation, one.field) for one in everything.faults}
    assert all(map(is_possible, everything.faults))
    assert everything.left_out > 0
