"""Every operation on a task of every status, however it was reached."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import nextafter
from random import Random
from typing import Any, TypeAlias

from conformance.engine.scene import (
    Action,
    Copy,
    Known,
    Scene,
    Step,
    Tick,
    cancel,
    create,
    get,
    listing,
    purge,
    restore,
    update,
)
from conformance.spec.model import FINAL, STATUSES, TEXTS
from conformance.tour import values
from conformance.tour.tasks import (
    BEYOND,
    NOT_FINAL,
    Way,
    ways,
)
from taskstore import TaskStatus


def states(_: Random) -> Iterator[Scene]:
    """Every operation on a task of every status, however it was reached."""
    for way in ways():
        yield Scene(way.name, way.actions, (f"state {way.name}",))
        before = Known(way.actions)
        for after in STATUSES:
            twice = (update("a", TaskStatus(after)), update("a", TaskStatus(after)))
            if after in FINAL:
                tail: tuple[Action, ...] = (*twice, update("a", TaskStatus.PENDING), cancel())
            else:
                changed = update("a", TaskStatus(after), progress=77, current_step="t", result_url="u")
                tail = (*twice, changed, get(), cancel())
            classes = (f"state {way.name}", f"to {after}")
            yield Scene(f"{way.name}, then {after}", (before, *tail), classes)
        for what, calls in _tails(way):
            actions = (before, *calls, update("a", TaskStatus.UPLOADING, current_step="after"))
            classes = (f"state {way.name}", what)
            yield Scene(f"{way.name}, then {what}", actions, classes)


_Tail: TypeAlias = tuple[str, tuple[Action, ...]]


def _tails(way: Way) -> Iterator[_Tail]:
    """What is done with a task of a status: a name and the calls."""
    status = TaskStatus(way.status)
    yield "cancelled", (cancel(), cancel(), get())
    failure = update("a", TaskStatus.FAILED, error_message="e", error_traceback="\n", progress=1)
    yield "failed with words", (failure, failure)
    yield "a wrong progress", (update("a", status, progress=101), update("a", TaskStatus.CLIPPING, progress=-1))
    yield "an error without failing", (update("a", TaskStatus.CLIPPING, error_message="e"), get())
    yield "completed at 30", (update("a", TaskStatus.COMPLETED, progress=30), get())
    yield "nearly completed", (update("a", TaskStatus.COMPLETED, progress=nextafter(100, 0)), get())
    yield "too large", (update("a", TaskStatus.FAILED, error_message="x" * values.MOST_BYTES), get())
    yield "an unknown status", (update("a", "no status"), get())
    yield "restored over", (restore(Copy("a"), about=("MAINT-02",)), get())
    gone = (purge(BEYOND), get(), update("a", TaskStatus.PENDING), cancel())
    yield "purged", gone
    if way.status not in FINAL:
        return
    last = way.actions[-1]
    if isinstance(last, Step) and last.operation != "get_task":
        yield "repeated", (last, get(), last)
        for name in last.arguments.keys() - {"task_id", "status"}:
            fewer = {one: value for one, value in last.arguments.items() if one != name}
            yield f"repeated without {name}", (replace(last, arguments=fewer), get())
    others: dict[str, Any] = {"progress": 41, **dict.fromkeys(TEXTS, "other")}
    for name, other in others.items():
        given: dict[str, Any] = {name: other}
        yield f"repeated with another {name}", (update("a", status, **given), get())
        empty: dict[str, Any] = {name: 0 if name == "progress" else ""}
        yield f"repeated with an empty {name}", (update("a", status, **empty), get())


def later(_: Random) -> Iterator[Scene]:
    """The time of every write is later than that of the write before."""
    for way in ways():
        if way.status in FINAL or way.name.startswith("clipping after"):
            continue
        writes = [update("a", TaskStatus.LLM_PASS1, progress=61), *(update("a", TaskStatus(one)) for one in FINAL)]
        for write in [*writes, update("a", TaskStatus(way.status), progress=3), cancel()]:
            actions = (Known((*way.actions, Tick(), write)), get())
            yield Scene(f"{way.name}, later", actions, ("a later write",))
    for status, other in zip(NOT_FINAL, (*NOT_FINAL[1:], NOT_FINAL[0]), strict=True):
        fields: list[dict[str, Any]] = [{"progress": 5}, {"current_step": "s"}, {"result_url": "r"}]
        writes = [*(update("a", TaskStatus(status), **one) for one in fields), update("a", TaskStatus(other))]
        calls = (one for write in writes for one in (Tick(), write))
        steps = (create(), Known((update("a", TaskStatus(status)), *calls)), get())
        yield Scene(f"each field alone of a {status} task, later", steps, ("a later write",))


def texts(_: Random) -> Iterator[Scene]:
    """What depends on a status, with the status as a plain text: it means the same."""
    for status in STATUSES:
        steps = (create(), update("a", status, progress=100), listing(status=status), get())
        yield Scene(f"the status {status} as a text", steps, ("status: text",))
        about = ("LIFE-05",) if status == "failed" else ()
        errors = update("b", status, about=about, error_message="e", error_traceback="t")
        again = (update("a", status), update("a", status, progress=30), update("a", status, current_step="s"))
        going = update("a", TaskStatus.CLIPPING, progress=20, result_url="r")
        actions = (create(), create("b"), going, *again, errors, errors, update("b", status, progress=30), cancel("b"))
        yield Scene(f"every update to {status} as a text", (*actions, cancel()), ("status: text",))
