"""The table of differences: which comes first, and what each row says."""

from typing import Any

from reports.analyse.differences import Row, rank
from reports.analyse.parity import Comparison, Difference

STORES = ("m", "r")
CREATE = "result0 = await store.create_task(request=TaskCreateRequest(video_ids=('v',), config={'a': 1}))"
READ = "await store.get_task(task_id=result0.task_id)"
CAME = ("# m: 1", "# r: 2")


def difference(kind: str, *code: str, operation: str = "update", seen: str = "get_task", **more: Any) -> Difference:
    return Difference(operation=operation, kind=kind, seen=seen, script=(*code, *CAME), **more)


def ranked(*differences: Difference) -> tuple[Row, ...]:
    return rank(Comparison(stores=STORES, status=1, operations={}, findings=differences))


def test_the_worst_comes_first_then_what_one_mode_cannot_meet_then_what_nobody_does() -> None:
    update = "await store.update(task_id=result0.task_id, status=7)"
    found = [
        difference("exception", CREATE, update, READ, is_odd=True),
        difference("server", CREATE, "# the server is away", "await store.list_tasks()", seen="list_tasks"),
        difference("type", CREATE, update, READ),
        difference("exception", CREATE, update, seen="update"),
        difference("argument", CREATE, update, READ),
        difference("value", CREATE, update, READ),
        difference("race", CREATE, update, READ),
    ]

    rows = ranked(*found)

    assert [(row.group, row.harm) for row in rows] == [
        ("same calls", "lost write"),
        ("same calls", "wrong answer"),
        ("same calls", "wrong answer"),
        ("same calls", "exception"),
        ("same calls", "another type"),
        ("one mode only", "wrong answer"),
        ("odd calls", "lost write"),
    ]
    assert [row.script for row in rows[1:3]] == [found[4].script, found[5].script]
    assert [row.memory for row in rows] == ["1"] * 5 + [None, "1"]
    assert {row.redis for row in rows} == {"2"}


def test_a_race_is_told_with_all_its_calls_and_the_read_that_shows_it() -> None:
    raced = "await asyncio.gather(store.update(task_id=result0.task_id), store.cancel(task_id=result0.task_id))"
    order = "#   A: GET :task:1", "#                  B: GET :task:1", "#   then store.get_task(task_id=1) -> 1"

    [row] = ranked(difference("race", CREATE, raced, *order, seen="list_tasks"))

    assert row.calls == ("update()", "cancel()")
    assert row.read == "get_task"
    assert row.order == ("A: GET", "               B: GET")
