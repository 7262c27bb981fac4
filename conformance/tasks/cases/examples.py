"""An example of what the scenarios of the groups decide."""

from __future__ import annotations

import inspect

from conformance.tasks.case import case
from conformance.tasks.cases.contents import a_request
from taskstore import TaskStatus, TaskStore


@case("API-02", "LIFE-01", "LIFE-05")
async def test_a_task_can_be_created_read_listed_updated_and_cancelled(store: TaskStore) -> None:
    """The five operations are coroutine functions, and lead a task from pending to a final status."""
    for name in ("create_task", "get_task", "list_tasks", "update_task_status", "cancel_task"):
        assert inspect.iscoroutinefunction(getattr(store, name, None)), f"{name} is no coroutine function"
    task = await store.create_task(a_request())
    other = await store.create_task(a_request())
    assert (task.status, task.progress, task.completed_at) == (TaskStatus.PENDING, 0, None)
    done = await store.update_task_status(task.task_id, TaskStatus.COMPLETED, result_url="https://x/y.mp4")
    assert (done.status, done.progress, done.result_url) == (TaskStatus.COMPLETED, 100, "https://x/y.mp4")
    assert (await store.cancel_task(other.task_id)).status is TaskStatus.CANCELLED
    assert (await store.get_task(task.task_id)).status is TaskStatus.COMPLETED
    listed = await store.list_tasks()
    assert {task.task_id, other.task_id} <= {each.task_id for each in listed.tasks}
