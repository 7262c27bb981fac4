"""What a store may hold after calls at the same time, some of which were lost."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from conformance.engine import belief
from conformance.engine.belief import Possible, explanations, nearest_order
from conformance.spec.model import Call, Page, Record, Request, State, step

EMPTY = State(None)
LISTING = Call("list_tasks", {})


def create(video: str) -> Call:
    return Call("create_task", {"request": Request((video,))})


def created(number: int) -> tuple[Call, Record]:
    """A creation, and the task that it gave."""
    call = create(str(number))
    (outcome,) = step(EMPTY, call)
    assert outcome.written is not None
    time = datetime(2026, 1, 1, 0, 0, number, tzinfo=UTC)
    return call, outcome.written._replace(task_id=f"task_{number}", created_at=time, updated_at=time)


def page(*records: Record, total: int) -> tuple[Call, Page]:
    return LISTING, Page(records, total, 50, 0)


def test_a_listing_shows_some_lost_creations_and_not_others() -> None:
    call, task = created(1)
    lost = Possible(EMPTY, (create("2"), call))

    found = explanations([lost], [page(task, total=1)])

    assert {tuple(one.state.tasks) for one in found} >= {("task_1",)}
    assert explanations([lost], [page(task, total=2)]) == []
    assert [one.call for one in nearest_order([lost], [page(task, task, total=2)])] == [LISTING]


def test_more_calls_than_can_be_put_in_every_order_are_still_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(belief, "_MOST_STEPS", 1_000)
    answered = [created(number) for number in range(30)]

    (found,) = explanations([Possible(EMPTY)], answered)

    assert len(found.state.tasks) == 30
    call, task = answered[0]
    assert explanations([Possible(EMPTY)], [*answered[1:], (call, task._replace(progress=3.0))]) == []
