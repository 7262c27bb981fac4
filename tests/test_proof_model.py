"""The model on histories written by hand, from the contract."""

from __future__ import annotations

from typing import Any

import pytest

from conformance.verify.model import LIFETIME, Call, Page, Record, Refusal, Result, State, step


def call(operation: str, at: int = 0, new_id: str = "", /, **arguments: Any) -> Call:
    return Call(operation, arguments, at, new_id)


def create(new_id: str, at: int = 0, **fields: Any) -> Call:
    return call("create_task", at, new_id, video_ids=("v",), **fields)


def play(*calls: Call, lifetime: int | None = None) -> Result:
    """What the last of these calls gives."""
    state, result = State(lifetime), None
    for one in calls:
        result, state = step(state, one)
    return result


def invalid(argument: str) -> Refusal:
    return Refusal("InvalidArgument", (("argument", argument),))


UPDATE = "update_task_status"
MISSING = Refusal("TaskNotFound", (("task_id", "t1"),))


def test_a_new_task_is_pending() -> None:
    task = play(create("t1", config={"a": 1}))
    assert isinstance(task, Record)
    assert (task.status, task.progress, task.created, task.updated, task.completed) == ("pending", 0.0, 1, 1, None)


def test_metadata_differs_by_type() -> None:
    made = [play(create("t1", config={"a": value})) for value in (1, 1.0, True, 0.0, -0.0, "1", [1])]
    assert len(set(made)) == len(made)


def test_completing_sets_progress_and_moment() -> None:
    task = play(create("t1"), call(UPDATE, task_id="t1", status="completed"))
    assert isinstance(task, Record)
    assert (task.progress, task.updated, task.completed) == (100.0, 2, 2)


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
        ({"config": {"a": [1, (2,)]}}, "config['a'][1]"),
        ({"config": {"a": {1: 2}}}, "config['a']"),
        ({"config": {"a": float("nan")}}, "config['a']"),
        ({"config": {"a": 10**4_300}}, "config['a']"),
        ({"webhook_url": "\ud800"}, "webhook_url"),
        ({"video_ids": ("a", "\ud800")}, "video_ids[1]"),
        ({"config": {"a": "\x01" * 200_000}}, "task"),
    ],
)
def test_a_request_is_refused_and_the_place_is_named(fields: dict[str, Any], refused: str) -> None:
    assert play(call("create_task", 0, "t1", **{"video_ids": ("v",), **fields})) == invalid(refused)
    assert play(call("create_task", 0, "t1", **{"video_ids": ("v",), **fields}), call("list_tasks")) == Page(
        (), 0, 50, 0
    )


def test_a_size_is_counted_in_bytes_of_json() -> None:
    empty = len('{"webhook_url":null,"config":{"a":""}}["v"]""nullnullnull')
    most = {"a": "文" * ((1024 * 1024 - empty) // 3)}
    assert isinstance(play(create("t1", config=most)), Record)
    assert play(create("t1", config={"a": most["a"] + "文"})) == invalid("task")


def test_a_final_task_takes_what_changes_nothing_and_no_more() -> None:
    failed = call(UPDATE, task_id="t1", status="failed", error_message="x", progress=0)
    history = create("t1"), failed
    assert play(*history, failed) == play(*history)
    assert play(*history, call(UPDATE, task_id="t1", status="failed")) == play(*history)
    final = Refusal("TaskFinal", (("task_id", "t1"), ("status", "failed")))
    assert play(*history, call("cancel_task", task_id="t1")) == final
    assert play(*history, call(UPDATE, task_id="t1", status="failed", progress=-0.0)) == final


def test_the_same_request_under_the_same_id_is_quiet_and_another_is_refused() -> None:
    config = {"a": 1, "b": [{}]}
    history = create("", task_id="job"), call(UPDATE, 10, task_id="job", status="clipping")
    assert play(*history, create("", 20, task_id="job")) == play(*history)
    assert play(
        *history, create("", task_id="job"), call("get_task", LIFETIME + 11, task_id="job"), lifetime=LIFETIME
    ) == (Refusal("TaskNotFound", (("task_id", "job"),)))
    taken = Refusal("TaskExists", (("task_id", "job"),))
    assert play(*history, create("", task_id="job", config={})) == taken
    with_config = create("", task_id="job", config=config)
    assert play(with_config, create("", task_id="job", config=dict(reversed(config.items())))) == play(with_config)
    assert play(with_config, create("", task_id="job", config={**config, "a": 1.0})) == taken
    anew = play(*history, create("", LIFETIME + 11, task_id="job", config={}), lifetime=LIFETIME)
    assert isinstance(anew, Record)
    assert (anew.status, anew.created) == ("pending", 2)


@pytest.mark.parametrize("task_id", ["", "a b", "é", "\x7f", "x" * 257, 7])
def test_an_id_for_a_new_task_is_visible_ascii(task_id: Any) -> None:
    assert play(create("t1", task_id=task_id)) == invalid("task_id")


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


@pytest.mark.parametrize("last", [("get_task", 0), (UPDATE, 0), ("cancel_task", 0)])
def test_a_task_lives_through_its_last_millisecond(last: tuple[str, int]) -> None:
    arguments = {"task_id": "t1", **({"status": "clipping"} if last[0] == UPDATE else {})}
    assert isinstance(play(create("t1", 5), call(last[0], LIFETIME + 5, **arguments), lifetime=LIFETIME), Record)
    assert play(create("t1", 5), call(last[0], LIFETIME + 6, **arguments), lifetime=LIFETIME) == MISSING
    assert isinstance(play(create("t1", 5), call(last[0], LIFETIME + 6, **arguments)), Record)


def test_a_write_renews_the_life_and_a_refusal_does_not() -> None:
    history = create("t1"), call(UPDATE, 10, task_id="t1", status="failed"), call("cancel_task", 20, task_id="t1")
    assert isinstance(play(*history, call("get_task", LIFETIME + 10, task_id="t1"), lifetime=LIFETIME), Record)
    assert play(*history, call("get_task", LIFETIME + 11, task_id="t1"), lifetime=LIFETIME) == MISSING


def test_purge_removes_final_tasks_and_restore_brings_them_back() -> None:
    history = create("t1"), create("t2"), call("cancel_task", task_id="t1")
    task = play(*history)
    assert play(*history, call("purge", before="ever")) == 0
    assert play(*history, call("purge", before="never")) == 1
    back = *history, call("purge", before="never"), call("restore", task=task)
    assert play(*back) is None
    assert play(*back, call("restore", task=task)) == Refusal("TaskExists", (("task_id", "t1"),))
    page = play(*back, call("list_tasks"))
    assert isinstance(page, Page)
    assert [one.task_id for one in page.records] == ["t2", "t1"]
