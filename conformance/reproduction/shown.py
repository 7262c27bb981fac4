"""What a script needs besides the harness and `taskstore`: how a call ended, in the words of the suite."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

from conformance.engine.observe import describe, raised_of, result_of, shown
from conformance.spec.model import Page

__all__ = ["cancelling", "field", "outcome", "task_of", "words"]


async def outcome(call: Awaitable[Any]) -> Any:
    """What a call returns, or the exception that it raises."""
    try:
        return await call
    except Exception as error:  # noqa: BLE001  it is the outcome
        return error


async def cancelling(cancelled: list[int], *calls: Awaitable[Any]) -> list[Any]:
    """Make calls at the same time, cancel some of them once they have begun, and return all outcomes."""
    tasks = [asyncio.ensure_future(call) for call in calls]
    await asyncio.sleep(0)
    for index in cancelled:
        tasks[index].cancel()
    return await asyncio.gather(*tasks, return_exceptions=True)


def words(answer: Any, *names: str) -> str:
    """An outcome in words, and of a task the fields `names`."""
    seen = raised_of(answer) if isinstance(answer, BaseException) else result_of(answer)
    return describe(seen, names)


def task_of(answer: Any, index: int, *names: str) -> str:
    """A task of a page in words: its id and the fields `names`."""
    page = result_of(answer)
    if not isinstance(page, Page) or len(page.records) <= index:
        return words(answer)
    record = page.records[index]
    return f"a page whose task {shown(record.task_id)} has {describe(record, names)}"


def field(answer: Any, name: str) -> str:
    """A field of a task in words."""
    return shown(getattr(answer, name))
