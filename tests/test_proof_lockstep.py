"""Lockstep finds nothing between the right stores, and what is wrong in others; it shrinks it and shows it again."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import hypothesis
import pytest
from hypothesis import HealthCheck

from conformance.harness import Harness
from conformance.mutants.around import altered
from conformance.mutants.beyond import SkipsAWriteThatChangesNothing
from conformance.mutants.mutant import On
from conformance.mutants.stages import ExpiringStage, MemoryStage
from conformance.subjects.fakeredis import FakeredisHarness
from conformance.subjects.memory import ExpiringMemoryHarness, MemoryHarness
from conformance.subjects.redis import RedisHarness
from conformance.subjects.servers import EmbeddedServer
from conformance.verify import lockstep
from conformance.verify.lockstep import replay_lockstep, run_lockstep
from conformance.verify.model import LIFETIME
from conformance.verify.steps import Deadline, Earlier, Seen, Sequence, Step, sequences
from taskstore import MemoryTaskStore, Task

SHARE = 150
"""Sequences that the proof takes by default."""


class RestoresWithTheOldLifetime(MemoryTaskStore):
    """A restored task lives as long as it would have lived: an old one is gone at once."""

    async def restore(self, task: Task) -> None:
        await super().restore(task)
        self._deadlines.remove((self._deadline_of[task.task_id], task.task_id))
        deadline = int(task.updated_at.timestamp() * 1_000) + LIFETIME
        self._deadline_of[task.task_id] = deadline
        self._deadlines.add((deadline, task.task_id))


class RoundsProgress(MemoryTaskStore):
    """A progress comes back as a whole number: 0.5 as 0.0, and -0.0 as 0.0."""

    async def update_task_status(self, *arguments: Any, **named: Any) -> Task:
        task = await super().update_task_status(*arguments, **named)
        return altered(task, progress=float(int(task.progress)))


class SaysItOtherwise(MemoryTaskStore):
    """An exception names another argument."""

    async def get_task(self, task_id: str) -> Task:
        try:
            return await super().get_task(task_id)
        except LookupError as fault:
            fault.task_id = "somebody"  # type: ignore[attr-defined]  # TaskNotFound has it
            raise


class ChangesWhatItHandedOut(MemoryTaskStore):
    """An update changes the task that a caller holds."""

    async def update_task_status(self, task_id: str, *arguments: Any, **named: Any) -> Task:
        held = self._tasks.get(task_id)
        task = await super().update_task_status(task_id, *arguments, **named)
        if held is not None:
            vars(held).update(vars(task))
        return task


class DiesAMillisecondEarly(MemoryTaskStore):
    """The last millisecond of a life does not count."""

    def _now_ms(self) -> int:
        return super()._now_ms()

    def _renew(self, task_id: str) -> None:
        right = self._lifetime_ms
        self._lifetime_ms = None if right is None else right - 1
        super()._renew(task_id)
        self._lifetime_ms = right


ONLY_LOCKSTEP: list[tuple[On, type[Any]]] = [
    (On.MEMORY, SkipsAWriteThatChangesNothing),
    (On.EXPIRING, RestoresWithTheOldLifetime),
]


def staged(on: On, kind: Callable[..., Any]) -> Harness:
    stage = MemoryStage() if on is On.MEMORY else ExpiringStage()
    stage.kind = kind
    return stage


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """A difference need not be short."""
    monkeypatch.setattr(lockstep, "SHRINKING_SECONDS", 0.5)


def test_the_right_stores_do_not_differ() -> None:
    redis = RedisHarness(EmbeddedServer())
    with redis.running():
        outcome = run_lockstep(
            {
                "memory": MemoryHarness(),
                "memory-expiring": ExpiringMemoryHarness(),
                "fakeredis": FakeredisHarness(),
                "redis": redis,
            },
            sequences=30,
            seed=1,
        )
    assert [str(one) for one in outcome.differences] == []
    told = outcome.as_json()
    assert told["sequences"] == 30
    assert told["steps"] >= 30 * lockstep.SHORTEST
    assert told["comparisons"] > 4 * told["steps"]
    assert told["visits"].keys() == {"memory-expiring", "fakeredis", "redis"}
    json.dumps(told)


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize(("on", "kind"), ONLY_LOCKSTEP)
def test_what_no_case_catches_is_found_in_the_default_share(on: On, kind: type[Any], seed: int) -> None:
    outcome = run_lockstep({"wrong": staged(on, kind)}, sequences=SHARE, seed=seed, most=1, shrink=False)
    assert len(outcome.differences) == 1


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize(
    ("on", "kind"),
    [
        (On.MEMORY, RoundsProgress),
        (On.MEMORY, SaysItOtherwise),
        (On.MEMORY, ChangesWhatItHandedOut),
        (On.EXPIRING, DiesAMillisecondEarly),
    ],
)
def test_a_planted_fault_is_found_and_shown_again(on: On, kind: type[Any]) -> None:
    subjects = {"right": MemoryHarness(), "wrong": staged(on, kind)}
    (found,) = run_lockstep(subjects, sequences=SHARE, seed=1, most=1).differences
    assert set(found.words) == {"wrong"}
    again = replay_lockstep(json.loads(json.dumps(found.replay)), subjects)
    assert again is not None
    assert again.signature == found.signature
    assert again.script == found.script
    assert replay_lockstep(found.replay, {"right": MemoryHarness()}) is None


def test_a_difference_is_shrunk_to_the_calls_that_show_it() -> None:
    subjects = {"wrong": staged(On.MEMORY, SkipsAWriteThatChangesNothing)}
    (found,) = run_lockstep(subjects, sequences=SHARE, seed=1, most=1).differences
    assert [line.partition("(")[0] for line in found.script] == [
        "t1 = await store.create_task",
        "t1_2 = await store.update_task_status",
    ]
    assert found.words == {"wrong": "updated of 't1' is 1 instead of 2"}


def test_a_store_that_is_wrong_in_everything_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(MemoryTaskStore):
        async def create_task(self, request: Any, **named: Any) -> Task:
            raise OSError("no disk")

    monkeypatch.setattr(lockstep, "SHRINKING_SECONDS", 0.5)
    outcome = run_lockstep({"broken": staged(On.MEMORY, Broken)}, sequences=5, seed=1)
    assert any("builtins.OSError" in one.words["broken"] for one in outcome.differences)


def test_a_sign_that_python_s_equality_does_not_see_is_a_difference() -> None:
    update = Step("update_task_status", {"task_id": Earlier(0), "status": "pending", "progress": -0.0})
    data = Sequence((Step("create_task", {"video_ids": ("v",)}), update)).encode()
    assert replay_lockstep(data, {"right": MemoryHarness()}) is None
    found = replay_lockstep(data, {"wrong": staged(On.MEMORY, RoundsProgress)})
    assert found is not None
    assert found.words == {"wrong": "progress of 't1' is 0.0 instead of -0.0"}


@pytest.mark.parametrize(
    "value",
    [
        10**4_299,
        -0.0,
        float("inf"),
        "\ud800",
        "𝄞",
        (1, [2, {"a": ()}]),
        {1: {"b": None}, "c": {2}},
        OrderedDict(a=1),
        b"\x00\xff",
        Decimal("1.50"),
        datetime(2026, 1, 1, tzinfo=UTC),
        Earlier(1),
        Seen(1, 2),
        Deadline(1, after=True),
        True,
    ],
)
def test_a_value_comes_back_from_json_exactly(value: Any) -> None:
    sequence = Sequence((Step("get_task", {"task_id": value}, Deadline(0, after=False)),), quiet=True)
    back = Sequence.decode(json.loads(json.dumps(sequence.encode())))
    assert repr(back) == repr(sequence)


@hypothesis.settings(max_examples=30, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@hypothesis.seed(1)
@hypothesis.given(sequences)
def test_every_sequence_comes_back_from_json(sequence: Sequence) -> None:
    data = json.loads(json.dumps(sequence.encode()))
    assert Sequence.decode(data).encode() == data
