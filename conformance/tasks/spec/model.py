"""The model: what a task store may do, as one pure function from a state and a call to the outcomes that are allowed.

Written from the contract alone. It imports nothing of the store, so that nothing can be wrong in both. It has no clock
and makes no ids: where the store chooses a value, a result holds a `Symbol`, which the first sight of the value binds.
"""

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import Any, NamedTuple

from conformance.engine.contract import Entry, Outcome, Raised, Span, Symbol, is_same

FINAL = ("completed", "failed", "cancelled")
STATUSES = ("pending", "analyzing", "llm_pass1", "llm_pass2", "clipping", "uploading", *FINAL)
LIFETIME = timedelta(days=7)
"""How long a task of an expiring store lives after its last write."""
SLACK = timedelta(milliseconds=50)
"""How far a store's clock may be from the one that a call is timed by."""
TEXTS = ("current_step", "result_url", "error_message", "error_traceback")

_ALL = 100.0
MOST_BYTES = 1024 * 1024
_DEEPEST = 100
_INTEGERS = range(-(2**63), 2**64)
_LONGEST_PAGE = 1_000
_LARGEST_OFFSET = 10**12
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_END_OF_TIME = datetime(2201, 1, 1, tzinfo=UTC)
_CURSOR = re.compile("(0|-?[1-9][0-9]{0,17})[.]([^\ud800-\udfff]+)")
_SURROGATE = re.compile("[\ud800-\udfff]")
_OWN_ID = "task_[0-9a-fA-F]{32,}"
"""The form of an id that the store makes."""
_NEW_ID = re.compile("[\x21-\x7e]{1,256}")

Outcomes = Iterator[Outcome]


class Record(NamedTuple):
    """A task. `metadata` is what `canonical` gives; an id and times are symbols until they are seen."""

    task_id: Any
    status: str = "pending"
    progress: float = 0.0
    current_step: str = ""
    video_ids: tuple[str, ...] = ()
    result_url: str | None = None
    error_message: str | None = None
    error_traceback: str | None = None
    metadata: str = "{}"
    created_at: Any = None
    updated_at: Any = None
    completed_at: Any = None


FIELDS = Record._fields
TIMES = ("created_at", "updated_at", "completed_at")


class Page(NamedTuple):
    """The result of a listing. `following` is its `next`."""

    records: tuple[Record, ...]
    total: int
    limit: int
    offset: int
    following: str | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """The request of `create_task`, with fields of any value."""

    video_ids: Any = ("v",)
    webhook_url: Any = None
    config: Any = None


@dataclass(slots=True)
class State:
    """The tasks that are there, by id, and when each was last written. A write makes another state."""

    tasks: Mapping[str, tuple[Record, Span]] = field(default_factory=dict)
    gone: Mapping[str, str] = field(default_factory=dict, compare=False)
    """By the id of a task that is gone, the requirement that says so."""
    unseen: frozenset[str] = field(default=frozenset(), compare=False)
    """The keys of the tasks of which the id or a time has not been seen yet."""

    def __hash__(self) -> int:
        return len(self.tasks)

    def with_task(self, record: Record, at: Span) -> "State":
        """The state with this task, new or in place of the one with its id."""
        key = f"\0{len(self.tasks)}"
        if isinstance(record.task_id, str):
            key = record.task_id
        unseen = self.unseen - {key}
        if Symbol in map(type, record):
            unseen |= {key}
        return State({**self.tasks, key: (record, at)}, self.gone, unseen)

    def without(self, gone: Collection[str], requirement: str) -> "State":
        """The state without these tasks, for a reason that is to be remembered."""
        if not gone:
            return self
        kept = {**self.tasks}
        for key in gone:
            del kept[key]
        remembered = {**self.gone, **dict.fromkeys(gone, requirement)}
        return State(kept, remembered, self.unseen.difference(gone))


def _place_of(record: Record) -> tuple[datetime, str]:
    is_unseen = Symbol in (type(record.created_at), type(record.task_id))
    return (_END_OF_TIME, "") if is_unseen else (record.created_at, record.task_id)


def step(state: State, entry: Entry, lifetime: timedelta | None) -> list[Outcome]:
    """Every outcome that the contract allows for a call in a state. Most calls have one.

    There are more if a task is so near its end that it may be there or not.
    """
    outcomes: list[Outcome] = []
    operation = _OPERATIONS[entry.call.operation]
    states = [state]
    if lifetime is not None:
        states = [*_after_expiry(state, entry, lifetime)]
    for possible in states:
        try:
            outcomes.extend(operation(possible, entry.at, **entry.arguments))
        except _Refused as refused:  # what came before stays
            outcomes.append(Outcome(refused.raised, possible, refused.requirements))
    return outcomes


def _after_expiry(state: State, entry: Entry, lifetime: timedelta) -> Iterator[State]:
    """The states that the passing of time may have made of this one."""
    soonest = entry.at.latest - lifetime + SLACK
    written = {key: at for key, (_, at) in state.tasks.items() if at.earliest < soonest}
    longest = lifetime + SLACK
    surely = {key for key, at in written.items() if entry.at.earliest - at.latest > longest}
    perhaps = sorted(written.keys() - surely, key=written.__getitem__)
    named = entry.name()
    if named:  # what becomes of the others is seen later
        perhaps = [key for key in perhaps if key in named]
    for count in range(len(perhaps) + 1):  # those that were written first are gone first
        yield state.without(surely.union(perhaps[:count]), "EXP-01")


class _Refused(Exception):
    """The only outcome, beside those that were named before, is an exception."""

    def __init__(self, error: str, *requirements: str, **facts: Any) -> None:
        self.raised = Raised(error, facts)
        self.requirements = requirements


def _require(is_right: object, argument: str, *requirements: str) -> None:
    if not is_right:
        raise _Refused("InvalidArgument", *requirements, argument=argument)


def _create(state: State, at: Span, request: Request, task_id: Any = None) -> Outcomes:
    _require(request.config is None or type(request.config) is dict, "config", "VAL-05")
    _check_text("webhook_url", request.webhook_url)
    _check_json(request.config, _DEEPEST)
    _require(type(request.video_ids) is tuple and {*map(type, request.video_ids)} == {str}, "video_ids", "API-05")
    _check_text("video_ids", "".join(request.video_ids))
    wanted = canonical({"webhook_url": request.webhook_url, "config": request.config})
    now = Symbol(at=at)
    record = Record(
        task_id or Symbol(_OWN_ID),
        video_ids=request.video_ids,
        metadata=wanted,
        created_at=now,
        updated_at=now,
    )
    _check_size(record)

    requirements: tuple[str, ...] = ("LIFE-01", "VAL-01")
    if task_id is not None:
        requirements = ("ID-06", "LIFE-01")
        _require(type(task_id) is str, "task_id", "API-05", "ID-02")
        _require(_NEW_ID.fullmatch(task_id), "task_id", "ID-02")
        if task_id in state.tasks:
            known, _ = state.tasks[task_id]
            if (known.video_ids, known.metadata) != (request.video_ids, wanted):
                raise _Refused("TaskExists", "ID-06", task_id=task_id)
            yield Outcome(known, state, ("ID-06",))
            return
    yield Outcome(record, state.with_task(record, at), requirements)


def _get(state: State, _at: Span, task_id: Any) -> Outcomes:
    yield Outcome(_find(state, task_id), state, ("LIFE-03",))


def _list(state: State, _at: Span, status: Any = None, limit: Any = 50, offset: Any = 0, after: Any = None) -> Outcomes:
    if status is not None:
        status = _check_status(status)
    for name, value, most in (("limit", limit, _LONGEST_PAGE), ("offset", offset, _LARGEST_OFFSET)):
        _require(type(value) is int, name, "LIST-06", "API-05")
        _require(0 <= value <= most, name, "LIST-06")
    matching = (task for task, _ in state.tasks.values() if status in (None, task.status))
    tasks = sorted(matching, key=_place_of, reverse=True)  # what has not been seen comes first
    first = offset
    if after is not None:
        _require(not offset, "after", "LIST-13")
        place = _place_in(after)
        first = sum(_place_of(task) >= place for task in tasks)
    records = tuple(tasks[first : first + limit])
    following = None
    if records and first + limit < len(tasks) and isinstance(records[-1].created_at, datetime):
        following = cursor_of(records[-1])
    page = Page(records, len(tasks), limit, offset, following)
    yield Outcome(page, state, ("LIST-01", "LIST-03", "LIST-04", "LIST-06"))


def cursor_of(record: Record) -> str:
    """The cursor that names the place of a task."""
    return f"{(record.created_at - _EPOCH) // timedelta(microseconds=1)}.{record.task_id}"


def _place_in(cursor: Any) -> tuple[datetime, str]:
    try:
        since, task_id = _CURSOR.fullmatch(cursor).groups()  # type: ignore[union-attr]
        return _EPOCH + timedelta(microseconds=int(since)), task_id
    except (TypeError, AttributeError, OverflowError):
        raise _Refused("InvalidArgument", "LIST-13", argument="after") from None


def _update(state: State, at: Span, task_id: Any, status: Any, progress: Any = None, **given: Any) -> Outcomes:
    status = _check_status(status)
    texts = {name: text for name, text in given.items() if text is not None}
    _check_change(status, progress, texts)
    requirements = ["LIFE-02", "LIFE-04", "LIFE-17"]
    if status in FINAL[:2]:
        requirements.append("LIFE-05")
    if status == "completed":
        progress = _ALL
    if progress is not None:
        texts["progress"] = float(progress)
    yield from _change(state, at, task_id, requirements, status=status, **texts)


def _cancel(state: State, at: Span, task_id: Any) -> Outcomes:
    return _change(state, at, task_id, ["LIFE-09", "LIFE-17", "LIFE-18"], status="cancelled")


def _change(state: State, at: Span, task_id: Any, requirements: list[str], **fields: Any) -> Outcomes:
    task = _find(state, task_id, "ATOM-01")
    changed = task._replace(**fields)
    is_equal = is_same(task, changed)
    if task.status not in FINAL:
        now = Symbol(at=at, not_before=task.updated_at)
        changed = changed._replace(updated_at=now, completed_at=now if changed.status in FINAL else None)
        _check_size(changed)
        yield Outcome(changed, state.with_task(changed, at), tuple(requirements))
    elif not is_equal:
        raise _Refused("TaskFinal", "LIFE-10", task_id=task_id, status=task.status)
    if is_equal:  # a store may leave it at that, and has to if the task is final
        yield Outcome(task, state, ("LIFE-10",) if task.status in FINAL else ("LIFE-03",))


def _purge(state: State, _at: Span, before: Any) -> Outcomes:
    _require(isinstance(before, datetime) and before.tzinfo, "before", "API-05")
    tasks = state.tasks.items()
    old = {key for key, (task, _) in tasks if task.completed_at and task.completed_at < before}
    yield Outcome(len(old), state.without(old, "MAINT-01"), ("MAINT-01",))


def _restore(state: State, at: Span, task: Record) -> Outcomes:
    if task.task_id in state.tasks:
        raise _Refused("TaskExists", "MAINT-02", task_id=task.task_id)
    yield Outcome(None, state.with_task(task, at), ("MAINT-02",))
    times = (getattr(task, name) for name in TIMES)
    if any(time and time.utcoffset() for time in times):  # no store gives a time of another zone
        yield Outcome(Raised("InvalidArgument"), state, ("MAINT-02",))


_OPERATIONS: Mapping[str, Callable[..., Outcomes]] = {
    "create_task": _create,
    "get_task": _get,
    "list_tasks": _list,
    "update_task_status": _update,
    "cancel_task": _cancel,
    "purge": _purge,
    "restore": _restore,
}


def _find(state: State, task_id: Any, *of_gone: str) -> Record:
    """The task of that id. If it is gone, a write that finds it also breaks these requirements."""
    _require(isinstance(task_id, str), "task_id", "API-05")
    if task_id not in state.tasks:
        reasons = ["ID-03"]
        if task_id in state.gone:
            reasons = [*of_gone, state.gone[task_id]]
        raise _Refused("TaskNotFound", *reasons, task_id=task_id)
    found, _ = state.tasks[task_id]
    return found


def _check_status(status: Any) -> str:
    _require(isinstance(status, str), "status", "LIFE-02", "API-05")
    _require(status in STATUSES, "status", "LIFE-02")
    return str.__str__(status)


def _check_change(status: str, progress: Any, texts: Mapping[str, Any]) -> None:
    """Refuse a progress, or texts, that no task of this status has."""
    if progress is not None:
        _require(type(progress) in (int, float), "progress", "LIFE-13", "API-05")
        _require((_ALL if status == "completed" else 0) <= progress <= _ALL, "progress", "LIFE-13")
    for name, text in texts.items():
        _check_text(name, text)
        _require(status == "failed" or not name.startswith("error"), name, "LIFE-13")


def _check_text(name: str, value: Any) -> None:
    if value is not None:
        _require(type(value) is str, name, "API-05")
        _require(_has_utf8(value), name, "VAL-09")


def _check_json(value: Any, depth: int) -> None:
    """Refuse a config that is not JSON, or beyond the limits."""
    kind = type(value)
    if kind is dict:
        _require({*map(type, value)} <= {str}, "config", "VAL-05")
        value = [*value, *value.values()]
    if kind in (list, dict):
        _require(depth, "config", "VAL-06")
        for item in value:
            _check_json(item, depth - 1)
    elif kind is str:
        _require(_has_utf8(value), "config", "VAL-09", "VAL-05")
    elif kind is int:
        _require(value in _INTEGERS, "config", "VAL-06")
    else:
        _require(value is None or kind is bool or (kind is float and isfinite(value)), "config", "VAL-05")


def _has_utf8(text: str) -> bool:
    return _SURROGATE.search(text) is None


def _check_size(task: Record) -> None:
    _require(size_of(task) <= MOST_BYTES, "task", "VAL-06")


def size_of(task: Record) -> int:
    """How many bytes a task has: its texts in UTF-8, its video ids and metadata as JSON."""
    texts = [getattr(task, name) or "" for name in TEXTS]
    return len("".join([*texts, canonical(task.video_ids), task.metadata]).encode())


canonical = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode
"""A JSON value as text: equal only if value and types are, in whatever order the keys are.

It has no space that JSON does not need, and no escape: its length in UTF-8 is the size that the contract counts.
"""
plain = json.loads
"""The JSON value that a text of `canonical` stands for."""
