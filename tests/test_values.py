from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from taskstore import MemoryTaskStore, Task, TaskCreateRequest, TaskPage, TaskStatus
from taskstore.redis import record
from tests.test_record import GOLDEN

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_a_task_and_a_page_cannot_be_changed() -> None:
    task = Task(
        task_id="task_0",
        status=TaskStatus.PENDING,
        progress=0,
        current_step="",
        video_ids=("v",),
        created_at=NOW,
        updated_at=NOW,
    )
    page = TaskPage(tasks=(task,), total=1, limit=50, offset=0)
    with pytest.raises(ValidationError, match="frozen"):
        task.status = TaskStatus.COMPLETED  # type: ignore[misc]  # the point of the test
    with pytest.raises(ValidationError, match="frozen"):
        page.total = 0  # type: ignore[misc]  # the same
    assert (task.status, page.total) == (TaskStatus.PENDING, 1)


def test_a_task_is_written_as_json_in_one_order_in_both_modes() -> None:
    async def create() -> Task:
        async with MemoryTaskStore() as store:
            return await store.create_task(TaskCreateRequest(video_ids=("v1",)))

    in_memory = asyncio.run(create())
    assert [*vars(in_memory)] == [*vars(record.decode(GOLDEN, "task_0f"))] == [*Task.model_fields]
