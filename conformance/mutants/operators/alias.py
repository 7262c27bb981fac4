"""The alias operator: what is handed out, or what was passed in, is the object that the store keeps."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from conformance.mutants.operators.fault import Call
from conformance.mutants.operators.faulty import Faulty
from conformance.mutants.operators.values import same, with_field
from taskstore import Task, TaskPage


async def alias(store: Faulty, call: Call) -> Any:
    """What is handed out, or what was passed in, is the object that the store keeps."""
    if store.fault.field == "request":
        return await _keep_reference(store, call)
    right = await store.perform(call)
    if call.operation != store.fault.operation and (store.fault.field != "live" or isinstance(right, TaskPage)):
        return right
    if isinstance(right, TaskPage):
        return right.model_copy(update={"tasks": tuple(_handed(store, call, task) for task in right.tasks)})
    return _handed(store, call, right) if isinstance(right, Task) else right


def _handed(store: Faulty, call: Call, task: Task) -> Any:
    """The same object as last time: with a `metadata` that can be changed, or one that follows the store."""
    kept = store.kept.get(task.task_id)
    if store.fault.field == "live":
        if kept is not None and kept.updated_at != task.updated_at:
            store.note()
            vars(kept).update(vars(task))
        if call.operation != store.fault.operation or not store.holds(call, task.metadata_json, task):
            return task
        if kept is None:
            kept = store.kept[task.task_id] = SimpleNamespace(**vars(task), metadata=task.metadata)
        store.note(any(not same(value, getattr(kept, name)) for name, value in vars(task).items()))
        return kept
    if not store.holds(call, task.metadata_json, task):
        return task
    if kept is None:
        kept = store.kept[task.task_id] = task.metadata
    store.note(not same(kept, task.metadata))
    made = _Shared.__new__(_Shared)
    object.__setattr__(made, "__dict__", {**vars(task), "shared": kept})
    for name in ("__pydantic_fields_set__", "__pydantic_extra__", "__pydantic_private__"):
        object.__setattr__(made, name, set() if name == "__pydantic_fields_set__" else None)
    return made


class _Shared(Task):
    """A task whose `metadata` is one object for all who get it."""

    @property
    def metadata(self) -> Any:
        return vars(self)["shared"]


async def _keep_reference(store: Faulty, call: Call) -> Any:
    right = await store.perform(call)
    if call.operation == "create_task":
        config = call.arguments["request"].config
        if config is not None and store.holds(call, config):
            store.kept.setdefault(right.task_id, config)
    elif call.operation == store.fault.operation:
        if isinstance(right, TaskPage):
            return right.model_copy(update={"tasks": tuple(_with_reference(store, task) for task in right.tasks)})
        return _with_reference(store, right)
    return right


def _with_reference(store: Faulty, task: Task) -> Task:
    config = store.kept.get(task.task_id)
    if config is None or same(config, task.metadata.get("config")):
        return task
    store.note()
    return with_field(task, "config", config)
