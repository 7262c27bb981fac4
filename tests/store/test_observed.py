"""The store that reports its operations."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from taskstore import (
    MemoryTaskStore,
    ObservedTaskStore,
    StoreNotOpen,
    TaskCreateRequest,
    TaskFinal,
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
            with pytest.raises(TaskFinal):
                await store.cancel_task("a")
            page = await store.list_tasks(TaskStatus.FAILED, 1, after=f"9{10**15}.x")
            assert page == await plain.list_tasks(TaskStatus.FAILED, 1, after=f"9{10**15}.x")
            assert await store.purge(datetime.now(UTC)) == 1
            await store.restore(task)
        with pytest.raises(StoreNotOpen):
            await plain.get_task("a")

    asyncio.run(run())
    operations = ["create_task", "get_task", "update_task_status", "cancel_task", "list_tasks", "purge", "restore"]
    assert [(operation, outcome) for operation, _, outcome in seen] == [
        (operation, "TaskFinal" if operation == "cancel_task" else "ok") for operation in operations
    ]
    assert all(0 <= seconds < 5 for _, seconds, _ in seen)
