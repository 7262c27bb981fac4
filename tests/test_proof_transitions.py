from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import reduce
from typing import Any, ClassVar, Self

import pytest

from conformance.harness import HookMissingError
from conformance.mutants.beyond import OverlooksEmptyValuesOfAFinalTask
from conformance.mutants.mutant import On
from conformance.mutants.scripts import Scripted, edited
from conformance.mutants.stages import MemoryStage, stages
from conformance.subjects.memory import MemoryHarness
from conformance.subjects.registry import find_subject
from conformance.verify.bounded_world import ADVANCE, ONE_TASK, TIME_PASSES, TWO_TASKS, WORLDS, BoundedWorld
from conformance.verify.model import OPERATIONS, STATUSES
from conformance.verify.outcome import TransitionsOutcome
from conformance.verify.reachable import Place, Point, explore
from conformance.verify.transitions import run_transitions
from taskstore import MemoryTaskStore, Task, TaskCreateRequest, TaskStatus
from taskstore.redis.scripts import INSERT

pytestmark = pytest.mark.once

FEW = replace(TWO_TASKS, statuses=("failed", "cancelled"))
"""Small enough to make every transition in a test."""
FEW_IN_TIME = replace(TIME_PASSES, statuses=("clipping", "completed"))


class RestoresBesideAGhost(Scripted):
    """A task that has expired and is restored in another status is still listed, and counted, in the old one too.

    No case restores what has expired. Ghosts in an index were rq's in romm #3195.
    """

    scripts: ClassVar = {INSERT: edited(INSERT, "if other ~= status then", "if false then")}


class MovesTheTimeOfARefusedUpdate(MemoryTaskStore):
    """A refused update of a final task still moves `updated_at`."""

    async def update_task_status(self, task_id: str, status: TaskStatus, *arguments: Any, **named: Any) -> Task:
        task = self._tasks.get(task_id) if isinstance(task_id, str) else None
        try:
            return await super().update_task_status(task_id, status, *arguments, **named)
        except Exception:
            if task is not None and task.status is TaskStatus.FAILED and status is TaskStatus.CANCELLED:
                self._tasks[task_id] = task.model_copy(update={"updated_at": self._now()})
            raise


class CannotPurge:
    """The five operations, and no more."""

    def __init__(self, store: MemoryTaskStore) -> None:
        for name in ("create_task", "get_task", "list_tasks", "update_task_status", "cancel_task"):
            setattr(self, name, getattr(store, name))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass


class Timeless(MemoryHarness):
    """Has no hook to let time pass."""

    def advance(self, world: str, by: timedelta) -> None:
        raise HookMissingError("advance")


def run_on(kind: Callable[..., Any], **named: Any) -> TransitionsOutcome:
    harness = MemoryStage()
    harness.kind = kind
    return run_transitions({"memory": harness}, **named)


@pytest.fixture(scope="module")
def places() -> list[Place]:
    return [place for world in WORLDS for place in explore(world)]


def test_the_worlds_are_rich_enough(places: list[Place]) -> None:
    calls = [repr((place.world, place.number, offer.call)) for place in places for offer in place.offers]
    assert len(calls) >= 40_000
    assert len(calls) == len(set(calls)), "a call is counted twice in one state"
    assert {offer.call.operation for place in places for offer in place.offers} == {*OPERATIONS, ADVANCE}


@pytest.mark.parametrize("world", [ONE_TASK, TWO_TASKS])
@pytest.mark.parametrize("status", STATUSES)
def test_every_status_is_reached(places: list[Place], world: BoundedWorld, status: str) -> None:
    last = [place.path[-1] for place in places if place.world == world.name and place.path]
    assert any(call.arguments.get("status") == status for call in last)


@pytest.mark.parametrize("world", [replace(FEW, refusals=False), FEW_IN_TIME])
def test_states_that_count_as_one_answer_every_call_alike(world: BoundedWorld) -> None:
    """Wherever else a state is met, each call leads from there to the state that it leads to where it was met first."""
    first: dict[Any, tuple[Point, list[Any]]] = {}
    met = 0
    for place in explore(world):
        start = reduce(Point.after, place.path, Point())
        first[start.conditions()] = start, [start.after(offer.call).conditions() for offer in place.offers]
        for offer in place.offers:
            other = start.after(offer.call)
            if other.conditions() in first:
                known, leads = first[other.conditions()]
                calls = [replace(one.call, at=one.call.at - known.now + other.now) for one in known.offers(world)]
                assert [other.after(call).conditions() for call in calls] == leads
                met += 1
    assert met > 300


@pytest.mark.parametrize("name", ["memory", "memory-expiring"])
def test_right_stores_agree_in_every_transition(name: str) -> None:
    outcome = run_transitions({name: find_subject(name)()}, worlds=[FEW, FEW_IN_TIME])
    assert outcome.differences == ()
    assert outcome.not_executed == ()
    assert outcome.transitions == outcome.chosen == outcome.executed == outcome.agreed > 4_000
    assert "100 % of" in str(outcome)
    assert json.loads(json.dumps(outcome.as_json()))["agreed"] == outcome.agreed


def test_a_share_is_even_the_same_for_a_seed_and_said() -> None:
    one, same, other = (run_on(MemoryTaskStore, share=0.01, seed=seed, worlds=[FEW]) for seed in (1, 1, 2))
    assert one.chosen == pytest.approx(one.transitions / 100, abs=2)
    assert (one.chosen, one.executed, one.agreed) == (same.chosen, same.executed, same.agreed)
    assert "1.00% of" in str(one)
    assert "seed 2" in str(other)
    assert one.executed == one.agreed


@pytest.mark.parametrize("share", [0, 1.5, -1])
def test_a_share_is_a_part(share: float) -> None:
    with pytest.raises(ValueError, match="share"):
        run_transitions({}, share=share)


def test_subjects_in_processes_of_their_own_give_the_same() -> None:
    right, wrong = MemoryStage(), MemoryStage()
    wrong.kind = OverlooksEmptyValuesOfAFinalTask
    here, apart = (
        run_transitions({"right": right, "wrong": wrong}, share=0.02, worlds=[ONE_TASK], apart=apart)
        for apart in (False, True)
    )
    assert len(here.differences) == len(apart.differences) > 0
    assert here.agreed == apart.agreed < apart.executed == apart.chosen


def test_what_a_store_cannot_do_is_listed_and_not_counted() -> None:
    outcome = run_on(CannotPurge, worlds=[FEW], share=0.2)
    assert {one.transition.calls[-1].operation for one in outcome.not_executed} >= {"purge", "restore"}
    assert outcome.executed == outcome.agreed == outcome.chosen - len(outcome.not_executed)
    assert outcome.differences == ()


def test_where_time_cannot_pass_that_is_listed() -> None:
    outcome = run_transitions({"timeless": Timeless()}, worlds=[FEW_IN_TIME])
    assert {one.reason for one in outcome.not_executed} == {"the harness has no hook advance"}
    assert 0 < outcome.executed == outcome.chosen - len(outcome.not_executed)


def test_what_is_changed_in_passing_is_laid_to_the_call_that_changed_it() -> None:
    outcome = run_on(MovesTheTimeOfARefusedUpdate, worlds=[FEW])
    shortest = min(outcome.differences, key=lambda one: len(one.calls))
    assert [call.operation for call in shortest.calls] == ["create_task", *["update_task_status"] * 2]
    assert [call.arguments.get("status") for call in shortest.calls[1:]] == ["failed", "cancelled"]
    assert {one.calls[-1].arguments.get("status") for one in outcome.differences} == {"cancelled"}
    assert "updated of 'task1'" in shortest.words


def test_a_script_can_be_run() -> None:
    outcome = run_on(OverlooksEmptyValuesOfAFinalTask, worlds=[ONE_TASK], share=0.1)
    shown = min(outcome.differences, key=lambda one: len(one.calls)).as_json()
    *lines, last = shown["script"].splitlines()
    assert last.endswith("# raises TaskFinal")
    names = {"UTC": UTC, "datetime": datetime, "TaskCreateRequest": TaskCreateRequest, "TaskStatus": TaskStatus}
    source = "async def main(store):\n" + "".join(f"    {line}\n" for line in [*lines, last, "return task1"])
    exec(source, names)  # noqa: S102  the script is what is tested

    async def main() -> Any:
        async with OverlooksEmptyValuesOfAFinalTask() as store:
            return await names["main"](store)  # type: ignore[operator]  # the script has just defined it

    assert asyncio.run(main()).status.is_final


def test_an_empty_value_given_to_a_final_task_is_not_overlooked() -> None:
    outcome = run_on(OverlooksEmptyValuesOfAFinalTask, worlds=[ONE_TASK], share=0.1)
    assert outcome.agreed < outcome.executed == outcome.chosen
    assert {one.words.partition("(")[0] for one in outcome.differences} == {"the task 'task1' "}
    assert all("instead of TaskFinal" in one.words for one in outcome.differences)


def test_a_trace_of_an_expired_task_is_found() -> None:
    with stages() as stage:
        outcome = run_transitions({"mutant": stage(On.REDIS, RestoresBesideAGhost)}, worlds=[FEW_IN_TIME])
    assert outcome.agreed < outcome.executed
    assert all(one.calls[-1].operation in ("create_task", "restore") for one in outcome.differences)
    assert any("the total of the page is" in one.words for one in outcome.differences)
