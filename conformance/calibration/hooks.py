"""Checks of the hooks `inspector` and `advance`. Each returns what it saw, if that was not expected."""

# ruff: noqa: D103  the table of checks says what each is about

from __future__ import annotations

from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

from conformance.calibration.bench import Bench, answer_of, create, is_there, update

_HOUR, _EIGHT_DAYS, _SLACK = timedelta(hours=1), timedelta(days=8), timedelta(minutes=5)
CALLS = 3
_ATTEMPTS = 3
"""How often `requests` is called twice in a row: something else may send the server a request in between."""


async def keys(bench: Bench) -> str:
    store = await bench.open()
    before = bench.inspect("keys")
    await create(store)
    after = bench.inspect("keys")
    return "" if set(after) - set(before) else f"{len(before)} keys before, and the same after"


async def mentions(bench: Bench) -> str:
    _, task = await bench.new_task()
    if not bench.inspect("mentions", task.task_id):
        return "the id of a task that is there is mentioned nowhere"
    return "the id of no task is mentioned" if bench.inspect("mentions", f"{task.task_id}-not") else ""


async def raw(bench: Bench) -> str:
    store, task = await bench.new_task()
    before = bench.inspect("raw", task.task_id)
    if not isinstance(before, bytes):
        return f"{before!r} for a task that is there"
    await update(store, task)
    return "the same after an update" if bench.inspect("raw", task.task_id) == before else ""


async def requests_of_none(bench: Bench) -> str:
    await bench.open()
    counts = [(bench.inspect("requests"), bench.inspect("requests")) for _ in range(_ATTEMPTS)]
    return "" if any(after == before + 1 for before, after in counts) else f"{counts[-1][0]}, then {counts[-1][1]}"


async def requests(bench: Bench) -> str:
    store = await bench.open()
    await create(store)  # a store may connect and load scripts at its first call
    before = bench.inspect("requests")
    for _ in range(CALLS):
        await create(store)
    grown = bench.inspect("requests") - before - 1
    return "" if grown >= CALLS else f"it grew by {grown}"


async def lifetime(bench: Bench) -> str:
    store, task = await bench.new_task()
    if (left := bench.inspect("lifetime_ms", task.task_id)) > 0:
        return ""
    bench.advance(_EIGHT_DAYS)  # if it is there even now, it has no lifetime, and the hook is right
    return "" if await is_there(store, task.task_id) else f"{left} for a task that expires"


async def lifetime_passes(bench: Bench) -> str:
    store, task = await bench.new_task()
    before = bench.inspect("lifetime_ms", task.task_id)
    if before <= 0:
        return ""
    bench.advance(_HOUR)
    after = bench.inspect("lifetime_ms", task.task_id)
    if _is_about_an_hour(timedelta(milliseconds=before - after)):
        return ""
    bench.advance(_EIGHT_DAYS)  # if it is gone now, time did pass
    return "" if await is_there(store, task.task_id) else f"{before} ms before and {after} ms after"


async def expires(bench: Bench) -> str:
    store, task = await bench.new_task()
    bench.advance(_HOUR)
    if not await _moved(store, task):
        return ""
    bench.advance(_EIGHT_DAYS)
    if not await is_there(store, task.task_id):
        return ""
    return (
        "after more than a lifetime a task is there, and no time has moved: "
        "the store does not expire tasks, or `advance` of the harness does not let time pass for it"
    )


async def time_passes(bench: Bench) -> str:
    store, task = await bench.new_task()
    bench.advance(_HOUR)
    return await _moved(store, task)


async def time_is_put_back(bench: Bench) -> str:
    async with AsyncExitStack() as stack:
        name = bench.new_name()
        await create(await bench.open(name, stack))
        bench.advance(_HOUR, name)
    bench.use("discard", lambda: bench.harness.discard(name))
    created = getattr(await create(await bench.open()), "created_at", None)
    if not isinstance(created, datetime) or created.tzinfo is None:
        return ""
    return "" if abs(ahead := created - datetime.now(UTC)) < _SLACK else f"it is ahead by {ahead}"


async def _moved(store: Any, task: Any) -> str:
    """By how much a new task is younger than one of an hour ago, if that is another time than an hour."""
    younger = getattr(await create(store), "created_at", None)
    older = getattr(await answer_of(store.get_task(task.task_id)), "created_at", None)
    if not isinstance(younger, datetime) or not isinstance(older, datetime):
        return ""
    return "" if _is_about_an_hour(younger - older) else f"it is younger by {younger - older}"


def _is_about_an_hour(passed: timedelta) -> bool:
    return abs(passed - _HOUR) < _SLACK
