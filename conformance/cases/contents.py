"""A store with tasks of every kind: everything that a reader sees of it, and what comes of further writes."""

from __future__ import annotations

from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import zip_longest
from typing import Any

from conformance.case import Namespace
from conformance.engine.arguments import as_task
from conformance.engine.observe import raised_of
from conformance.harness import Capability
from conformance.spec.equality import same, snapshot, snapshots
from conformance.strategies import a_request
from taskstore import Task, TaskCreateRequest, TaskExists, TaskStatus, TaskStoreError

_CONFIG = {"n": [1.0, -0.0, 2**64 - 1, True, None], "字": " 文\n", "B": {"": []}, "a": {"é": 1, "e\u0301": 2}}
_RICH = TaskCreateRequest(video_ids=("b", "文 ", "b"), webhook_url="https://user@a/ü?q=1", config=_CONFIG)
_OWN = ("task_id", "created_at", "updated_at", "completed_at")
"""The fields that differ between two stores that were filled alike."""


@dataclass(frozen=True)
class Contents:
    """The tasks that a case has put into a store, each as it was last written, in the order of creation."""

    tasks: list[Task]
    capabilities: frozenset[Capability]

    @property
    def ids(self) -> set[str]:
        """The ids of the tasks."""
        return {task.task_id for task in self.tasks}

    async def seen(self, store: Any) -> list[Any]:
        """The result of every form of read."""
        found = [await _result(store.get_task(task.task_id)) for task in self.tasks]
        for status in (None, *TaskStatus):
            for limit, offset in ((50, 0), (0, 0), (2, 1)):
                page = await store.list_tasks(status, limit, offset)
                found += [page.total, snapshots(page.tasks)]
        if Capability.CURSOR in self.capabilities:
            page = await store.list_tasks(limit=5)
            while page.next is not None:
                found += snapshots(page.tasks)
                page = await store.list_tasks(limit=5, after=page.next)
            found += snapshots(page.tasks)
        return found

    async def outcomes(self, store: Any) -> list[Any]:
        """The outcomes of writes to each task. Those on two stores that were filled alike are equal."""
        numbers = {task.task_id: number for number, task in enumerate(self.tasks)}
        found: list[Any] = []
        if Capability.CALLER_IDS in self.capabilities:
            for task_id in [task_id for task_id in numbers if task_id.startswith("Job-")]:
                found.append(await _outcome(store.create_task(_RICH, task_id=task_id)))
                found.append(await _outcome(store.create_task(a_request(), task_id=task_id)))
        for task in self.tasks:
            found.append(await _outcome(store.update_task_status(task.task_id, TaskStatus.UPLOADING, 50, "next")))
            found.append(await _outcome(store.cancel_task(task.task_id)))
        numbers[(await store.create_task(a_request())).task_id] = len(numbers)
        if Capability.MAINTENANCE in self.capabilities:
            found.append(await store.purge(datetime(2100, 1, 1, tzinfo=UTC)))
        page = await store.list_tasks(limit=1_000)
        left = sorted(numbers[task.task_id] for task in page.tasks if task.task_id in numbers)
        return [*found, page.total - len(page.tasks), left]

    async def met(self, store: Any) -> list[Any]:
        """What reads and writes meet of the tasks in a store that should have none of them."""
        calls = [call(task.task_id) for task in self.tasks for call in (store.get_task, store.cancel_task)]
        calls += [store.update_task_status(task.task_id, TaskStatus.CLIPPING) for task in self.tasks]
        found = [outcome for call in calls if (outcome := await _outcome(call)) != "TaskNotFound"]
        pages = [await store.list_tasks(status) for status in (None, *TaskStatus)]
        return found + [page for page in pages if page.total or page.tasks]


async def _result(call: Awaitable[Any]) -> Any:
    """The fields of the task that a call returned, or the name of the contract's exception that it raised."""
    try:
        return snapshot(await call)
    except TaskStoreError as fault:
        return raised_of(fault).error


async def _outcome(call: Awaitable[Any]) -> Any:
    """The same without the fields that differ between stores."""
    result = await _result(call)
    return result if isinstance(result, str) else {name: result[name] for name in result if name not in _OWN}


async def fill(store: Any, namespace: Namespace, end: str = "") -> Contents:
    """Create two tasks of every status: a plain one, and one whose fields all have values that are easily changed.

    Ids that are chosen have this end. A store that is filled again without a purge needs another one.
    """
    tasks = []
    capabilities = namespace.harness.capabilities
    for status in TaskStatus:
        plain = await store.create_task(a_request())
        tasks.append(await store.update_task_status(plain.task_id, status))
        chosen = {"task_id": f"Job-{status}{end}"} if Capability.CALLER_IDS in capabilities else {}
        rich = await store.create_task(_RICH, **chosen)
        progress = None if status is TaskStatus.COMPLETED else 100 / 3
        errors = ("no disk", "line\n line") if status is TaskStatus.FAILED else ()
        tasks.append(await store.update_task_status(rich.task_id, status, progress, " 步\n", "url", *errors))
    return Contents(tasks, capabilities)


async def fill_in_every_way(store: Any, namespace: Namespace) -> tuple[list[Task], set[str]]:
    """Have tasks of every status made in every way that there is, and return them, and the ids that were ever there."""
    capabilities = namespace.harness.capabilities
    ids = set()
    if Capability.MAINTENANCE in capabilities:
        for chosen in ({}, {"task_id": "purged"}) if Capability.CALLER_IDS in capabilities else ({},):
            task = await store.create_task(a_request(), **chosen)
            ids.add((await store.cancel_task(task.task_id)).task_id)
        await store.purge(datetime(2100, 1, 1, tzinfo=UTC))
    tasks = (await fill(store, namespace)).tasks
    if Capability.CALLER_IDS in capabilities:
        tasks.append(await store.create_task(a_request(), task_id="purged"))
        for request in (_RICH, a_request()):  # the same one again, and another, which is refused
            with suppress(TaskExists):
                await store.create_task(request, task_id=f"Job-{TaskStatus.PENDING}")
    if Capability.MAINTENANCE in capabilities:
        some = {task.status: task for task in tasks}.values()
        restored = [as_task(task, task_id=f"restored-{task.status}") for task in some]
        for task in (*restored, as_task(tasks[0])):  # the last one is refused
            with suppress(TaskExists):
                await store.restore(task)
        tasks += restored
    return tasks, ids | {task.task_id for task in tasks}


async def check_writes(store: Any, contents: Contents, namespace: Namespace) -> None:
    """Check that writes to a store that was filled and used do what they do to one that was just filled."""
    outcomes = await contents.outcomes(store)
    undisturbed = Namespace(namespace.harness)
    try:
        async with undisturbed.open() as other:
            expected = await (await fill(other, undisturbed)).outcomes(other)
    finally:
        namespace.harness.discard(undisturbed.name)
    check_same(outcomes, expected)


def check_same(found: list[Any], expected: list[Any]) -> None:
    """Compare results in value and type.

    Raises:
        AssertionError: with the first that differ.
    """
    for one, other in zip_longest(found, expected):
        assert same(one, other), f"{one!r:.1000}\n instead of {other!r:.1000}"
