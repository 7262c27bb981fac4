"""A store in several partitions: where its tasks are, and that it does what a store in one partition does."""

from typing import Any

import pytest

from taskstore import RecordUnreadable, StoreUnavailable, TaskStatus
from taskstore.redis import RedisTaskStore
from taskstore.redis.partitions import partition_of
from tests.store.operating import REQUEST

N = 3


@pytest.fixture
def partitions() -> int:
    return N


@pytest.mark.anyio
async def test_a_task_is_in_the_partition_that_its_id_names(store: RedisTaskStore, client: Any) -> None:
    tasks = [await store.create_task(REQUEST) for _ in range(20)]
    expected = {f"{{taskstore:{partition_of(one.task_id, N)}/3}}:task:{one.task_id}" for one in tasks}
    assert {key.decode() for key in client.keys("*:task:*")} == expected
    assert [await store.get_task(task.task_id) for task in tasks] == tasks


def test_ids_are_spread_as_they_always_were() -> None:
    assert [partition_of(task_id, 12) for task_id in ("job-1", "task_0", "视频", "\ud800")] == [11, 1, 11, 4]


@pytest.mark.anyio
async def test_what_one_partition_cannot_do_the_others_still_do(store: RedisTaskStore, client: Any) -> None:
    tasks = [await store.create_task(REQUEST) for _ in range(20)]
    broken = tasks[0].task_id
    key = f"{{taskstore:{partition_of(broken, N)}/3}}:task:{broken}"
    client.delete(key)
    client.set(key, "no hash")
    page = await store.list_tasks()
    assert (page.tasks, page.unreadable, page.total) == (tuple(reversed(tasks[1:])), (key,), 20)
    with pytest.raises(RecordUnreadable):
        await store.get_task(broken)
    client.set("{taskstore:1/3}:created", "no index")
    with pytest.raises(StoreUnavailable):
        await store.list_tasks()
    other = next(task for task in tasks[1:] if partition_of(task.task_id, N) == 2)
    assert (await store.cancel_task(other.task_id)).status is TaskStatus.CANCELLED
