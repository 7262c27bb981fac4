"""What a task refuses in every status, however it was reached, and the times of what it does not refuse."""

from __future__ import annotations

from collections.abc import Iterator
from math import nextafter
from typing import Any

from conformance.core.scenario import (
    Action,
    Call,
    Look,
    Scenario,
    TaskOf,
    Tick,
    create,
    get,
    listing,
    restore,
    update,
)
from conformance.spec.model import FINAL, TEXTS
from conformance.tables import values
from conformance.tables.tasks import NOT_FINAL, A, going, ways
from taskstore import TaskStatus


def scenarios(depth: str = "default") -> Iterator[Scenario]:
    """All of them."""
    yield from _refused(depth)
    yield from _later()


def _refused(depth: str) -> Iterator[Scenario]:
    """Refused calls change nothing, whatever the status; a final task refuses all that differs from what it is."""
    for name, status, actions in ways():
        if depth != "full" and name.endswith("after all others"):
            continue
        to = TaskStatus(status)
        calls: list[Call] = [
            update(A, to, progress=101),
            going(progress=-1),
            going(error_message="e"),
            update(A, TaskStatus.COMPLETED, progress=30),
            update(A, TaskStatus.COMPLETED, progress=nextafter(100, 0)),
            update(A, TaskStatus.FAILED, error_message="x" * values.MOST_BYTES),
            update(A, "no status"),
            restore(TaskOf("a", {"current_step": "other"})),
        ]
        failed = listing(status=TaskStatus.FAILED)  # before and after: an index may be kept from its first use on
        yield Scenario(f"{name}, and refused calls", (*actions, failed, *_looked(calls), failed, Look()), ("LIFE-14",))
        if status not in FINAL:
            continue
        others: dict[str, Any] = {"progress": 41, **dict.fromkeys(TEXTS, "other")}
        others = {one: value for one, value in others.items() if status == "failed" or "error" not in one}
        again = [update(A, to, **{one: value}) for one, value in others.items()]
        empty: dict[str, Any] = {one: 0 if one == "progress" else "" for one in others}
        again += [update(A, to, **{one: value}) for one, value in empty.items()]
        last = actions[-1]
        if isinstance(last, Call) and last.operation == "update_task_status":
            given = {one: value for one, value in last.arguments.items() if one not in ("task_id", "status")}
            again += [
                update(A, to, **{one: value for one, value in given.items() if one != left}) for left in ("", *given)
            ]
        yield Scenario(f"{name}, and repetitions", (*actions, *_looked(again), Look()), ("LIFE-10",))


def _looked(calls: list[Call]) -> list[Action]:
    """The calls, with a reading of the task after each."""
    return [one for call in calls for one in (call, get(A))]


def _later() -> Iterator[Scenario]:
    """The time of every write is later than that of the write before."""
    for status, other in zip(NOT_FINAL, (*NOT_FINAL[1:], NOT_FINAL[0]), strict=True):
        fields: tuple[dict[str, Any], ...] = ({"progress": 5}, {"current_step": "s"}, {"result_url": "r"})
        writes = [*(update(A, TaskStatus(status), **one) for one in fields), update(A, TaskStatus(other))]
        calls = [one for write in writes for one in (Tick(), write)]
        yield Scenario(
            f"each field of a {status} task alone, later", (create("a"), update(A, TaskStatus(status)), *calls, get(A))
        )
