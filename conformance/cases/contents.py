"""A store with tasks of every kind, all that a reader sees of it, and a call of each form."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import UTC, datetime
from itertools import zip_longest
from operator import attrgetter
from typing import Any, TypeAlias

from conformance.core.observe import record_of
from conformance.harness import Capability
from conformance.spec.model import is_same
from taskstore import Task, TaskCreateRequest, TaskNotFound, TaskStatus

CallOn: TypeAlias = Callable[[Any], Awaitable[Any]]
"""A call that can be made on any store."""
_CONFIG = {"n": [1.0, -0.0, 2**64 - 1, True, None], "字": " 文\n", "B": {"": []}, "a": {"é": 1, "e\u0301": 2}}
_RICH = TaskCreateRequest(video_ids=("b", "文 ", "b"), webhook_url="https://user@a/ü?q=1", config=_CONFIG)


def a_request(config: dict[str, Any] | None = None) -> TaskCreateRequest:
    """An ordinary request."""
    return TaskCreateRequest(video_ids=("v1",), config=config)


async def fill(store: Any, capabilities: Collection[Capability] = ()) -> list[Task]:
    """Create two tasks of every status, a plain one and one with values that are easily changed; return them."""
    tasks = []
    for status in TaskStatus:
        plain = await store.create_task(a_request())
        tasks.append(await store.update_task_status(plain.task_id, status))
        chosen = {"task_id": f"Job-{status}"} if Capability.CALLER_IDS in capabilities else {}
        rich = await store.create_task(_RICH, **chosen)
        progress = None if status is TaskStatus.COMPLETED else 100 / 3
        errors = ("no disk", "line\n line") if status is TaskStatus.FAILED else ()
        tasks.append(await store.update_task_status(rich.task_id, status, progress, " 步\n", "url", *errors))
    return tasks


def newest_first(tasks: Collection[Any]) -> list[Any]:
    """The order of a listing."""
    return sorted(tasks, key=attrgetter("created_at", "task_id"), reverse=True)


async def seen(store: Any) -> tuple[Any, ...]:
    """What listings show: the tasks and the total, of all and of each status."""
    pages = [await store.list_tasks(status, limit=1_000) for status in (None, *TaskStatus)]
    return tuple(fact for page in pages for fact in (page.total, *map(record_of, page.tasks)))


def check_same(found: Sequence[Any], expected: Sequence[Any]) -> None:
    """Compare results in value and type.

    Raises:
        AssertionError: with the first that differ.
    """
    for one, other in zip_longest(found, expected):
        assert is_same(one, other), f"{one!r:.1000}\n instead of {other!r:.1000}"


async def check_has_none(store: Any, tasks: Collection[Any]) -> None:
    """Check that a store knows none of these tasks: no call finds one, no listing shows or counts it."""
    outcomes = [await outcome_of(store.get_task(task.task_id)) for task in tasks]
    assert {type(one) for one in outcomes} == {TaskNotFound}, f"expected no task, got {outcomes!r:.300}"
    assert not any(await seen(store)), "expected empty listings"


def calls_on(task_id: str) -> dict[str, CallOn]:
    """The operations that take the id of a task, on this one."""
    return {
        "get": lambda store: store.get_task(task_id),
        "update": lambda store: store.update_task_status(task_id, TaskStatus.CLIPPING, 40),
        "cancel": lambda store: store.cancel_task(task_id),
    }


def a_task() -> Task:
    """An old task for `restore`, which no store has."""
    made, old = f"task_{secrets.token_hex(16)}", datetime(2021, 2, 3, tzinfo=UTC)
    given: dict[str, Any] = {"status": TaskStatus.PENDING, "progress": 0, "current_step": "", "video_ids": ("v",)}
    return Task(task_id=made, created_at=old, updated_at=old, **given)


async def writes_of(
    maker: Any, capabilities: Collection[Capability], config: dict[str, Any] | None = None
) -> dict[str, CallOn]:
    """A write of each form. Each changes one task, which the store `maker` has created with this config."""
    ids = [(await maker.create_task(a_request(config))).task_id for _ in range(3)]
    writes: dict[str, CallOn] = {
        "create": lambda store: store.create_task(a_request(config)),
        "update": lambda store: store.update_task_status(ids[0], TaskStatus.CLIPPING, 40, "cutting"),
        "fail": lambda store: store.update_task_status(ids[1], TaskStatus.FAILED, error_message="no such video"),
        "cancel": lambda store: store.cancel_task(ids[2]),
    }
    if Capability.CALLER_IDS in capabilities:
        chosen = f"Job-{secrets.token_hex(4)}"
        writes["create under an id"] = lambda store: store.create_task(a_request(config), task_id=chosen)
    if Capability.MAINTENANCE in capabilities:
        new = a_task()
        writes["restore"] = lambda store: store.restore(new)
    return writes


async def reads_of(maker: Any, capabilities: Collection[Capability]) -> dict[str, CallOn]:
    """A call of each form that changes nothing. `maker` creates what they are about."""
    task, final = [(await maker.create_task(a_request())).task_id for _ in range(2)]
    await maker.cancel_task(final)
    calls: dict[str, CallOn] = {
        "get": lambda store: store.get_task(task),
        "update a final task": lambda store: store.update_task_status(final, TaskStatus.CLIPPING),
        **{f"{name} nothing": call for name, call in calls_on("task_0").items()},
        "list": lambda store: store.list_tasks(),
        "list a thousand": lambda store: store.list_tasks(limit=1_000),
        "list by status": lambda store: store.list_tasks(TaskStatus.PENDING, limit=20),
        "count": lambda store: store.list_tasks(limit=0),
        "list from an offset": lambda store: store.list_tasks(limit=7, offset=3),
    }
    if Capability.CURSOR in capabilities and (cursor := (await maker.list_tasks(limit=1)).next):
        calls["list after"] = lambda store: store.list_tasks(limit=5, after=cursor)
    return calls


async def outcome_of(call: Awaitable[Any], seconds: float = 5.0) -> Any:
    """What a call returns, or the exception that it raises."""
    try:
        async with asyncio.timeout(seconds):
            return await call
    except Exception as fault:  # noqa: BLE001  whatever it is, it is compared
        return fault
