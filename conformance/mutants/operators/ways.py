"""The ways in which a fault gets between a store and its caller, and what its operator does there."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from conformance.mutants.operators.alias import alias
from conformance.mutants.operators.fault import Call
from conformance.mutants.operators.faulty import Faulty, changed
from conformance.mutants.operators.values import (
    DEFAULTS,
    FOLDS,
    REQUESTED,
    UPDATABLE,
    altered,
    field_of,
    same,
    with_field,
)
from taskstore import (
    FailureKind,
    InvalidArgument,
    StoreUnavailable,
    Task,
    TaskCreateRequest,
    TaskExists,
    TaskFinal,
    TaskNotFound,
    TaskPage,
    TaskStatus,
    TaskStoreError,
)

WRITES = ("create_task", "update_task_status", "cancel_task", "restore")


async def answer(store: Faulty, call: Call) -> Any:
    """A field is wrong in what comes out of one operation."""
    right = await store.perform(call)
    if isinstance(right, TaskPage):
        return right.model_copy(update={"tasks": tuple(_spoiled(store, call, task) for task in right.tasks)})
    return _spoiled(store, call, right)


def _spoiled(store: Faulty, call: Call, task: Task) -> Task:
    name = store.fault.field
    value = field_of(task, name)
    if not store.holds(call, value, task):
        return task
    wrong = store.wrong(value, task)
    if same(value, wrong):
        return task
    store.note()
    return with_field(task, name, wrong)


async def stored(store: Faulty, call: Call) -> Any:
    """A write answers right, and stores a field wrong."""
    name, before = store.fault.field, store.known(call)
    right = await store.perform(call)
    task = right if isinstance(right, Task) else call.arguments["task"]
    value = field_of(task, name)
    if before != task and store.holds(call, value, task):
        wrong = store.wrong(value, task)
        if not same(value, wrong):
            store.place.overlay.setdefault(task.task_id, {})[name] = wrong
            store.note()
    return right


async def argument(store: Faulty, call: Call) -> Any:
    """An argument is changed on its way in."""
    name = store.fault.field
    if call.operation == "create_task" and name in REQUESTED:
        return await _create_otherwise(store, call)
    if call.operation == "restore":
        return await _restore_otherwise(store, call)
    value, known = call.arguments.get(name), store.known(call)
    if value is None or not store.holds(call, value, known, call.arguments.get("status")):
        return await store.perform(call)
    wrong = store.wrong(value, known)
    if same(value, wrong):
        return await store.perform(call)
    if call.operation == "list_tasks":
        right = await store.perform(call)
        page = await store.perform(changed(call, **{name: wrong}))
        page = page.model_copy(update={"limit": right.limit, "offset": right.offset})
        store.note(page != right)
        return page
    latest = store.place.latest
    if call.operation == "purge":
        finished = [one.completed_at for one in latest.values() if one.completed_at]
        store.note(any((one < value) is not (one < wrong) for one in finished))
    else:
        store.note(name != "task_id" or call.operation == "create_task" or value in latest or wrong in latest)
    try:
        return await store.perform(changed(call, **{name: wrong}))
    except TaskStoreError as error:
        if name == "task_id" and getattr(error, "task_id", None) == wrong:
            error.task_id = value  # type: ignore[attr-defined]
        raise


async def _create_otherwise(store: Faulty, call: Call) -> Any:
    name, request = store.fault.field, call.arguments["request"]
    value = getattr(request, name) if isinstance(request, TaskCreateRequest) else None
    if value is None or not store.holds(call, value):
        return await store.perform(call)
    wrong = store.wrong(value)
    if same(value, wrong):
        return await store.perform(call)
    store.note()
    fields = {**{one: getattr(request, one) for one in REQUESTED}, name: wrong}
    return await store.perform(changed(call, request=TaskCreateRequest.model_construct(**fields)))


async def _restore_otherwise(store: Faulty, call: Call) -> Any:
    task = call.arguments["task"]
    if not isinstance(task, Task) or task.task_id in store.place.latest:  # of a task that is taken nothing is looked at
        return await store.perform(call)
    return await store.perform(changed(call, task=_spoiled(store, call, task)))


async def page(store: Faulty, call: Call) -> Any:
    """A page is wrong: its entries, or one of its other fields."""
    right = await store.perform(call)
    name, tasks = store.fault.field, list(right.tasks)
    if not store.holds(call, len(tasks) if name == "tasks" else getattr(right, name)):
        return right
    wrong: Any
    if name == "tasks":
        wrong = _other_entries(store, tasks)
    elif name == "next":
        wrong = _other_cursor(store, tasks, right.next)
    elif name == "total" and store.fault.operator == "default":
        wrong = len(tasks)
    else:
        wrong = store.wrong(getattr(right, name))
    made = right.model_copy(update={name: wrong})
    store.note(made != right)
    return made


def _other_entries(store: Faulty, tasks: list[Task]) -> tuple[Task, ...]:
    place = store.fault.amount
    if len(tasks) > place:
        if store.fault.operator == "drop":
            del tasks[place]
        elif store.fault.operator == "duplicate":
            tasks.insert(place, tasks[place])
        else:
            tasks[place : place + 2] = tasks[place : place + 2][::-1]
    return tuple(tasks)


def _other_cursor(store: Faulty, tasks: list[Task], cursor: str | None) -> str | None:
    if cursor is None or store.fault.operator == "drop":
        return None
    if len(tasks) < 2:  # noqa: PLR2004  the last but one
        return cursor
    moment, _, _ = cursor.partition(".")
    by = tasks[-2].created_at - tasks[-1].created_at
    return f"{int(moment) + by // timedelta(microseconds=1)}.{tasks[-2].task_id}"


async def write(store: Faulty, call: Call) -> Any:
    """A write is not made, though its answer says so; or it is made twice."""
    if call.operation == "purge":
        return await _purge_otherwise(store, call)
    before = store.known(call)
    was_there = call.operation == "create_task" and before is not None
    right = await store.perform(call)
    task = call.arguments["task"] if call.operation == "restore" else right
    if task == before or was_there or not store.holds(call, task.metadata_json, task):
        return right
    if store.fault.operator == "duplicate":
        try:
            again = await store.perform(call)
        except TaskStoreError:
            store.note()
            raise
        store.note(again != right)
    elif before is None:
        store.place.hidden.add(task.task_id)
        store.note()
    else:
        fields = {name: field_of(before, name) for name in (*UPDATABLE, "updated_at", "completed_at")}
        store.place.overlay[task.task_id] = {**fields, "created_at": before.created_at}
        store.note()
    return right


async def _purge_otherwise(store: Faulty, call: Call) -> Any:
    before, latest = call.arguments["before"], store.place.latest.values()
    is_time = isinstance(before, datetime) and before.tzinfo is not None
    due = sum(1 for one in latest if one.completed_at and one.completed_at < before) if is_time else 0
    if not store.holds(call, due) or not due:
        return await store.perform(call)
    store.note()
    if store.fault.operator == "drop":
        return due
    await store.perform(call)
    return await store.perform(call)


async def merge(store: Faulty, call: Call) -> Any:
    """An update reads the task, and writes a field back as it was then, whatever came between."""
    name = store.fault.field
    if call.arguments.get(name) is not None or call.arguments.get("status") == TaskStatus.COMPLETED:
        return await store.perform(call)
    read = await store.perform(Call("get_task", {"task_id": call.task_id}))
    value = field_of(read, name)
    if read.status.is_final or value is None or not store.holds(call, task=read):
        return await store.perform(call)
    await asyncio.sleep(0)
    now = store.known(call)
    store.note(now is not None and not same(field_of(now, name), value))
    return await store.perform(changed(call, **{name: value}))


async def check(store: Faulty, call: Call) -> Any:
    """Whether a task is final is looked at first, and no more when it is written."""
    known = store.known(call)
    await asyncio.sleep(0)
    try:
        return await store.perform(call)
    except TaskFinal:
        if known is None or known.status.is_final or not store.holds(call, task=known):
            raise
        return _overwritten(store, call)


def _overwritten(store: Faulty, call: Call) -> Task:
    """A final task as a write leaves it that does not look at what is there."""
    task = store.place.latest[call.task_id]
    status = call.arguments.get("status", TaskStatus.CANCELLED)
    fields = {name: value for name, value in call.arguments.items() if name in UPDATABLE and value is not None}
    wrong = {**fields, "status": status, "progress": 100.0 if status == TaskStatus.COMPLETED else task.progress}
    store.place.overlay.setdefault(task.task_id, {}).update(wrong)
    store.note()
    return altered(task, **wrong)


async def count(store: Faulty, call: Call) -> Any:
    """A purge states a wrong count."""
    right = await store.perform(call)
    if not store.holds(call, right):
        return right
    wrong = 0 if store.fault.operator == "default" else store.wrong(right)
    store.note(wrong != right)
    return wrong


async def forget(store: Faulty, call: Call) -> Any:
    """A task that is there is not found."""
    if call.operation == "list_tasks":
        right = await store.perform(call)
        kept = tuple(one for one in right.tasks if not store.holds(call, one.metadata_json, one))
        gone = len(right.tasks) - len(kept)
        store.note(gone > 0)
        return right.model_copy(update={"tasks": kept, "total": right.total - gone})
    known = store.known(call)
    if known is not None and store.holds(call, known.metadata_json, known):
        await store.perform(Call("get_task", {"task_id": call.task_id}))  # raises if it is not there
        store.note()
        raise TaskNotFound(call.task_id)
    return await store.perform(call)


async def outlive(store: Faulty, call: Call) -> Any:
    """A task that is gone is still found: what was last seen of it is returned."""
    try:
        return await store.perform(call)
    except TaskNotFound as error:
        kept = store.place.gone.get(error.task_id)
        if kept is None or not store.holds(call, kept.metadata_json, kept):
            raise
        store.note()
        return kept


async def error(store: Faulty, call: Call) -> Any:
    """An error is swallowed, or another one is raised, or it states a wrong fact."""
    kind, _, what = store.fault.field.partition(" ")
    try:
        return await store.perform(call)
    except TaskStoreError as error:
        if type(error).__name__ != kind:
            raise
        if isinstance(error, InvalidArgument) and error.argument.partition("[")[0] != what:
            raise
        if not store.holds(call, call.arguments.get(what), store.known(call)):
            raise
        if store.fault.operator == "wrong-fact":
            _state_otherwise(store, error, what)
            raise
        if store.fault.operator == "swallow":
            return await _swallow(store, call, error, what)
        store.note()
        kinds = (ValueError("wrong"), KeyError("wrong"), RuntimeError("wrong"), _other(error))
        raise kinds[store.fault.amount % 4] from None


async def _swallow(store: Faulty, call: Call, error: TaskStoreError, what: str) -> Any:
    """Take a default for an argument of a listing, overwrite what is final, or do nothing."""
    store.note()
    if call.operation == "list_tasks":
        return await store.perform(changed(call, **{what: DEFAULTS.get(what)} if what in DEFAULTS else {what: None}))
    if isinstance(error, TaskFinal) and store.fault.amount % 2:
        return _overwritten(store, call)
    return store.known(call)


def _state_otherwise(store: Faulty, error: Any, what: str) -> None:
    amount = store.fault.amount
    if isinstance(error, InvalidArgument):
        error.argument = "argument"
    elif what == "status":
        shown = tuple(one for one in TaskStatus if one is not error.status)
        error.status = shown[amount % len(shown)]
    else:
        text = error.task_id
        error.task_id = text[:amount] if amount >= len(FOLDS) else FOLDS[amount](text)
        store.note(error.task_id != text)
        return
    store.note()


def _other(error: Any) -> TaskStoreError:
    """Another error of the contract."""
    task_id = getattr(error, "task_id", "task")
    if isinstance(error, TaskNotFound):
        return TaskExists(task_id)
    return TaskNotFound(task_id) if not isinstance(error, TaskExists) else TaskFinal(task_id, TaskStatus.COMPLETED)


async def refuse(store: Faulty, call: Call) -> Any:
    """A call that is right is refused."""
    name, arguments = store.fault.field, call.arguments
    value = arguments.get(name)
    if call.operation == "create_task" and name in REQUESTED:
        value = getattr(arguments["request"], name, None)
    elif call.operation == "restore":
        task = arguments["task"]
        value = field_of(task, name) if isinstance(task, Task) else None
    if not store.holds(call, value, store.known(call), arguments.get("status")):
        return await store.perform(call)
    await store.perform(call)
    store.note()
    kinds = (
        InvalidArgument(name or "argument", "is refused"),
        StoreUnavailable("nowhere", FailureKind.BROKEN, False, "it is refused"),
        ValueError("it is refused"),
    )
    raise kinds[store.fault.amount % 3]


async def stale(store: Faulty, call: Call) -> Any:
    """A read is answered from a cache: for some calls, or until a write of this instance that is no purge."""
    right = await store.perform(call)
    times = store.fault.amount
    if call.operation != store.fault.operation:
        if not times and call.operation in WRITES:
            store.kept.clear()
        return right
    key = tuple(map(str, call.arguments.values()))
    task = right if isinstance(right, Task) else None
    if not store.holds(call, task.metadata_json if task else None, task):
        return right
    if key not in store.kept:
        store.kept[key] = right
        store.served[key] = 0
        return right
    kept = store.kept[key]
    store.served[key] += 1
    if times and store.served[key] >= times:
        del store.kept[key]
    if store.fault.field == "total":
        kept = right.model_copy(update={"total": kept.total})
    store.note(kept != right)
    return kept


WAYS: Mapping[str, Callable[[Faulty, Call], Awaitable[Any]]] = {
    way.__name__: way
    for way in (
        answer,
        stored,
        argument,
        page,
        write,
        merge,
        check,
        count,
        forget,
        outlive,
        error,
        refuse,
        stale,
        alias,
    )
}
CONCURRENT = ("merge", "check")
"""The ways that show only among calls at the same time."""
