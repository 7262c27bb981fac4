"""The model: what a task store may do, as one pure function from a state and a call to the outcomes that are allowed.

Written from the contract alone. It imports nothing of the store, so that nothing can be wrong in both. It has no clock
and makes no ids: where the store chooses a value, a result holds a `Symbol`, which the first sight of the value binds.
"""

from __future__ import annotations

import json
import marshal
import re
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import combinations
from math import isfinite
from typing import Any, NamedTuple, TypeAlias

from conformance.engine.outcome import Invocation, Outcome, Raised, Span, Symbol, is_same

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
_FIRST, _LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
_CURSOR = re.compile(r"(0|-?[1-9][0-9]{0,17})\.(.+)", re.DOTALL)
_SURROGATE = re.compile("[\ud800-\udfff]")
_FEW = 4
"""Up to this number of tasks near their end any may be gone."""
_NEW_ID = re.compile("[\x21-\x7e]{1,256}")

Json: TypeAlias = tuple[Any, ...]
"""A JSON value in a form that is hashable, and equal only if value and types are."""


Time: TypeAlias = datetime | Symbol


class Record(NamedTuple):
    """A task. `metadata` is a `Json`."""

    task_id: str | Symbol
    status: str
    progress: float
    current_step: str
    video_ids: tuple[str, ...]
    result_url: str | None
    error_message: str | None
    error_traceback: str | None
    metadata: Json
    created_at: Time
    updated_at: Time
    completed_at: Time | None


FIELDS = Record._fields
TIMES = ("created_at", "updated_at", "completed_at")


class Page(NamedTuple):
    """The result of a listing. `following` is its `next`."""

    records: tuple[Record, ...]
    total: int
    limit: int
    offset: int
    following: str | None = None
    unreadable: int = 0


Result: TypeAlias = Record | Page | Raised | int | None


@dataclass(frozen=True, slots=True)
class Request:
    """The request of `create_task`, with fields of any value."""

    video_ids: Any = ("v",)
    webhook_url: Any = None
    config: Any = None


@dataclass(eq=False, slots=True)
class State:
    """The tasks that are there, by id, and when each was last written. A write makes another state."""

    lifetime: timedelta | None
    tasks: Mapping[str, tuple[Record, Span]] = field(default_factory=dict)
    gone: Mapping[str, str] = field(default_factory=dict)
    """By the id of a task that is gone, the requirement that says so."""
    unseen: frozenset[str] = frozenset()
    """The keys of the tasks of which the id or a time has not been seen yet."""
    _in_order: dict[str | None, list[Record]] = field(default_factory=dict, init=False)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, State) and self.tasks == other.tasks

    def __hash__(self) -> int:
        return len(self.tasks)

    def get(self, task_id: str) -> Record | None:
        """The task of that id."""
        found = self.tasks.get(task_id)
        return found and found[0]

    def with_task(self, record: Record, at: Span) -> State:
        """The state with this task, new or in place of the one with its id."""
        key = record.task_id if isinstance(record.task_id, str) else f"\0{len(self.tasks)}"
        unseen = self.unseen - {key}
        if Symbol in map(type, record):
            unseen |= {key}
        return State(self.lifetime, {**self.tasks, key: (record, at)}, self.gone, unseen)

    def without(self, gone: Collection[str], requirement: str = "") -> State:
        """The state without these tasks, for a reason that is to be remembered."""
        if not gone:
            return self
        kept = {key: task for key, task in self.tasks.items() if key not in gone}
        remembered = {**self.gone, **dict.fromkeys(gone, requirement)} if requirement else self.gone
        return State(self.lifetime, kept, remembered, self.unseen.difference(gone))

    def in_order(self, status: str | None) -> list[Record]:
        """The tasks of that status, or all, in the reverse order of a listing. What has not been seen comes last."""
        if status not in self._in_order:
            found = (record for record, _ in self.tasks.values() if status in (None, record.status))
            self._in_order[status] = sorted(found, key=_place_of)
        return self._in_order[status]


def _place_of(record: Record) -> tuple[Any, Any]:
    is_unseen = isinstance(record.created_at, Symbol) or isinstance(record.task_id, Symbol)
    return (_END_OF_TIME, "") if is_unseen else (record.created_at, record.task_id)


def step(state: State, call: Invocation) -> list[Outcome]:
    """Every outcome that the contract allows for a call in a state. Most calls have one.

    There are more if a task is so near its end that it may be there or not.
    """
    alive = [state] if state.lifetime is None else _after_expiry(state, call, state.lifetime)
    operation = _OPERATIONS[call.operation]
    return [outcome for possible in alive for outcome in _allowed(operation, possible, call)]


def _after_expiry(state: State, call: Invocation, lifetime: timedelta) -> Iterator[State]:
    """The states that the passing of time may have made of this one."""
    soonest = call.at.latest - lifetime + SLACK
    written = {key: at for key, (_, at) in state.tasks.items() if at.earliest < soonest}
    surely = {key for key, at in written.items() if call.at.earliest - at.latest > lifetime + SLACK}
    perhaps = sorted(written.keys() - surely, key=written.__getitem__)
    if call.operation not in ("list_tasks", "purge"):  # what becomes of the others is seen later
        restored = getattr(call.arguments.get("task"), "task_id", None)
        named = call.arguments.get("task_id", restored)
        perhaps = [key for key in perhaps if key == named]
    for gone in _selections(perhaps):
        yield state.without(surely.union(gone), "EXP-01")


def _selections(keys: list[str]) -> Iterator[Sequence[str]]:
    """Yield selections of tasks near their end: any of few, and of more the ones that were written first."""
    for count in range(len(keys) + 1):
        if len(keys) <= _FEW:
            yield from combinations(keys, count)
        else:
            yield keys[:count]


def _allowed(operation: Callable[..., list[Outcome]], state: State, *arguments: Any) -> list[Outcome]:
    try:
        return operation(state, *arguments)
    except _Refused as refused:
        return [Outcome(refused.raised, state, refused.requirements)]


class _Refused(Exception):
    def __init__(self, error: str, *requirements: str, **facts: Any) -> None:
        self.raised = Raised(error, tuple(facts.items()))
        self.requirements = requirements


def _invalid(argument: str, *requirements: str) -> _Refused:
    return _Refused("InvalidArgument", *requirements, argument=argument)


def _require(is_right: object, argument: str, *requirements: str) -> None:
    if not is_right:
        raise _invalid(argument, *requirements)


def _create(state: State, call: Invocation) -> list[Outcome]:
    request, task_id = call.arguments["request"], call.arguments.get("task_id")
    _require(isinstance(request, Request), "request", "API-05")
    _require(request.config is None or type(request.config) is dict, "config", "VAL-05")
    _check_text("webhook_url", request.webhook_url)
    _check_json(request.config, "config", _DEEPEST)
    _require(_are_texts(request.video_ids), "video_ids", "API-05")
    _require(_has_utf8("".join(request.video_ids)), "video_ids", "VAL-09")
    wanted = canonical({"webhook_url": request.webhook_url, "config": request.config})
    created = Symbol("time")
    none: tuple[None, None, None] = (None, None, None)
    times = (created, Symbol("time", created), None)
    new_id = Symbol("id") if task_id is None else task_id
    record = Record(new_id, "pending", 0.0, "", request.video_ids, *none, wanted, *times)
    _check_size(record)
    if task_id is None:
        return [Outcome(record, state.with_task(record, call.at), ("LIFE-01", "VAL-01"))]
    _require(type(task_id) is str, "task_id", "API-05", "ID-02")
    _require(_NEW_ID.fullmatch(task_id), "task_id", "ID-02")
    known = state.get(task_id)
    if known is None:
        return [Outcome(record, state.with_task(record, call.at), ("LIFE-01", "ID-06"))]
    if (known.video_ids, known.metadata) == (request.video_ids, wanted):
        return [Outcome(known, state, ("ID-06",))]
    raise _Refused("TaskExists", "ID-06", task_id=task_id)


def _get(state: State, call: Invocation) -> list[Outcome]:
    return [Outcome(_find(state, call), state, ("LIFE-03",))]


def _list(state: State, call: Invocation) -> list[Outcome]:
    given = {"status": None, "limit": 50, "offset": 0, "after": None, **call.arguments}
    status, limit, offset, after = given.values()
    if status is not None:
        status = _check_status(status)
    for name, value, most in (("limit", limit, _LONGEST_PAGE), ("offset", offset, _LARGEST_OFFSET)):
        _require(type(value) is int, name, "LIST-06", "API-05")
        _require(0 <= value <= most, name, "LIST-06")
    place = _place(after, offset)
    tasks = state.in_order(status)
    end = max(len(tasks) - offset, 0)
    if place is not None:
        end = bisect_left(tasks, place, key=_place_of)
    records = tuple(tasks[max(end - limit, 0) : end][::-1])
    following = None
    if records and limit < end and isinstance(records[-1].created_at, datetime):
        following = cursor_of(records[-1])
    page = Page(records, len(tasks), limit, offset, following)
    return [Outcome(page, state, ("LIST-01", "LIST-03", "LIST-04", "LIST-06"))]


def cursor_of(record: Record) -> str:
    """The cursor that names the place of a task."""
    return f"{(record.created_at - _EPOCH) // timedelta(microseconds=1)}.{record.task_id}"  # type: ignore[operator]


def _place(after: object, offset: int) -> tuple[datetime, str] | None:
    if after is None:
        return None
    found = _CURSOR.fullmatch(after) if isinstance(after, str) and _has_utf8(after) else None
    since = timedelta(microseconds=int(found[1])) if found else None
    if found is None or since is None or offset or not _FIRST - _EPOCH <= since <= _LAST - _EPOCH:
        raise _invalid("after", "LIST-13")
    return _EPOCH + since, found[2]


def _update(state: State, call: Invocation) -> list[Outcome]:
    given = {name: value for name, value in call.arguments.items() if name != "task_id" and value is not None}
    status = _check_status(given.pop("status", None))
    progress = given.get("progress", 0)
    _require(type(progress) in (int, float), "progress", "LIFE-13", "API-05")
    _require(0 <= progress <= _ALL, "progress", "LIFE-13")
    texts = {name: given[name] for name in TEXTS if name in given}
    for name, text in texts.items():
        _check_text(name, text)
    if status == "completed":
        _require(given.get("progress", _ALL) == _ALL, "progress", "LIFE-13")
        given["progress"] = _ALL
    for name in texts if status != "failed" else ():
        _require(not name.startswith("error"), name, "LIFE-13")
    size = sum(map(_bytes_of_text, texts.values()))
    _require(size <= MOST_BYTES, "task", "VAL-06")
    if "progress" in given:
        given["progress"] = float(given["progress"])
    outcomes = _allowed(_change, state, call, {"status": status, **given})
    if size > MOST_BYTES - _LEAST_BYTES:  # no task has room for them: a store need not look at the task
        outcomes.insert(0, Outcome(_invalid("task").raised, state, ("VAL-06", "API-05")))
    return outcomes


def _cancel(state: State, call: Invocation) -> list[Outcome]:
    return _change(state, call, {"status": "cancelled"})


def _change(state: State, call: Invocation, fields: Mapping[str, Any]) -> list[Outcome]:
    task = _find(state, call)
    is_equal = all(is_same(getattr(task, name), value) for name, value in fields.items())
    if task.status in FINAL:
        if is_equal:
            return [Outcome(task, state, ("LIFE-10",))]
        raise _Refused("TaskFinal", "LIFE-10", task_id=task.task_id, status=task.status)
    same = [Outcome(task, state, ("LIFE-03",))] if is_equal else []  # a store may leave it at that
    now = Symbol("time", task.updated_at)
    changed = task._replace(**fields, updated_at=now, completed_at=now if fields["status"] in FINAL else None)
    _check_size(changed)
    if call.operation == "cancel_task":
        requirements: tuple[str, ...] = ("LIFE-09", "LIFE-17", "LIFE-18")
    else:
        ends = ("LIFE-05",) if fields["status"] in ("completed", "failed") else ()
        requirements = ("LIFE-02", "LIFE-04", "LIFE-17", *ends)
    return [Outcome(changed, state.with_task(changed, call.at), requirements), *same]


def _purge(state: State, call: Invocation) -> list[Outcome]:
    before = call.arguments["before"]
    _require(isinstance(before, datetime) and before.tzinfo, "before", "API-05")
    old = {key for key, (task, _) in state.tasks.items() if _ended_before(task, before)}
    outcomes = [Outcome(len(old), state.without(old, "MAINT-01"), ("MAINT-01",))]
    # A moment that is none in UTC may be refused too: it is before the year 1, or after the year 9999.
    if not _FIRST <= before <= _LAST:
        outcomes.append(Outcome(_invalid("before").raised, state, ("MAINT-01",)))
    return outcomes


def _ended_before(task: Record, moment: datetime) -> bool:
    return isinstance(task.completed_at, datetime) and task.completed_at < moment


_NAMED = ("task", "metadata_json", *FIELDS)
"""Arguments that a store may name when it refuses to restore a task."""


def _restore(state: State, call: Invocation) -> list[Outcome]:
    task = call.arguments["task"]
    _require(isinstance(task, Record), "task", "API-05")
    try:
        _check_restorable(task)
    except _Refused as refused:  # the argument is the task: a store may name it, or what is wrong with it
        first = dict(refused.raised.facts)["argument"]
        requirements = "MAINT-04", *refused.requirements
        return [Outcome(_invalid(name).raised, state, requirements) for name in (first, *_NAMED)]
    if state.get(str(task.task_id)) is not None:
        raise _Refused("TaskExists", "MAINT-02", task_id=task.task_id)
    restored = task._replace(progress=float(task.progress))
    outcomes = [Outcome(None, state.with_task(restored, call.at), ("MAINT-02",))]
    # No store gives times of another zone, or a progress that is an integer: either may be refused too.
    times: Any = (task.created_at, task.updated_at, task.completed_at)
    has_other_zone = any(time and time.utcoffset() for time in times)
    if has_other_zone or type(task.progress) is not float:
        outcomes += [Outcome(_invalid(name).raised, state, ("MAINT-04",)) for name in _NAMED]
    return outcomes


def _check_restorable(task: Record) -> None:
    """Refuse a task that no store could have produced, naming the field. All of that is MAINT-04."""
    wrong = next(_wrong_fields(task), "")
    _require(not wrong, wrong)
    texts = (getattr(task, name) or "" for name in TEXTS)
    _require(_has_utf8("".join([*texts, *task.video_ids])), "task", "VAL-09")
    _require(task.metadata[0] == "object", "metadata", "VAL-05")  # it may be another text
    _check_json(plain(task.metadata), "metadata", _DEEPEST + 1)
    _check_size(task)


def _wrong_fields(task: Record) -> Iterator[str]:  # noqa: C901  one rule after the other
    """The fields in which it is wrong. Each rule rests on those before it: take the first."""
    created, updated, completed = task.created_at, task.updated_at, task.completed_at
    is_done, is_failed, is_final = task.status == "completed", task.status == "failed", task.status in FINAL
    if task.status not in STATUSES:
        yield "status"
    if type(task.progress) not in (float, int) or not (_ALL if is_done else 0) <= task.progress <= _ALL:
        yield "progress"
    for name in TEXTS:
        value = getattr(task, name)
        is_allowed = type(value) is str and (is_failed or not name.startswith("error"))
        if not is_allowed and (value is not None or name == "current_step"):
            yield name
    for name in TIMES if is_final else TIMES[:2]:
        time = getattr(task, name)
        if not isinstance(time, datetime) or time.tzinfo is None or not _EPOCH <= time < _END_OF_TIME:
            yield name
    if completed is not None and not is_final:
        yield "completed_at"
    if not created <= (completed or created) <= updated:  # type: ignore[operator]
        yield "updated_at"
    if type(task.task_id) is not str or not _NEW_ID.fullmatch(task.task_id):
        yield "task_id"
    if not _are_texts(task.video_ids):
        yield "video_ids"


_OPERATIONS: Mapping[str, Callable[[State, Invocation], list[Outcome]]] = {
    "create_task": _create,
    "get_task": _get,
    "list_tasks": _list,
    "update_task_status": _update,
    "cancel_task": _cancel,
    "purge": _purge,
    "restore": _restore,
}
OPERATIONS = tuple(_OPERATIONS)
READS = ("get_task", "list_tasks")


def _find(state: State, call: Invocation) -> Record:
    task_id = call.arguments["task_id"]
    _require(isinstance(task_id, str), "task_id", "API-05")
    if (found := state.get(task_id)) is None:
        changes = ("ATOM-01",) if task_id in state.gone and call.operation != "get_task" else ()
        raise _Refused("TaskNotFound", *changes, state.gone.get(task_id, "ID-03"), task_id=task_id)
    return found


def _check_status(status: Any) -> str:
    _require(isinstance(status, str), "status", "LIFE-02", "API-05")
    _require(status in STATUSES, "status", "LIFE-02")
    return str.__str__(status)


def _check_text(name: str, value: Any) -> None:
    if value is not None:
        _require(type(value) is str, name, "API-05")
        _require(_has_utf8(value), name, "VAL-09")


def _are_texts(value: Any) -> bool:
    return type(value) is tuple and {*map(type, value)} == {str}


def _check_json(value: Any, place: str, depth: int) -> None:
    """Refuse what is not JSON, or beyond the limits, naming the argument."""
    kind = type(value)
    if kind in (list, dict):
        _require(depth, place, "VAL-06")
        for key in value if kind is dict else ():
            _require(type(key) is str, place, "VAL-05")
            _check_json(key, place, 0)
        for item in value.values() if kind is dict else value:
            _check_json(item, place, depth - 1)
    elif kind is str:
        _require(_has_utf8(value), place, "VAL-09", "VAL-05")
    elif kind is int:
        _require(value in _INTEGERS, place, "VAL-06")
    else:
        _require(value is None or kind is bool or (kind is float and isfinite(value)), place, "VAL-05")


def _has_utf8(text: str) -> bool:
    return text.isascii() or _SURROGATE.search(text) is None


def _check_size(task: Record) -> None:
    _require(size_of(task) <= MOST_BYTES, "task", "VAL-06")


def size_of(task: Record) -> int:
    """How many bytes a task has: its texts in UTF-8, its video ids and metadata as JSON."""
    texts = (_bytes_of_text(getattr(task, name)) for name in TEXTS)
    return sum(texts) + _bytes_of_json(task.video_ids) + _bytes_of_metadata(task.metadata)


def _bytes_of_text(text: str | None) -> int:
    return len((text or "").encode())


@lru_cache(64)
def _bytes_of_metadata(value: Json) -> int:
    return _bytes_of_json(plain(value))


def _bytes_of_json(value: Any) -> int:
    """The length of a JSON value as text in UTF-8, without a space that JSON does not need (RFC 8259)."""
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())


_LEAST_BYTES = len('[""]{"webhook_url":null,"config":null}')
"""Bytes of the smallest task without its texts."""


def canonical(value: Any) -> Json:
    """A JSON value as a `Json`. The order of keys does not count."""
    try:
        return _canonical_of(marshal.dumps(value, 2))  # most values come again with each reading of their task
    except ValueError:
        return _canonical(value)


@lru_cache(256)
def _canonical_of(form: bytes) -> Json:
    return _canonical(marshal.loads(form))  # noqa: S302  it was made here


def _canonical(value: Any) -> Json:
    kind = type(value)
    if kind is dict:
        return "object", frozenset((key, _canonical(item)) for key, item in value.items())
    if kind is list:
        return "list", tuple(map(_canonical, value))
    return kind.__name__, repr(value) if kind is float else value


def plain(value: Json) -> Any:
    """The JSON value that a `Json` stands for, its keys in order."""
    kind, inside = value
    if kind == "object":
        return {key: plain(item) for key, item in sorted(inside, key=lambda one: repr(one[0]))}
    if kind == "list":
        return [plain(item) for item in inside]
    return float(inside) if kind == "float" else inside
