"""What the document says of tasks: who sees them, how long they live, and what they take."""

import inspect
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from conformance.tasks.case import Namespace
from conformance.tasks.cases.contents import a_request, every_call, outcome_of
from conformance.tasks.cases.environment import SWITCH, application
from conformance.tasks.interpreter import run_elsewhere
from conformance.tasks.spec.model import FIELDS
from conformance.tasks.tables.tasks import BEYOND, MINUTE
from statements.check import check, check_every_operation, is_there, keys_of
from taskstore import TaskStatus

_WEEK = timedelta(seconds=7 * 24 * 3600)
_FIND = """
from taskstore import TaskNotFound
async with open_store() as store:
    try:
        await store.get_task("{}")
    except TaskNotFound:
        return False
    return True
"""


@check("memory", "redis")
async def five_operations(namespace: Namespace) -> None:
    async with namespace.open() as store:
        task = await store.create_task(a_request())
        await check_every_operation(store, task.task_id)
        status = (await store.get_task(task.task_id)).status
        assert status == TaskStatus.CANCELLED, f"the cancelled task is {status}"


@check("memory", "redis")
async def five_coroutines(namespace: Namespace) -> None:
    async with namespace.open() as store:
        for name in ("create_task", "get_task", "list_tasks", "update_task_status", "cancel_task"):
            assert inspect.iscoroutinefunction(getattr(store, name, None)), f"{name} is no coroutine function"


@check("redis")
async def kept_by_a_restart(namespace: Namespace) -> None:
    with application(namespace):
        async with namespace.open_from_environment() as store:
            task = await store.create_task(a_request())
        assert await run_elsewhere(namespace, _FIND.format(task.task_id)), "the task is not found"


@check("redis")
async def kept_by_a_restart_of_redis(namespace: Namespace) -> None:
    async with namespace.open() as store:
        task = await store.create_task(a_request())
    namespace.harness.restart_server()
    async with namespace.open() as store:
        assert await is_there(store, task.task_id), "the task is not found"


@check("memory")
async def lost_by_a_restart(namespace: Namespace) -> None:
    with application(namespace):
        async with namespace.open_from_environment() as store:
            task = await store.create_task(a_request())
        assert not await run_elsewhere(namespace, _FIND.format(task.task_id)), "the task is found"


@check("redis")
async def seen_by_another_instance(namespace: Namespace) -> None:
    async with namespace.open() as first, namespace.open() as second:
        task = await first.create_task(a_request())
        assert await is_there(second, task.task_id), "the created task is not found"
        await first.update_task_status(task.task_id, TaskStatus.CLIPPING)
        assert (await second.get_task(task.task_id)).status == TaskStatus.CLIPPING, "the update is not seen"
        await first.cancel_task(task.task_id)
        (listed,) = (await second.list_tasks()).tasks
        assert listed.status == TaskStatus.CANCELLED, f"the cancelled task is listed as {listed.status}"


@check("redis")
async def read_by_another_service(namespace: Namespace) -> None:
    async with namespace.open() as store:
        task = await store.create_task(a_request())
        await store.update_task_status(task.task_id, TaskStatus.CLIPPING)
        record = (namespace.inspector.raw(task.task_id) or b"").decode()
        assert task.task_id in record, f"the id is not in {record!r}"
        assert TaskStatus.CLIPPING in record, f"the status is not in {record!r}"


@check("memory")
async def unseen_by_another_instance(namespace: Namespace) -> None:
    async with namespace.open() as first, namespace.open() as second:
        task = await first.create_task(a_request())
        assert not await is_there(second, task.task_id), "the task is found"


@check("redis")
async def asks_the_server(namespace: Namespace) -> None:
    async with namespace.open() as store:
        task = await store.create_task(a_request())
        for name, call in every_call(task.task_id).items():
            before = namespace.inspector.requests()
            await call(store)
            requests = namespace.inspector.requests() - before - 1  # less the inspector's own
            assert requests, f"{name} sends none"


@check("redis")
async def expires_after_seven_days(namespace: Namespace) -> None:
    async with namespace.open() as store:
        task = await store.create_task(a_request())
        namespace.advance(_WEEK - MINUTE)
        assert await is_there(store, task.task_id), "a minute before, the task is not found"
        namespace.advance(2 * MINUTE)
        assert not await is_there(store, task.task_id), "a minute after, the task is found"


@check("redis")
async def seven_days_by_default(namespace: Namespace) -> None:
    async with namespace.open() as store:
        task = await store.create_task(a_request())
        _check_lifetime(namespace, task.task_id, _WEEK)


@check("redis")
async def changed_in_the_source(namespace: Namespace) -> None:
    """Where a store has no such line in its source, it has a setting."""
    with application(namespace, {"TASK_TTL": "3600"}):
        async with namespace.open_from_environment() as store:
            if hasattr(store, "task_ttl"):
                store.task_ttl = 3600
            task = await store.create_task(a_request())
            _check_lifetime(namespace, task.task_id, timedelta(hours=1))


@check("memory")
async def never_expires(namespace: Namespace) -> None:
    async with namespace.open() as store:
        task = await store.create_task(a_request())
        namespace.advance(timedelta(days=400))
        assert await is_there(store, task.task_id), "the task is not found"


@check("memory")
async def grows_with_the_tasks(namespace: Namespace) -> None:
    async with namespace.open() as store:
        with _traced():
            sizes = [_traced_bytes()]
            for _ in range(2):
                await _create(store, 1_000)
                sizes.append(_traced_bytes())
        assert sizes[0] < sizes[1] < sizes[2], f"bytes for none, 1,000 and 2,000 tasks: {sizes}"


@check("memory")
async def cleaned_up_by_hand(namespace: Namespace) -> None:
    """By hand: tasks are deleted from `memory_storage`, as the document calls it, or by what the store has for it."""
    async with namespace.open() as store:
        with _traced():
            none = _traced_bytes()
            old, new = await _create(store, 1_000), await _create(store, 1_000)
            full = _traced_bytes()
            for task_id in old:
                if hasattr(store, "memory_storage"):
                    del store.memory_storage[task_id]
                else:
                    await store.cancel_task(task_id)
            if not hasattr(store, "memory_storage"):
                await store.purge(BEYOND)
            share = (_traced_bytes() - none) / (full - none)
        assert not [task_id for task_id in old if await is_there(store, task_id)], "a removed task is found"
        assert all([await is_there(store, task_id) for task_id in new]), "a task that was kept is not found"
        assert share < 0.6, f"{share:.0%} of the memory is still in use"


@check("memory")
async def holds_ten_thousand(namespace: Namespace) -> None:
    async with namespace.open() as store:
        ids = await _create(store, 10_000, {})
        missing = [task_id for task_id in ids if not await is_there(store, task_id)]
        assert not missing, f"{len(missing)} of them are not found"


@check("redis")
async def in_one_mode_only(namespace: Namespace) -> None:
    with application(namespace):
        async with namespace.open_from_environment() as store:
            task = await store.create_task(a_request())
            namespace.harness.administer("DEL", *keys_of(namespace, task.task_id))
            assert not await is_there(store, task.task_id), "a task whose key was deleted is found"
    with application(namespace, {SWITCH: "false"}):
        async with namespace.open_from_environment() as store:
            task = await store.create_task(a_request())
            assert not keys_of(namespace, task.task_id), "in memory mode the task is in Redis"


@check("redis")
async def carried_to_redis(namespace: Namespace) -> None:
    """By the document's script, or by what the store has for it."""
    with application(namespace, {SWITCH: "false"}):
        async with namespace.open_from_environment() as memory:
            ids = await _create(memory, 3)
            await memory.update_task_status(ids[0], TaskStatus.COMPLETED, result_url="https://x/y.mp4")
            tasks = [await memory.get_task(task_id) for task_id in ids]
            memory_tasks = getattr(memory, "memory_storage", {})
    with application(namespace):
        async with namespace.open_from_environment() as opened:
            store: Any = opened
            if memory_tasks:
                await _migrate_to_redis(store.redis, memory_tasks)
            else:
                for task in tasks:
                    await store.restore(task)
            for task in tasks:
                found = await outcome_of(store.get_task(task.task_id))
                differing = [name for name in FIELDS if getattr(found, name, None) != getattr(task, name)]
                assert not differing, f"{', '.join(differing)} of {task} have become {found!r}"
                _check_lifetime(namespace, task.task_id, _WEEK)


async def _migrate_to_redis(redis_client: Any, memory_tasks: dict[str, Any]) -> None:
    """The document's own script."""
    for task_id, task in memory_tasks.items():
        await redis_client.set_task(task_id=task_id, task_data=task.model_dump(), ttl=7 * 24 * 3600)


def _check_lifetime(namespace: Namespace, task_id: str, lifetime: timedelta) -> None:
    (key,) = keys_of(namespace, task_id)
    left = timedelta(milliseconds=namespace.harness.administer("PTTL", key))
    assert lifetime - MINUTE < left <= lifetime, f"the key has {left} left"


async def _create(store: Any, count: int, config: dict[str, Any] | None = None) -> list[str]:
    """Create tasks that take memory, and return their ids."""
    ids = []
    for number in range(count):
        given = {"text": f"{number}{'x' * 5_000}"} if config is None else config
        ids.append((await store.create_task(a_request(given))).task_id)
    return ids


@contextmanager
def _traced() -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
    finally:
        tracemalloc.stop()


def _traced_bytes() -> int:
    return tracemalloc.get_traced_memory()[0]
