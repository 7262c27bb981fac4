"""An example of a case: what must work before anything else is judged."""

import inspect

from conformance.tasks.case import case
from conformance.tasks.cases.contents import create
from taskstore import TaskStatus, TaskStore


@case("API-02", "LIFE-09")
async def test_a_task_can_be_created_read_listed_updated_and_cancelled(store: TaskStore) -> None:
    """The five operations are coroutine functions, and lead a task from its creation to its cancellation."""
    for name in ("create_task", "get_task", "list_tasks", "update_task_status", "cancel_task"):
        assert inspect.iscoroutinefunction(getattr(store, name, None)), f"{name} is no coroutine function"

    task_id = await create(store)
    await store.update_task_status(task_id, TaskStatus.CLIPPING)
    await store.cancel_task(task_id)

    assert (await store.get_task(task_id)).status is TaskStatus.CANCELLED
    assert [task.task_id for task in (await store.list_tasks()).tasks] == [task_id]
