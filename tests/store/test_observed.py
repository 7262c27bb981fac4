"""The store that reports its operations."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from taskstore import (
    MaintainedTaskStore,
    MemoryTaskStore,
    ObservedTaskStore,
    StoreNotOpen,
    TaskCreateRequest,
    TaskNotFound,
    TaskStatus,
)

REQUEST = TaskCreateRequest(video_ids=("v",))


def test_each_operation_is_reported_when_it_ends() -> None:
    seen: list[tuple[str, float, str]] = []

    async def run() -> None:
        async with MemoryTaskStore() as plain, ObservedTaskStore(plain, lambda *call: seen.append(call)) as store:
            task = await store.create_task(REQUEST, task_id="a")
            assert await store.get_task("a") == task == await plain.get_task("a")
            updated = await store.update_task_status("a", TaskStatus.FAILED, 5, "step", "url", "error", "traceback")
            assert updated == await plain.get_task("a")
            assert updated.error_traceback == "traceback"
            assert (await store.cancel_task((await store.create_task(REQUEST)).task_id)).status == TaskStatus.CANCELLED
            page = await store.list_tasks(TaskStatus.FAILED, 1, 0)
            assert page == await plain.list_tasks(TaskStatus.FAILED, 1, 0)
            assert (await store.list_tasks(limit=1, after=f"0.{task.task_id}")).tasks == ()
            assert await store.purge(datetime.now(UTC)) == 2
            await store.restore(task)
        with pytest.raises(StoreNotOpen):
            await plain.get_task("a")

    asyncio.run(run())
    assert [(operation, outcome) for operation, _, outcome in seen] == [
        (operation, "ok")
        for operation in (
            "create_task",
            "get_task",
            "update_task_status",
            "create_task",
            "cancel_task",
            "list_tasks",
            "list_tasks",
            "purge",
            "restore",
        )
    ]
    assert all(0 <= seconds < 5 for _, seconds, _ in seen)


def test_an_exception_is_named_and_comes_out() -> None:
    seen: list[str] = []

    async def run() -> None:
        observed: MaintainedTaskStore = ObservedTaskStore(MemoryTaskStore(), lambda *call: seen.append(call[2]))
        async with observed as store:
            with pytest.raises(TaskNotFound):
                await store.get_task("missing")

    asyncio.run(run())
    assert seen == ["TaskNotFound"]
