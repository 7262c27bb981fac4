"""The model on histories written by hand, from the contract."""

from __future__ import annotations

import copy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from conformance.spec.model import (
    FIELDS,
    LIFETIME,
    Call,
    Page,
    Raised,
    Record,
    Request,
    Result,
    Span,
    State,
    Symbol,
    canonical,
    step,
)

START = datetime(2000, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
NONE = timedelta(0)
MINUTE = timedelta(minutes=1)
NEAR = timedelta(milliseconds=10)


def call(operation: str, at: timedelta = NONE, /, **arguments: Any) -> Call:
    return Call(operation, arguments, Span.of(at))


def create(task_id: Any = None, at: timedelta = NONE, **fields: Any) -> Call:
    """A creation, under an id of the caller's so that the calls after it know the id."""
    return call("create_task", at, task_id=task_id, request=Request(**fields))


def play(*calls: Call, lifetime: timedelta | None = None) -> Result:
    """What the last of these calls gives, each time taken by the store being a second after the one before."""
    state, result, now = State(lifetime), None, START
    for one in calls:
        outcome = step(state, one)[0]
        state, result = outcome.state, outcome.result
        if outcome.written is not None:
            now += SECOND
            fields = {name: getattr(outcome.written, name) for name in FIELDS}
            seen: dict[str, Any] = {name: now for name, value in fields.items() if isinstance(value, Symbol)}
            result = outcome.written._replace(**seen)
            state = state.with_task(result, one.at)
    return result


def invalid(argument: str) -> Raised:
    return Raised("InvalidArgument", (("argument", argument),))


UPDATE = "update_task_status"
MISSING = Raised("TaskNotFound", (("task_id", "t1"),))


def test_a_new_task_is_pending() -> None:
    task = play(create("t1", config={"a": 1}))
    assert isinstance(task, Record)
    now = START + SECOND
    assert (task.status, task.progress, task.created_at, task.updated_at) == ("pending", 0.0, now, now)
    assert task.completed_at is None


def test_metadata_differs_by_type() -> None:
    made = [play(create("t1", config={"a": value})) for value in (1, 1.0, True, 0.0, -0.0, "1", [1])]
    assert len(set(made)) == len(made)


def test_completing_sets_progress_and_moment() -> None:
    task = play(create("t1"), call(UPDATE, task_id="t1", status="completed"))
    assert isinstance(task, Record)
    now = START + 2 * SECOND
    assert (task.progress, task.updated_at, task.completed_at) == (100.0, now, now)


@pytest.mark.parametrize(
    ("arguments", "refused"),
    [
        ({"status": "done"}, "status"),
        ({"status": "pending", "progress": 101}, "progress"),
        ({"status": "pending", "progress": True}, "progress"),
        ({"status": "completed", "progress": 99}, "progress"),
        ({"status": "pending", "error_message": "x"}, "error_message"),
        ({"status": "pending", "current_step": 7}, "current_step"),
        ({"status": "pending", "result_url": "\ud800"}, "result_url"),
        ({"status": "pending", "current_step": "x" * 1024 * 1024}, "task"),
    ],
)
def test_arguments_are_refused_before_anything_is_looked_up(arguments: dict[str, Any], refused: str) -> None:
    assert play(call(UPDATE, task_id="t1", **arguments)) == invalid(refused)


@pytest.mark.parametrize(
    ("fields", "refused"),
    [
        ({"config": []}, "config"),
        ({"config": {"a": [1, (2,)]}}, "config"),
        ({"config": {"a": {1: 2}}}, "config"),
        ({"config": {"a": float("nan")}}, "config"),
        ({"config": {"a": 2**64}}, "config"),
        ({"config": {"a": -(2**63) - 1}}, "config"),
        ({"webhook_url": "\ud800"}, "webhook_url"),
        ({"video_ids": ("a", "\ud800")}, "video_ids"),
        ({"config": {"a": "\x01" * 200_000}}, "task"),
    ],
)
def test_a_request_is_refused_and_the_argument_is_named(fields: dict[str, Any], refused: str) -> None:
    assert play(create("t1", **fields)) == invalid(refused)
    assert play(create("t1", **fields), call("list_tasks")) == Page((), 0, 50, 0)


class _Text(str):
    __slots__ = ()


def test_values_that_differ_in_type_are_never_the_same() -> None:
    inside = [1, 1.0, True, 0, 0.0, -0.0, "1", _Text("1"), [1], (1,), b"1", {"1": 1}, {_Text("1"): [1]}, None]
    first = [canonical({"a": [value]}) for value in inside]
    again = [canonical({"a": [copy.copy(value)]}) for value in inside]
    assert len(set(first)) == len(inside)
    assert again == first
    assert canonical({"a": 1, "b": 2.0}) == canonical({"b": 2.0, "a": 1})


def test_tasks_stay_in_order_across_writes() -> None:
    def record(number: int, moment: int, status: str = "pending") -> Record:
        one = play(create(f"t{number:03d}"))
        assert isinstance(one, Record)
        return one._replace(created_at=START + moment * SECOND, updated_at=START + moment * SECOND, status=status)

    state = State(None)
    for number in range(40):
        assert len(state.in_order(None)) == number  # from now on it is kept in order
        state = state.with_task(record(number, number * 7 % 11), Span())
    for number in range(0, 40, 3):
        state = state.with_task(record(number, number * 5 % 13, "failed"), Span())
    for status in (None, "pending", "failed"):
        assert state.in_order(status) == State(None, state.tasks).in_order(status)
    assert [one.task_id for one in state.in_order(None)] == [
        one.task_id for one in sorted(state.in_order(None), key=lambda one: (one.created_at, one.task_id))
    ]


def test_integers_have_bounds() -> None:
    assert isinstance(play(create("t1", config={"a": [2**64 - 1, -(2**63)]})), Record)


def test_a_text_that_no_task_has_room_for_is_refused_whether_there_is_a_task_or_not() -> None:
    room = 1024 * 1024 - len('{"webhook_url":null,"config":null}[""]')
    for more, results in ((0, [MISSING]), (1, [invalid("task"), MISSING])):
        write = call(UPDATE, task_id="t1", status="failed", error_message="\n" * (room + more))
        assert [one.result for one in step(State(None), write)] == results


def test_a_size_is_counted_in_bytes_of_json() -> None:
    empty = len('{"webhook_url":null,"config":{"a":""}}["v"]')
    most = {"a": "文" * ((1024 * 1024 - empty) // 3)}
    assert isinstance(play(create("t1", config=most)), Record)
    assert play(create("t1", config={"a": most["a"] + "文"})) == invalid("task")


def test_a_final_task_takes_what_changes_nothing_and_no_more() -> None:
    failed = call(UPDATE, task_id="t1", status="failed", error_message="x", progress=0)
    history = create("t1"), failed
    assert play(*history, failed) == play(*history)
    assert play(*history, call(UPDATE, task_id="t1", status="failed")) == play(*history)
    final = Raised("TaskFinal", (("task_id", "t1"), ("status", "failed")))
    assert play(*history, call("cancel_task", task_id="t1")) == final
    assert play(*history, call(UPDATE, task_id="t1", status="failed", progress=-0.0)) == final


def test_the_same_request_under_the_same_id_is_quiet_and_another_is_refused() -> None:
    config = {"a": 1, "b": [{}]}
    history = create("job"), call(UPDATE, 10 * SECOND, task_id="job", status="clipping")
    assert play(*history, create("job", 20 * SECOND)) == play(*history)
    assert play(
        *history, create("job"), call("get_task", LIFETIME + 11 * SECOND, task_id="job"), lifetime=LIFETIME
    ) == (Raised("TaskNotFound", (("task_id", "job"),)))
    taken = Raised("TaskExists", (("task_id", "job"),))
    assert play(*history, create("job", config={})) == taken
    with_config = create("job", config=config)
    assert play(with_config, create("job", config=dict(reversed(config.items())))) == play(with_config)
    assert play(with_config, create("job", config={**config, "a": 1.0})) == taken
    anew = play(*history, create("job", LIFETIME + 11 * SECOND, config={}), lifetime=LIFETIME)
    assert isinstance(anew, Record)
    assert (anew.status, anew.created_at) == ("pending", START + 3 * SECOND)


@pytest.mark.parametrize("task_id", ["", "a b", "é", "\x7f", "x" * 257, 7])
def test_an_id_for_a_new_task_is_visible_ascii(task_id: Any) -> None:
    assert play(create(task_id)) == invalid("task_id")


def test_cancelling_again_is_no_change() -> None:
    cancel = call("cancel_task", task_id="t1")
    assert play(create("t1"), cancel, cancel) == play(create("t1"), cancel)


def test_a_listing_is_newest_first_with_the_total() -> None:
    page = play(
        create("t1"),
        create("t2"),
        create("t3"),
        call(UPDATE, task_id="t1", status="clipping"),
        call("list_tasks", limit=2),
    )
    assert isinstance(page, Page)
    assert ([task.task_id for task in page.records], page.total) == (["t3", "t2"], 3)


@pytest.mark.parametrize("operation", ["get_task", UPDATE, "cancel_task"])
def test_a_task_lives_for_its_lifetime_and_near_its_end_may_be_there_or_not(operation: str) -> None:
    arguments = {"task_id": "t1", **({"status": "clipping"} if operation == UPDATE else {})}
    (written,) = step(State(LIFETIME), create("t1"))
    assert isinstance(written.result, Record)
    task = written.result._replace(created_at=START, updated_at=START)
    state = State(LIFETIME).with_task(task, Span())
    results = {
        at: {type(one.result) for one in step(state, call(operation, LIFETIME + at, **arguments))}
        for at in (-MINUTE, -NEAR, SECOND)
    }
    assert results == {-MINUTE: {Record}, -NEAR: {Record, Raised}, SECOND: {Raised}}


@pytest.mark.parametrize(("count", "states"), [(2, 4), (6, 7)])
def test_of_several_tasks_near_their_end_some_may_be_gone(count: int, states: int) -> None:
    state = State(LIFETIME)
    for number in range(count):
        (written,) = step(State(LIFETIME), create(f"t{number}"))
        assert isinstance(written.result, Record)
        at = Span.of(timedelta(milliseconds=number))
        task = written.result._replace(created_at=START + at.latest, updated_at=START + at.latest)
        state = state.with_task(task, at)
    pages = [one.result for one in step(state, call("list_tasks", LIFETIME, limit=1_000))]
    left = [{task.task_id for task in page.records} for page in pages if isinstance(page, Page)]
    assert len(left) == len(pages) == states
    assert {f"t{count - 1}"} in left
    assert [one.result for one in step(state, call("get_task", LIFETIME, task_id="t1"))][1:] == [MISSING]
    assert all(len(one.state.tasks) >= count - 1 for one in step(state, call("get_task", LIFETIME, task_id="t1")))


def test_a_write_renews_the_life_and_a_refusal_does_not() -> None:
    history = (
        create("t1"),
        call(UPDATE, 10 * SECOND, task_id="t1", status="failed"),
        call("cancel_task", 20 * SECOND, task_id="t1"),
    )
    assert isinstance(
        play(*history, call("get_task", LIFETIME - MINUTE + 10 * SECOND, task_id="t1"), lifetime=LIFETIME), Record
    )
    assert play(*history, call("get_task", LIFETIME + 11 * SECOND, task_id="t1"), lifetime=LIFETIME) == MISSING


def test_purge_removes_final_tasks_and_restore_brings_them_back() -> None:
    history = create("t1"), create("t2"), call("cancel_task", task_id="t1")
    task = play(*history)
    assert play(*history, call("purge", before=START)) == 0
    assert play(*history, call("purge", before=datetime(2100, 1, 1, tzinfo=UTC))) == 1
    back = *history, call("purge", before=datetime(2100, 1, 1, tzinfo=UTC)), call("restore", task=task)
    assert play(*back) is None
    assert play(*back, call("restore", task=task)) == Raised("TaskExists", (("task_id", "t1"),))
    page = play(*back, call("list_tasks"))
    assert isinstance(page, Page)
    assert [one.task_id for one in page.records] == ["t2", "t1"]
