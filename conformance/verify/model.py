"""The model: what a task store does, as one pure function from a state and a call to a result and a state.

Written from the contract alone. It imports nothing of the store, so that nothing can be wrong in both: it has no clock
(a call says when it takes effect), gives no ids (a creation says which), never awaits, and counts moments where a store
reads times.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any, TypeAlias

FINAL = ("completed", "failed", "cancelled")
STATUSES = ("pending", "analyzing", "llm_pass1", "llm_pass2", "clipping", "uploading", *FINAL)
LIFETIME = 7 * 24 * 3_600 * 1_000
"""Milliseconds that a task of an expiring store lives after its last write."""

_MOST_BYTES = 1024 * 1024
_DEEPEST = 100
_LARGEST = 10**4_300
_LONGEST_PAGE = 1_000
_LARGEST_OFFSET = 10**12
_FIRST, _LAST = -62_135_596_800_000_000, 253_402_300_799_999_999  # in years 1 and 9999
_CURSOR = re.compile(r"(0|-?[1-9][0-9]{0,17})\.(.+)", re.DOTALL)
_TEXTS = ("current_step", "result_url", "error_message", "error_traceback")
_ESCAPED_IN_TWO = '"\\\b\f\n\r\t'
_CONTROLS = "".join(character for character in map(chr, range(32)) if character not in _ESCAPED_IN_TWO)
_SURROGATE = re.compile("[\ud800-\udfff]")
_NEW_ID = re.compile("[\x21-\x7e]{1,256}")

Json: TypeAlias = tuple[Any, ...]
"""A JSON value in a form that is hashable, and equal only if value and types are."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call, the millisecond at which it takes effect, and the id that it gives if it creates.

    `create_task` takes the request's fields as its arguments, and perhaps a `task_id`, which counts over `new_id`.
    `restore` takes a `Record` as `task`, and `purge` as `before` either "ever" (so that nothing goes) or "never" (every
    final task does).
    """

    operation: str
    arguments: Mapping[str, Any]
    at: int = 0
    new_id: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """A task. `created` is its place among all creations; `updated` and `completed` count its writes from 1."""

    task_id: str
    created: int
    video_ids: tuple[str, ...]
    metadata: Json
    status: str = "pending"
    progress: float = 0.0
    current_step: str = ""
    result_url: str | None = None
    error_message: str | None = None
    error_traceback: str | None = None
    updated: int = 1
    completed: int | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """What a listing gives: newest first, and how many there are in all."""

    records: tuple[Record, ...]
    total: int
    limit: int
    offset: int
    next: str | None = None
    """A cursor: the place of the last task among all creations, a dot and its id."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """The exception that comes out: its name, and those of its fields that are facts (prose is not compared)."""

    error: str
    facts: tuple[tuple[str, str], ...]


Result: TypeAlias = Record | Page | Refusal | int | None


@dataclass(frozen=True, slots=True)
class State:
    """The tasks in order of creation, each with the last millisecond of its life; how many were ever created."""

    lifetime: int | None = None
    tasks: tuple[tuple[Record, int | None], ...] = ()
    creations: int = 0


def step(state: State, call: Call) -> tuple[Result, State]:
    """What the call gives, and the state that it leaves. A refusal leaves the state as it is, but for what expired."""
    alive = tuple((task, end) for task, end in state.tasks if end is None or call.at <= end)
    state = replace(state, tasks=alive)
    try:
        return _OPERATIONS[call.operation](state, call)
    except _Refused as refused:
        return refused.refusal, state


class _Refused(Exception):
    def __init__(self, error: str, **facts: str) -> None:
        self.refusal = Refusal(error, tuple(facts.items()))


def _create(state: State, call: Call) -> tuple[Result, State]:
    given = call.arguments
    videos, url, config = given["video_ids"], given.get("webhook_url"), given.get("config")
    if config is not None and type(config) is not dict:
        raise _Refused("InvalidArgument", argument="config")
    _check_json(url, "webhook_url", 0)
    _check_json(config, "config", _DEEPEST)
    _check_json(list(videos), "video_ids", 1)
    metadata = {"webhook_url": url, "config": config}
    _check_size("", None, None, None, list(videos), metadata)
    task_id = given.get("task_id")
    if task_id is not None and not (isinstance(task_id, str) and _NEW_ID.fullmatch(task_id)):
        raise _Refused("InvalidArgument", argument="task_id")
    created = Record(task_id or call.new_id, state.creations + 1, tuple(videos), canonical(metadata))
    for task, _ in state.tasks:
        if task.task_id == created.task_id:
            if (task.video_ids, task.metadata) == (created.video_ids, created.metadata):
                return task, state
            raise _Refused("TaskExists", task_id=task.task_id)
    return created, replace(_keep(state, call, created), creations=state.creations + 1)


def _get(state: State, call: Call) -> tuple[Result, State]:
    return _find(state, call.arguments["task_id"]), state


def _list(state: State, call: Call) -> tuple[Result, State]:
    status, limit, offset = (call.arguments.get(name) for name in ("status", "limit", "offset"))
    limit = 50 if "limit" not in call.arguments else limit
    offset = 0 if "offset" not in call.arguments else offset
    if status is not None:
        _check_status(status)
    if type(limit) is not int or limit < 0 or limit > _LONGEST_PAGE:
        raise _Refused("InvalidArgument", argument="limit")
    if type(offset) is not int or offset < 0 or offset > _LARGEST_OFFSET:
        raise _Refused("InvalidArgument", argument="offset")
    place = _place(call.arguments.get("after"), offset)
    newest = [task for task, _ in reversed(state.tasks) if status is None or task.status == status]
    behind = [task for task in newest if place is None or (task.created, task.task_id) < place]
    page = behind[offset : offset + limit]
    more = bool(page) and page[-1] is not behind[-1]
    following = f"{page[-1].created}.{page[-1].task_id}" if more else None
    return Page(tuple(page), len(newest), limit, offset, following), state


def _place(after: object, offset: int) -> tuple[int, str] | None:
    if after is None:
        return None
    found = _CURSOR.fullmatch(after) if isinstance(after, str) and _has_utf8(after) else None
    if found is None or offset or not _FIRST <= int(found[1]) <= _LAST:
        raise _Refused("InvalidArgument", argument="after")
    return int(found[1]), found[2]


def _update(state: State, call: Call) -> tuple[Result, State]:
    given = {name: value for name, value in call.arguments.items() if name != "task_id" and value is not None}
    status = given.pop("status", None)
    _check_status(status)
    if "progress" in given:
        given["progress"] = _progress(given["progress"])
    for name in _TEXTS:
        if name in given:
            if type(given[name]) is not str:
                raise _Refused("InvalidArgument", argument=name)
            _check_json(given[name], name, 0)
    if status == "completed":
        if given.get("progress", 100) != 100:  # noqa: PLR2004  all of it
            raise _Refused("InvalidArgument", argument="progress")
        given["progress"] = 100.0
    if status != "failed":
        for name in ("error_message", "error_traceback"):
            if name in given:
                raise _Refused("InvalidArgument", argument=name)
    _check_size(*(given[name] for name in _TEXTS if name in given))
    return _change(state, call, {"status": str(status), **given})


def _cancel(state: State, call: Call) -> tuple[Result, State]:
    return _change(state, call, {"status": "cancelled"})


def _change(state: State, call: Call, fields: Mapping[str, Any]) -> tuple[Result, State]:
    task = _find(state, call.arguments["task_id"])
    if task.status in FINAL:
        # As text, since 0.0 and -0.0 are equal in Python.
        if all(repr(getattr(task, name)) == repr(value) for name, value in fields.items()):
            return task, state
        raise _Refused("TaskFinal", task_id=task.task_id, status=task.status)
    updated = task.updated + 1
    changed = replace(task, **fields, updated=updated, completed=updated if fields["status"] in FINAL else None)
    texts = (getattr(changed, name) for name in _TEXTS)
    _check_size(*texts, list(changed.video_ids), plain(changed.metadata))
    return changed, _keep(state, call, changed)


def _purge(state: State, call: Call) -> tuple[Result, State]:
    before = call.arguments["before"]
    if before not in ("ever", "never"):
        raise _Refused("InvalidArgument", argument="before")
    old = {task.task_id for task, _ in state.tasks if task.status in FINAL and before == "never"}
    return len(old), replace(state, tasks=tuple(kept for kept in state.tasks if kept[0].task_id not in old))


def _restore(state: State, call: Call) -> tuple[Result, State]:
    task = call.arguments["task"]
    if not isinstance(task, Record):
        raise _Refused("InvalidArgument", argument="task")
    if any(known.task_id == task.task_id for known, _ in state.tasks):
        raise _Refused("TaskExists", task_id=task.task_id)
    return None, _keep(state, call, task)


_OPERATIONS = {
    "create_task": _create,
    "get_task": _get,
    "list_tasks": _list,
    "update_task_status": _update,
    "cancel_task": _cancel,
    "purge": _purge,
    "restore": _restore,
}
OPERATIONS = tuple(_OPERATIONS)


def _find(state: State, task_id: object) -> Record:
    if not isinstance(task_id, str):
        raise _Refused("InvalidArgument", argument="task_id")
    for task, _ in state.tasks:
        if task.task_id == task_id:
            return task
    raise _Refused("TaskNotFound", task_id=task_id)


def _keep(state: State, call: Call, task: Record) -> State:
    end = None if state.lifetime is None else call.at + state.lifetime
    others = [kept for kept in state.tasks if kept[0].task_id != task.task_id]
    return replace(state, tasks=tuple(sorted([*others, (task, end)], key=lambda kept: kept[0].created)))


def _check_status(status: object) -> None:
    if not isinstance(status, str) or status not in STATUSES:
        raise _Refused("InvalidArgument", argument="status")


def _progress(value: Any) -> float:
    if type(value) not in (int, float) or not 0 <= value <= 100:  # noqa: PLR2004  all of it
        raise _Refused("InvalidArgument", argument="progress")
    return float(value)


def _check_json(value: Any, place: str, depth: int) -> None:
    """Refuse what is not JSON, naming the place."""
    kind = type(value)
    if kind in (list, dict):
        if depth == 0:
            raise _Refused("InvalidArgument", argument=place)
        if kind is dict and not all(type(key) is str and _has_utf8(key) for key in value):
            raise _Refused("InvalidArgument", argument=place)
        for key, item in value.items() if kind is dict else enumerate(value):
            _check_json(item, f"{place}[{key!r}]", depth - 1)
        return
    good = (
        value is None
        or kind is bool
        or (kind is int and abs(value) < _LARGEST)
        or (kind is float and isfinite(value))
        or (kind is str and _has_utf8(value))
    )
    if not good:
        raise _Refused("InvalidArgument", argument=place)


def _has_utf8(text: str) -> bool:
    return _SURROGATE.search(text) is None


def _check_size(*values: Any) -> None:
    if sum(map(_bytes_of, values)) > _MOST_BYTES:
        raise _Refused("InvalidArgument", argument="task")


def _bytes_of(value: Any) -> int:
    """The length of a JSON value as text in UTF-8, without a space that JSON does not need (RFC 8259)."""
    if isinstance(value, str):
        return 2 + len(value.encode()) + 5 * sum(map(value.count, _CONTROLS)) + sum(map(value.count, _ESCAPED_IN_TWO))
    if isinstance(value, list):
        return 2 + sum(map(_bytes_of, value)) + max(len(value) - 1, 0)
    if isinstance(value, dict):
        inside = sum(_bytes_of(key) + 1 + _bytes_of(item) for key, item in value.items())
        return 2 + inside + max(len(value) - 1, 0)
    return 5 if value is False else 4 if value is None or value is True else len(repr(value))


def canonical(value: Any) -> Json:
    """A JSON value as a `Json`. The order of keys does not count."""
    if isinstance(value, dict):
        return "object", frozenset((key, canonical(item)) for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return type(value).__name__, tuple(map(canonical, value))
    return type(value).__name__, repr(value) if isinstance(value, float) else value


def plain(value: Json) -> Any:
    """The JSON value that a `Json` stands for."""
    kind, inside = value
    if kind == "object":
        return {key: plain(item) for key, item in inside}
    if kind == "list":
        return [plain(item) for item in inside]
    return float(inside) if kind == "float" else inside
