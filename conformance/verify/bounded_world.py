"""The bounded worlds: a few tasks, calls and arguments, few enough to make every call in every state."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from math import inf, nan
from typing import Any, TypeAlias

from conformance.verify.model import FINAL, STATUSES, Record, plain

ADVANCE = "advance"
"""The call that lets `days` pass. It is the harness that makes it, not the store."""
READS = ("get_task", "list_tasks")
DAY = 24 * 3_600 * 1_000
STEP = 4
"""Days that pass at once: a task that is not written for two steps is gone, a day after its end, and never near it."""

Fields: TypeAlias = tuple[tuple[str, Mapping[str, Any]], ...]
"""What an update gives besides the status, by name of the class."""
Named: TypeAlias = Iterator[tuple[str, str, Mapping[str, Any]]]
"""Calls: the class of the arguments, the operation, the arguments."""

_THERE = "a task"
_NOT_TEXTS: tuple[Any, ...] = (1, [], "\ud800")
_NOT_IDS: tuple[Any, ...] = (None, 1, ["task1"])


@dataclass(frozen=True, slots=True, eq=False)
class BoundedWorld:
    """A bound: how many tasks, and which calls."""

    name: str
    tasks: int
    statuses: tuple[str, ...]
    updates: Fields
    """Legal updates, each with every status."""
    late: Fields = ()
    """Updates that are offered on a final task only, so that their values enter no state."""
    pages: tuple[Mapping[str, int], ...] = ({},)
    """Limits and offsets, each with every status and with none."""
    more_pages: tuple[Mapping[str, int], ...] = ()
    """Limits and offsets, with no status."""
    refusals: bool = True
    """Whether arguments of a wrong kind are offered."""
    advances: bool = False
    """Whether time passes."""


ONE_TASK = BoundedWorld(
    name="one task, every field",
    tasks=1,
    statuses=STATUSES,
    updates=(
        ("the status alone", {}),
        ("progress 0", {"progress": 0}),
        ("progress -0.0", {"progress": -0.0}),
        ("progress 50", {"progress": 50}),
        ("progress 100", {"progress": 100}),
        ("step empty", {"current_step": ""}),
        ("step a", {"current_step": "a"}),
        ("URL empty", {"result_url": ""}),
        ("message a", {"error_message": "a"}),
        ("traceback a", {"error_traceback": "a"}),
        ("step and URL", {"current_step": "a", "result_url": ""}),
        ("message and traceback", {"error_message": "a", "error_traceback": "a"}),
    ),
    late=(
        ("progress 99.5, late", {"progress": 99.5}),
        ("step b, late", {"current_step": "b"}),
        ("URL b, late", {"result_url": "b"}),
        ("message b, late", {"error_message": "b"}),
        ("message empty, late", {"error_message": ""}),
        ("traceback b, late", {"error_traceback": "b"}),
    ),
    pages=({}, {"limit": 0}),
    more_pages=({"limit": 1}, {"offset": 1}),
)
TWO_TASKS = BoundedWorld(
    name="two tasks",
    tasks=2,
    statuses=STATUSES,
    updates=(("the status alone", {}), ("progress 50", {"progress": 50})),
    pages=({}, {"limit": 0}, {"limit": 1, "offset": 1}),
    more_pages=({"limit": 1}, {"limit": 2, "offset": 1}, {"limit": 1, "offset": 2}, {"limit": 1_000, "offset": 10**12}),
)
TIME_PASSES = BoundedWorld(
    name="two tasks, and time passes",
    tasks=2,
    statuses=("pending", "clipping", "completed", "cancelled"),
    updates=(("the status alone", {}),),
    refusals=False,
    advances=True,
)
WORLDS = (ONE_TASK, TWO_TASKS, TIME_PASSES)

REFUSED: Fields = (
    *(("status unknown", {"status": status}) for status in ("done", "PENDING", "", None, 1)),
    *(
        ("progress not from 0 to 100", {"status": status, "progress": progress})
        for status in ("clipping", "completed")
        for progress in (-1, 100.5, nan, inf, True, "50")
    ),
    *(("completed at less than 100", {"status": "completed", "progress": progress}) for progress in (0.5, 99.9)),
    *(
        ("not a text of UTF-8", {"status": "failed", name: text})
        for name in ("current_step", "result_url", "error_message", "error_traceback")
        for text in _NOT_TEXTS
    ),
)
"""Updates that are refused, whatever the task."""


def calls(world: BoundedWorld, seen: Mapping[str, Record], alive: Collection[str]) -> Named:
    """Every call of a world, where these tasks were created, in this order, and some of them are still there."""
    which = {task_id: _THERE if task_id in alive else "a task that is gone" for task_id in seen}
    if world.advances:
        yield f"{STEP} days pass", ADVANCE, {"days": STEP}
    if len(seen) < world.tasks:
        yield from _creations()
    for task_id, task in seen.items():
        yield from _on(world, task, which[task_id])
    yield from _again(seen, which)
    for task_id in (*seen, "nobody", "", "*", "task_\ud800"):
        yield which.get(task_id, "unknown id"), "get_task", {"task_id": task_id}
        yield which.get(task_id, "unknown id"), "cancel_task", {"task_id": task_id}
        if task_id not in seen:
            yield "unknown id", "update_task_status", {"task_id": task_id, "status": world.statuses[-1]}
    for status, page in (*product((None, *world.statuses), world.pages), *product((None,), world.more_pages)):
        shown = ", ".join(f"{name} {value}" for name, value in page.items())
        kind = "any status" if status is None else "one status"
        yield f"{kind}, {shown or 'default page'}", "list_tasks", {"status": status, **page}
    for task in seen.values():
        cursor = f"{task.created}.{task.task_id}"
        yield "behind a task", "list_tasks", {"after": cursor, "limit": 1}
        yield "behind a task, one status", "list_tasks", {"after": cursor, "status": world.statuses[0]}
        yield "before a task, after a later one", "list_tasks", {"after": f"{task.created}.~", "limit": 1}
    for before in ("ever", "never"):
        yield f"before {before}", "purge", {"before": before}
    if world.refusals:
        yield from _refused(next(iter(seen), "nobody"))


def _on(world: BoundedWorld, task: Record, which: str) -> Named:
    late = world.late if task.status in FINAL else ()
    for status, (kind, fields) in product(world.statuses, (*world.updates, *late)):
        yield f"{which}: {kind}", "update_task_status", {"task_id": task.task_id, "status": status, **fields}
    yield f"{which}, as it was", "restore", {"task": task}
    for other in _others(world, task, gone=which != _THERE):
        yield f"{which}, in another status", "restore", {"task": other}


def _again(seen: Mapping[str, Record], which: Mapping[str, str]) -> Named:
    """Creations under an id that was there before."""
    for task_id, task in seen.items():
        if which[task_id] == _THERE or task_id == [*seen][-1]:  # an older one would change places with the newest
            request = {"task_id": task_id, "video_ids": task.video_ids}
            yield f"id of {which[task_id]}, same request", "create_task", {**request, **plain(task.metadata)}
            yield f"id of {which[task_id]}, another request", "create_task", {**request, "config": {"another": 1}}


def _creations() -> Named:
    config = {"a": [1, 1.0, {}, []], "é": None}
    yield "URL and config", "create_task", {"video_ids": ("v1", "v2"), "webhook_url": "https://é", "config": config}
    yield "video ids alone", "create_task", {"video_ids": ("v",)}
    yield "config empty", "create_task", {"video_ids": ("v",), "config": {}}


def _others(world: BoundedWorld, task: Record, *, gone: bool) -> Iterator[Record]:
    """The task in other statuses, as if it had been written once; in each where a trace of it may be left."""
    others = [status for status in world.statuses if status != task.status]
    for status in others if gone and world.advances else others[: not gone]:
        yield replace(
            task,
            status=status,
            progress=100.0 if status == "completed" else task.progress,
            error_message=None,
            error_traceback=None,
            updated=1,
            completed=1 if status in FINAL else None,
        )


def _refused(task_id: str) -> Named:
    video_ids = ("v",)
    no_objects: tuple[Any, ...] = ([], "a", 1)
    for value in no_objects:
        yield "config not an object", "create_task", {"video_ids": video_ids, "config": value}
    no_json: tuple[Any, ...] = ({"a": nan}, {"a": [inf]}, {"a": (1,)}, {"a": {1: 2}}, {"\ud800": 1})
    for value in no_json:
        yield "config not JSON", "create_task", {"video_ids": video_ids, "config": value}
    for no_id in (*_NOT_IDS[1:], "", "a b", "é", "x" * 257):
        yield "id not of visible ASCII", "create_task", {"video_ids": video_ids, "task_id": no_id}
    yield "URL not UTF-8", "create_task", {"video_ids": video_ids, "webhook_url": "\ud800"}
    for kind, arguments in REFUSED:
        yield kind, "update_task_status", {"task_id": task_id, **arguments}
    for no_id in _NOT_IDS:
        yield "id not text", "get_task", {"task_id": no_id}
        yield "id not text", "cancel_task", {"task_id": no_id}
        yield "id not text", "update_task_status", {"task_id": no_id, "status": "clipping"}
    for no_status in ("done", "", 1):
        yield "status unknown", "list_tasks", {"status": no_status}
    yield from _refused_pages()
    for before in (None, 0, "yesterday"):
        yield "not a moment", "purge", {"before": before}
    yield "not a task", "restore", {"task": None}


def _refused_pages() -> Named:
    for limit in (-1, 1_001, True, 1.0, "1", None):
        yield "limit not from 0 to 1000", "list_tasks", {"limit": limit}
    for offset in (-1, True, 0.5, "0", None, 10**12 + 1):
        yield "offset not from 0 to 10**12", "list_tasks", {"offset": offset}
    for after in ("", "1", "1.", ".a", "x.a", "01.a", f"{10**18}.a", "1.\ud800", 1):
        yield "not a cursor", "list_tasks", {"after": after}
    yield "a cursor and an offset", "list_tasks", {"after": "1.a", "offset": 1}
