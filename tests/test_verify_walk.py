"""The walk: every short sequence, on right stores and on wrong ones."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from typing import Any, ClassVar, Self

import pytest

from conformance.engine.scene import Advance, Optional, Step
from conformance.harness import Capability, Harness, HookMissingError
from conformance.mutants import stages
from conformance.mutants.mutant import On
from conformance.mutants.wrapper import Scripted, edited
from conformance.subjects.memory import MemoryHarness
from conformance.subjects.registry import find_subject
from conformance.verify.document import Walk
from conformance.verify.scenes import Found
from conformance.verify.walk import sequences, walk
from taskstore import MemoryTaskStore, Task, TaskStatus
from taskstore.arguments import Change
from taskstore.redis.scripts import INSERT

pytestmark = pytest.mark.once


class OverlooksEmptyValuesOfAFinalTask(MemoryTaskStore):
    """A late update that gives a final task progress 0, or an empty text, is taken for one that gives nothing."""

    async def _apply(self, task_id: str, change: Change) -> Task:
        task = self._tasks.get(task_id)
        if task is not None and task.status.is_final:
            change = Change(**{name: value for name, value in change.items() if value})
        return await super()._apply(task_id, change)


class RestoresBesideAGhost(Scripted):
    """A task that has expired and is restored in another status is still listed, and counted, in the old one too.

    Ghosts in an index were rq's in romm #3195.
    """

    scripts: ClassVar = {INSERT: edited(INSERT, "if other ~= status then", "if false then")}


class MovesTheTimeOfARefusedUpdate(MemoryTaskStore):
    """A refused update of a failed task still moves `updated_at`."""

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

    def advance(self, namespace: str, by: timedelta) -> None:
        raise HookMissingError("advance")


def staged(kind: Callable[..., Any]) -> Harness:
    return stages.staged(MemoryHarness(), kind)


def walk_on(kind: Callable[..., Any], **named: Any) -> tuple[Walk, list[Found]]:
    return walk({"memory": staged(kind)}, **{"length": 3, **named})


def test_the_sequences_are_all_of_them_and_no_two_are_alike() -> None:
    every = list(sequences(3))
    assert len(every) == len({repr(one) for one in every}) == 251
    assert len(list(sequences(4))) > 3_000
    assert max(map(len, every)) == 3
    for one, following in pairwise(every):
        assert following[:-1] == one[: len(following) - 1], "what a sequence begins with comes before it"
    inner = [action.actions[0] if isinstance(action, Optional) else action for one in every for action in one]
    assert {action.operation for action in inner if isinstance(action, Step)} == {
        "create_task",
        "update_task_status",
        "cancel_task",
        "list_tasks",
        "purge",
        "restore",
    }


@pytest.mark.parametrize("name", ["memory", "memory-expiring"])
def test_right_stores_do_what_the_model_allows(name: str) -> None:
    outcome, found = walk({name: find_subject(name)()}, length=3)
    assert [str(one) for one in found] == []
    assert outcome.passed
    assert outcome.decided
    assert outcome.sequences == outcome.chosen == outcome.played == 251
    assert outcome.calls > 1_500


def test_a_share_is_even_and_the_same_for_a_seed() -> None:
    one, same, other = (walk_on(MemoryTaskStore, share=0.1, seed=seed)[0] for seed in (1, 1, 2))
    assert one.chosen == pytest.approx(one.sequences / 10, abs=2)
    assert one == same
    assert other.calls != one.calls


def test_a_store_of_five_operations_goes_without_the_others() -> None:
    harness = staged(CannotPurge)
    harness.capabilities -= {Capability.MAINTENANCE}
    outcome, found = walk({"memory": harness}, length=3)
    assert found == []
    assert outcome.decided


def test_where_time_cannot_pass_that_is_said() -> None:
    outcome, _ = walk({"timeless": Timeless()}, length=2)
    assert outcome.not_played == {"timeless": "the harness has no hook advance"}
    assert 0 < outcome.played < outcome.chosen
    assert not outcome.decided
    assert outcome.passed


def test_what_is_wrong_is_told_by_its_shortest_sequence_and_played_again() -> None:
    outcome, found = walk_on(MovesTheTimeOfARefusedUpdate)
    assert not outcome.passed
    for one in found:
        *script, _ = one.difference.script
        assert [line.partition("(")[0] for line in script[:3]] == [
            "a = await store1.create_task",
            *["a = await store1.update_task_status"] * 2,
        ]
        assert "TaskStatus.FAILED" in script[1]
        assert "TaskStatus.CANCELLED" in script[2]
        (again, *_) = walk_on(MovesTheTimeOfARefusedUpdate, only=one.replay["index"])[1]
        assert again.difference.requirements == one.difference.requirements
        assert walk_on(MemoryTaskStore, only=one.replay["index"])[1] == []


def test_an_empty_value_given_to_a_final_task_is_not_overlooked() -> None:
    _, found = walk_on(OverlooksEmptyValuesOfAFinalTask)
    assert any("expected TaskFinal" in one.difference.words for one in found)


def test_a_trace_of_an_expired_task_is_found() -> None:
    (chosen,) = [
        index
        for index, actions in enumerate(sequences(4))
        if [type(one) for one in actions] == [Step, Advance, Advance, Optional] and "clipping" in repr(actions)
    ]
    with stages.stages() as stage:
        outcome, found = walk({"mutant": stage(On.REDIS, RestoresBesideAGhost)}, length=4, only=chosen)
    assert outcome.played == 1
    assert found[0].difference.requirements[0].startswith("LIST-")
