"""What a store that is wrapped by a fault or a variant is made of.

Each of them has a script, `shows`, that takes a `Scene`: it fails on a store with the fault, and passes on a right
store. The script of a variant does something in which the variant is odd, and passes on both.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from taskstore import Task, TaskCreateRequest, TaskPage, TaskStatus
from taskstore.values import trusted


@dataclass(frozen=True)
class Place:
    """What a wrapped store is given besides the store: the clock, and what the instances of a namespace share."""

    now: Callable[[], int]
    state: dict[Any, Any]


@dataclass(frozen=True)
class Scene:
    """Where a script plays. A second `open` of the same name is a second instance, or the store opened again."""

    open: Callable[[str], contextlib.AbstractAsyncContextManager[Any]]
    advance: Callable[[str, timedelta], None]
    inspector: Callable[[str], Any]


@dataclass(frozen=True)
class Fault:
    """A store that is wrong in one way, and what shows it."""

    name: str
    requirement: str
    base: str
    also: tuple[str, ...]
    wrap: Callable[[Any, Place], Any]
    shows: Callable[[Scene], Awaitable[None]]


@dataclass(frozen=True)
class Variant:
    """A store that is odd and right, and why SPEC.md permits it."""

    name: str
    permitted: str
    base: str
    wrap: Callable[[Any, Place], Any]
    shows: Callable[[Scene], Awaitable[None]]
    requirement: str = ""


class Entries:
    """The faults and the right variants of a set, in the order of its file."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self.variants: list[Variant] = []

    def fault(self, name: str, requirement: str, *also: str, base: str) -> Callable[[Any], Any]:
        """Enter a class among the faults: `requirement` is the one that it breaks, `also` are others that it breaks."""

        def enter(kind: Any) -> Any:
            self.faults.append(Fault(name, requirement, base, also, kind, kind.shows))
            return kind

        return enter

    def variant(self, name: str, permitted: str, *, base: str) -> Callable[[Any], Any]:
        """Enter a class among the right variants."""

        def enter(kind: Any) -> Any:
            self.variants.append(Variant(name, permitted, base, kind, kind.shows))
            return kind

        return enter


class Wrapped:
    """Does what the store does."""

    def __init__(self, store: Any, place: Place) -> None:
        self.store = store
        self.place = place
        self.prepare()

    def prepare(self) -> None:
        """Make what the fault needs."""

    async def create_task(self, request: TaskCreateRequest, *, task_id: str | None = None) -> Any:
        return await self.store.create_task(request, task_id=task_id)

    async def get_task(self, task_id: str) -> Any:
        return await self.store.get_task(task_id)

    async def list_tasks(
        self, status: TaskStatus | None = None, limit: int = 50, offset: int = 0, *, after: str | None = None
    ) -> Any:
        return await self.store.list_tasks(status, limit, offset, after=after)

    async def update_task_status(
        self,
        task_id: str,
        status: TaskStatus,
        progress: float | None = None,
        current_step: str | None = None,
        result_url: str | None = None,
        error_message: str | None = None,
        error_traceback: str | None = None,
    ) -> Any:
        return await self.store.update_task_status(
            task_id, status, progress, current_step, result_url, error_message, error_traceback
        )

    async def cancel_task(self, task_id: str) -> Any:
        return await self.store.cancel_task(task_id)

    async def purge(self, before: datetime) -> Any:
        return await self.store.purge(before)

    async def restore(self, task: Task) -> None:
        await self.store.restore(task)

    async def aclose(self) -> None:
        await self.store.aclose()

    async def __aenter__(self) -> Any:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def held(self, task_id: object) -> Task | None:
        """What memory mode has under an id, or nothing."""
        return self.store._tasks.get(task_id) if type(task_id) is str else None  # noqa: SLF001  it is about internals


def request(*video_ids: str, **more: Any) -> TaskCreateRequest:
    """A request for these videos, or for one."""
    return TaskCreateRequest(video_ids=video_ids or ("v",), **more)


def changed(task: Task, **fields: Any) -> Task:
    """The same task with other values in some fields."""
    return trusted(Task, {**vars(task), **fields})


def repaged(page: TaskPage, **fields: Any) -> TaskPage:
    """The same page with other values in some fields."""
    return trusted(TaskPage, {**vars(page), **fields})


async def raised(call: Awaitable[Any], kind: type[BaseException]) -> Any:
    """The exception that a call has to raise."""
    try:
        result = await call
    except kind as error:
        return error
    raise AssertionError(f"{kind.__name__} was not raised; the call returned {result!r:.200}")


async def every_page(store: Any, limit: int, status: TaskStatus | None = None) -> list[Task]:
    """The tasks of all pages by cursor."""
    found: list[Task] = []
    after = None
    while True:
        page = await store.list_tasks(status, limit, after=after)
        found += page.tasks
        after = page.next
        if after is None:
            return found


def now() -> datetime:
    """This moment."""
    return datetime.now(UTC)
