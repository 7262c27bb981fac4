"""Checks of what a harness declares: its capabilities, its namespaces and its adapter. Each returns what it saw."""

# ruff: noqa: D103  the table of checks says what each is about

from __future__ import annotations

import inspect
from contextlib import AsyncExitStack
from typing import Any

from conformance.adapter.views import PAGE, TaskView
from conformance.calibration.bench import Bench, answer_of, create, is_there
from conformance.harness import Harness
from conformance.spec.model import FIELDS
from taskstore import Task, TaskStatus

_PATIENT = 5.0
"""The timeouts of a store that is not to run into them, in seconds."""


async def made_anew(bench: Bench) -> str:
    """Say what makes the results, if they are not the objects that the store's own callers get.

    The harness may say so itself. Else it is so if a store with other results is read through a function that returns
    `Task`, or if a class in the module of the harness returns another `Task` at each call: `Task` is ours, and a store
    that others use returns its own.
    """
    store, task = await bench.new_task()
    declared = bench.harness.rebuilds_results
    if isinstance(task, TaskView):
        is_rebuilt = isinstance(task.own, Task)
    else:
        is_beside = type(store).__module__ in {kind.__module__ for kind in type(bench.harness).__mro__}
        is_rebuilt = isinstance(task, Task) and is_beside and await _gives_another(store, task.task_id)
    if not (is_rebuilt if declared is None else declared):
        return ""
    hint = "" if declared else "; if it is the store itself, say `rebuilds_results = False` in the harness"
    name = type(store).__qualname__
    return f"results are made anew by the adapter {name}: what the store returns is not seen{hint}"


async def _gives_another(store: Any, task_id: str) -> bool:
    return await answer_of(store.get_task(task_id)) is not await answer_of(store.get_task(task_id))


async def read_by_adapter(bench: Bench) -> str:
    store, task = await bench.new_task()
    if not isinstance(task, TaskView):
        return ""
    try:
        page = await store.list_tasks()
    except Exception as fault:  # noqa: BLE001  a function of the adapter may raise anything
        return f"{type(fault).__name__}: {fault}"
    places = [(task, name) for name in FIELDS] + [(page, name) for name in PAGE]
    if found := [seen for value, name in places if (seen := _fault_of_reading(value, name))]:
        return "; ".join(dict.fromkeys(found))
    return "" if isinstance(task.status, TaskStatus) else f"the status of a new task is {task.status!r}"


def _fault_of_reading(value: Any, name: str) -> str:
    try:
        getattr(value, name)
    except Exception as fault:  # noqa: BLE001  the same
        return f"{type(fault).__name__}: {fault}"
    return ""


async def methods(bench: Bench) -> str:
    store = await bench.open()
    return ", ".join(f"no `{name}`" for name in ("purge", "restore") if not hasattr(store, name))


async def caller_ids(bench: Bench) -> str:
    return _without(await bench.open(), "create_task", "task_id")


async def cursor(bench: Bench) -> str:
    return _without(await bench.open(), "list_tasks", "after")


def _without(store: Any, operation: str, argument: str) -> str:
    taken = inspect.signature(getattr(store, operation)).parameters
    if argument in taken or any(one.kind is one.VAR_KEYWORD for one in taken.values()):
        return ""
    return f"`{operation}` takes {', '.join(taken)}"


async def apart(bench: Bench) -> str:
    _, task = await bench.new_task()
    other = await bench.open(bench.new_name())
    return "it is seen in another namespace" if await is_there(other, task.task_id) else ""


async def discarded(bench: Bench) -> str:
    if type(bench.harness).discard is Harness.discard:
        return ""  # it has no such hook
    async with AsyncExitStack() as stack:
        task = await create(await bench.open(stack=stack))
    bench.use("discard", lambda: bench.harness.discard(bench.name))
    return "it is still there" if await is_there(await bench.open(), task.task_id) else ""


async def opened_elsewhere(bench: Bench) -> str:
    url = bench.use("url", bench.harness.url)
    _, task = await bench.new_task()
    opened = bench.use("open_at", lambda: bench.harness.open_at(bench.name, url, _PATIENT))
    return "" if await is_there(await bench.stack.enter_async_context(opened), task.task_id) else "it does not see it"
