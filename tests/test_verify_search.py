"""The search finds nothing in right stores, and what is wrong in others; it shrinks it and plays it again."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import hypothesis
import pytest
from hypothesis import HealthCheck

from conformance.engine.scene import Advance, Optional, Reopen, Scene, Step, Together
from conformance.harness import Harness
from conformance.mutants import stages
from conformance.mutants.mutant import On
from conformance.mutants.operators.values import altered
from conformance.spec.model import OPERATIONS
from conformance.subjects.fakeredis import FakeredisHarness
from conformance.subjects.memory import ExpiringMemoryHarness, MemoryHarness
from conformance.subjects.redis import RedisHarness
from conformance.subjects.servers import EmbeddedServer
from conformance.verify import search as searching
from conformance.verify.drawn import KINDS, kinds_of, scenes
from conformance.verify.search import NotPlayableError, play_again, scene_of, search
from taskstore import MemoryTaskStore, Task

pytestmark = pytest.mark.once

SHARE = 150
"""Scenes that are played by default."""
MINUTE_MS = 60_000


class RoundsProgress(MemoryTaskStore):
    """A progress comes back as a whole number: 0.5 as 0.0, and -0.0 as 0.0."""

    async def update_task_status(self, *arguments: Any, **named: Any) -> Task:
        task = await super().update_task_status(*arguments, **named)
        return altered(task, progress=float(int(task.progress)))


class SaysItOtherwise(MemoryTaskStore):
    """An exception names another task."""

    async def get_task(self, task_id: str) -> Task:
        try:
            return await super().get_task(task_id)
        except LookupError as fault:
            fault.task_id = "somebody"  # type: ignore[attr-defined]  # TaskNotFound has it
            raise


class ChangesWhatItHandedOut(MemoryTaskStore):
    """An update changes the task that a caller holds."""

    async def update_task_status(self, task_id: str, *arguments: Any, **named: Any) -> Task:
        held = self._tasks.get(task_id) if isinstance(task_id, str) else None
        task = await super().update_task_status(task_id, *arguments, **named)
        if held is not None:
            vars(held).update(vars(task))
        return task


class DiesTwoMinutesEarly(MemoryTaskStore):
    """The last two minutes of a life do not count."""

    def _renew(self, task_id: str) -> None:
        right = self._lifetime_ms
        self._lifetime_ms = None if right is None else right - 2 * MINUTE_MS
        super()._renew(task_id)
        self._lifetime_ms = right


class Unhashable(MemoryTaskStore):
    """What comes back cannot be hashed."""

    async def update_task_status(self, *arguments: Any, **named: Any) -> Task:
        task = await super().update_task_status(*arguments, **named)
        return altered(task, progress=[1], current_step={"a": 1})


class Broken(MemoryTaskStore):
    """Nothing can be created."""

    async def create_task(self, request: Any, **named: Any) -> Task:
        raise OSError("no disk")


class Moody(MemoryTaskStore):
    """Every ninth get in all fails, whoever makes it."""

    made = 0

    async def get_task(self, task_id: str) -> Task:
        Moody.made += 1
        if Moody.made % 9 == 0:
            raise OSError("no disk")
        return await super().get_task(task_id)


def staged(on: On, kind: Callable[..., Any]) -> Harness:
    return stages.staged(MemoryHarness() if on is On.MEMORY else ExpiringMemoryHarness(), kind)


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """A difference need not be short."""
    monkeypatch.setattr(searching, "_SHRINKING_SECONDS", 0.5)


def test_right_stores_do_what_the_model_allows() -> None:
    redis = RedisHarness(EmbeddedServer())
    with redis.running():
        subjects = {
            "memory": MemoryHarness(),
            "memory-expiring": ExpiringMemoryHarness(),
            "fakeredis": FakeredisHarness(),
            "redis": redis,
        }
        outcome, found = search(subjects, count=30, seed=1)
    assert [str(one) for one in found] == []
    assert outcome.passed
    assert outcome.decided
    assert outcome.scenes == 30
    assert outcome.calls > 4 * 10 * outcome.scenes


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize(
    ("on", "kind", "requirement"),
    [
        (On.MEMORY, RoundsProgress, "LIFE-04"),
        (On.MEMORY, SaysItOtherwise, "ID-03"),
        (On.MEMORY, ChangesWhatItHandedOut, "VAL-02"),
        (On.EXPIRING, DiesTwoMinutesEarly, "EXP-01"),
    ],
)
def test_a_planted_fault_is_found_and_played_again(on: On, kind: type[Any], requirement: str, seed: int) -> None:
    subjects = {"right": MemoryHarness(), "wrong": staged(on, kind)}
    _, found = search(subjects, count=SHARE, seed=seed)
    assert {one.difference.subject for one in found} == {"wrong"}
    one = next(one for one in found if requirement in one.difference.requirements)
    what = json.loads(json.dumps(one.replay))
    assert one.signature in {again.signature for again in play_again(subjects, what)}
    assert play_again({"right": MemoryHarness()}, what) == []


def test_a_difference_is_shrunk_to_the_calls_that_show_it() -> None:
    _, (found,) = search({"wrong": staged(On.MEMORY, RoundsProgress)}, count=SHARE, seed=1, most=1)
    script = [line for line in found.difference.script if not line.startswith("#")]
    assert len(script) == 2
    assert "store1.create_task" in script[0]
    assert "store1.update_task_status" in script[1]
    assert "progress=" in found.difference.words
    assert " on wrong: " in str(found)


@pytest.mark.usefixtures("hasty")
def test_a_store_that_is_wrong_in_everything_ends_the_run() -> None:
    outcome, found = search({"broken": staged(On.MEMORY, Broken)}, count=20, seed=1)
    assert outcome.scenes <= 20
    assert not outcome.passed
    assert any("OSError" in one.difference.words for one in found)


@pytest.mark.usefixtures("hasty")
def test_what_does_not_fail_each_time_is_told_all_the_same() -> None:
    _, found = search({"moody": staged(On.MEMORY, Moody)}, count=SHARE, seed=1, most=1)
    assert "OSError" in found[0].difference.words


@pytest.mark.usefixtures("hasty")
def test_a_value_that_cannot_be_hashed_is_a_difference() -> None:
    _, (found,) = search({"unhashable": staged(On.MEMORY, Unhashable)}, count=SHARE, seed=1, most=1)
    assert "gave progress=[1], current_step={'a': 1}; expected" in found.difference.words


@pytest.mark.parametrize("version", ["1.0", hypothesis.__version__])
def test_what_another_version_found_is_not_played(version: str) -> None:
    with pytest.raises(NotPlayableError):
        scene_of({"hypothesis": version, "choices": "AAFB", "kinds": ["time"]})


def test_scenes_have_every_kind_of_action_and_few_kinds_each() -> None:
    kinds: Counter[str] = Counter()
    actions: Counter[type] = Counter()
    operations: set[str] = set()
    lost = 0

    def look(scene: Scene) -> None:
        nonlocal lost
        kinds.update(scene.classes)
        for action in scene.actions:
            actions[type(action)] += 1
            inner = action.actions[0] if isinstance(action, Optional) else action
            if isinstance(inner, Step):
                operations.add(inner.operation)
            lost += isinstance(action, Together) and action.cancelled > 0

    settings = hypothesis.settings(
        max_examples=10, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    for batch in range(30):
        hypothesis.seed(batch)(settings(hypothesis.given(scenes(kinds_of(str(batch))))(look)))()
    assert kinds.keys() == set(KINDS)
    assert operations == set(OPERATIONS)
    assert min(actions[kind] for kind in (Step, Optional, Together, Advance, Reopen)) > 20, actions
    assert lost > 10
