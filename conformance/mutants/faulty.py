"""A right store with one fault: an operator, applied to a field of an operation, while a condition holds.

Every operator is written once, here. `conformance.mutants.operators` draws faults and runs the tour on them.
"""

from __future__ import annotations

import json
import unicodedata
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any, Literal, Self

from conformance.harness import Capability, Harness, Inspector
from conformance.mutants.around import altered, shaped, with_metadata
from conformance.spec.model import is_same
from taskstore import (
    FailureKind,
    InvalidArgument,
    StoreUnavailable,
    Task,
    TaskCreateRequest,
    TaskExists,
    TaskFinal,
    TaskNotFound,
    TaskPage,
    TaskStatus,
    TaskStoreError,
)

FIELDS = (
    "task_id",
    "status",
    "progress",
    "current_step",
    "video_ids",
    "result_url",
    "error_message",
    "error_traceback",
    "webhook_url",
    "config",
    "created_at",
    "updated_at",
    "completed_at",
)
"""The fields of a task. The two that are inside `metadata` count as fields of their own."""
REQUESTED = ("video_ids", "webhook_url", "config")
DEFAULTS: Mapping[str, Any] = {
    "status": TaskStatus.PENDING,
    "progress": 0.0,
    "current_step": "",
    "limit": 50,
    "offset": 0,
}
"""What a new task, or a call, has if nothing is given. For every other field that is `None`."""
_UPDATABLE = ("status", "progress", "current_step", "result_url", "error_message", "error_traceback")
_IN_METADATA = ("webhook_url", "config")
_FORMS: tuple[Literal["NFC", "NFD", "NFKC", "NFKD"], ...] = ("NFC", "NFD", "NFKC", "NFKD")


@dataclass(frozen=True, slots=True)
class Condition:
    """When a fault shows: a kind, and the bound or the status that goes with it."""

    kind: str = "always"
    bound: Any = None

    def __str__(self) -> str:
        return self.kind if self.bound is None else f"{self.kind} {self.bound}"


@dataclass(frozen=True, slots=True)
class Fault:
    """An operator at a site: `way` is how it gets between the store and its caller, one of `WAYS`.

    `amount` is what the operator needs to know besides: a length, a number of digits, which of its variants.
    """

    operator: str
    way: str
    operation: str
    field: str = ""
    amount: int = 0
    condition: Condition = Condition()

    def __str__(self) -> str:
        where = f"{self.operation} {self.field}".strip()
        return f"{self.operator} {self.amount}, {self.way} of {where}, {self.condition}"


@dataclass
class Trace:
    """What became of a fault: whether its condition was reached, and whether it changed anything."""

    reached: bool = False
    changed: bool = False


@dataclass
class Call:
    """One call of an operation, when the fault knew of so many tasks."""

    operation: str
    arguments: dict[str, Any]
    tasks: int = 0


@dataclass
class Place:
    """What is stored, as the fault knows it. Instances that share their tasks share it."""

    latest: dict[str, Task] = field(default_factory=dict)
    previous: dict[str, Task] = field(default_factory=dict)
    writes: Counter[str] = field(default_factory=Counter)
    restored: set[str] = field(default_factory=set)
    overlay: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Fields that are stored wrong, by task."""
    hidden: set[str] = field(default_factory=set)
    """Tasks that were never stored, though a call said so."""
    gone: dict[str, Task] = field(default_factory=dict)
    """Tasks that were purged or have expired."""

    def wrote(self, task: Task) -> None:
        """Keep a task that a write returned."""
        known = self.latest.get(task.task_id)
        if task.task_id in self.gone:
            del self.writes[task.task_id]
            self.restored.discard(task.task_id)
        self.gone.pop(task.task_id, None)
        if known is not None and known == task:
            return
        if known is not None:
            self.previous[task.task_id] = known
        self.latest[task.task_id] = task
        self.writes[task.task_id] += 1

    def purged(self, before: datetime) -> None:
        """Forget the final tasks of before that moment."""
        for task_id in [one.task_id for one in self.latest.values() if one.completed_at and one.completed_at < before]:
            self.forget(task_id)

    def forget(self, task_id: str) -> None:
        """Forget a task that is gone, but for what it was."""
        if task_id in self.latest:
            self.gone[task_id] = self.latest[task_id]
        for kept in (self.latest, self.previous, self.overlay):
            kept.pop(task_id, None)
        self.hidden.discard(task_id)


@dataclass
class Namespace:
    """A namespace: how many stores were opened on it and closed again, and how much time has passed."""

    place: Place = field(default_factory=Place)
    opened: int = 0
    closed: int = 0
    ahead: timedelta = timedelta(0)


def field_of(task: Task, name: str) -> Any:
    """A field of a task."""
    return task.metadata.get(name) if name in _IN_METADATA else getattr(task, name)


def with_field(task: Task, name: str, value: Any) -> Task:
    """The task with another value of a field."""
    if name in _IN_METADATA:
        return with_metadata(task, {**task.metadata, name: value})
    return altered(task, **{name: value})


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal in value and type, at any depth."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, datetime):
        return bool(one == other) and one.tzinfo == other.tzinfo
    return is_same(one, other)


# Operators on values. Each takes a value and the amount, and returns the value where it has nothing to change.

_STRIPS: tuple[Callable[[str], str], ...] = (
    str.strip,
    str.rstrip,
    str.lstrip,
    lambda text: text.replace("\0", ""),
    lambda text: text.replace("\r\n", "\n"),
    lambda text: text.removeprefix("\ufeff"),
)
_FOLDS: tuple[Callable[[str], str], ...] = (str.lower, str.upper, str.casefold)


def _leaves(change: Callable[[Any], Any], value: Any, *, keys: bool = False) -> Any:
    """Change every value inside a JSON value, and the keys of objects if they are asked for."""
    if type(value) is dict:
        return {change(key) if keys else key: _leaves(change, one, keys=keys) for key, one in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_leaves(change, one, keys=keys) for one in value)
    return change(value)


def _of_texts(change: Callable[[str], str], value: Any) -> Any:
    return _leaves(lambda one: change(one) if type(one) is str else one, value, keys=True)


def _drop(value: Any, _: int) -> Any:
    if type(value) in (tuple, list) and len(value) > 1:
        return value[:-1]
    if type(value) is dict and value:
        return dict(list(value.items())[:-1])
    return None


def _truncate(value: Any, amount: int) -> Any:
    if type(value) is dict:
        return {key: _truncate(one, amount) for key, one in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_truncate(one, amount) for one in value[: max(amount, 1)])
    return value[:amount] if type(value) is str else value


def _clamp(value: Any, amount: int) -> Any:
    """Of numbers inside JSON the amount is the number of bits."""

    def change(one: Any) -> Any:
        return min(one, (1 << amount) - 1) if type(one) is int else one

    if type(value) is float:
        return min(value, float(amount))
    return min(value, amount) if type(value) is int else _leaves(change, value)


def _round(value: Any, amount: int) -> Any:
    """Keep so many significant digits; of a time milliseconds, or seconds if the amount is even."""
    if isinstance(value, datetime):
        return value.replace(microsecond=value.microsecond // 1_000 * 1_000 if amount % 2 else 0)
    return _leaves(lambda one: float(f"{one:.{amount}g}") if type(one) is float else one, value)


def _fold(value: Any, amount: int) -> Any:
    return _of_texts(_FOLDS[amount % len(_FOLDS)], value)


def _normalise(value: Any, amount: int) -> Any:
    return _of_texts(lambda text: unicodedata.normalize(_FORMS[amount % len(_FORMS)], text), value)


def _strip(value: Any, amount: int) -> Any:
    return _of_texts(_STRIPS[amount % len(_STRIPS)], value)


def _whole(value: Any) -> Any:
    return int(value) if type(value) is float and value.is_integer() else value


def _floating(value: Any) -> Any:
    return float(value) if type(value) is int and abs(value) < 1 << 53 else value


def _number(value: Any) -> Any:
    return int(value) if type(value) is str and value.isascii() and value.isdigit() and len(value) < 16 else value  # noqa: PLR2004  exact as a float


_JSON_TYPES: tuple[Callable[[Any], Any], ...] = (
    _whole,
    _floating,
    _number,
    lambda value: int(value) if type(value) is bool else value,
    lambda value: "" if value is None else value,
    lambda value: abs(value) if type(value) is float and value == 0 else value,
)


def _type(value: Any, amount: int) -> Any:
    if isinstance(value, TaskStatus):
        return value.value
    if isinstance(value, datetime):
        zone = timezone(timedelta(hours=1))
        return value.replace(tzinfo=None) if amount % 2 else value.astimezone(zone)
    if type(value) is tuple:
        return list(value)
    if type(value) is dict:
        return _leaves(_JSON_TYPES[amount % len(_JSON_TYPES)], value)
    return _whole(value)


def _off_by_one(value: Any, amount: int) -> Any:
    by = 1 if amount % 2 else -1
    if isinstance(value, datetime):
        return value + timedelta(microseconds=by)
    if type(value) is float:
        return value + by if 0 <= value + by <= 100 else value - by  # noqa: PLR2004  what progress may be
    if type(value) is int:
        return max(value + by, 0)
    return _leaves(lambda one: one + by if type(one) is int else one, value)


def _reorder(value: Any, amount: int) -> Any:
    if type(value) is dict:
        return {key: _reorder(one, amount) for key, one in value.items()}
    if type(value) not in (list, tuple):
        return value
    if amount % 3 == 0:
        return value[::-1]
    if amount % 3 == 1:
        return type(value)(sorted(value, key=repr))
    unlike = {repr(one): one for one in value}
    return type(value)(unlike.values())


def _duplicate(value: Any, _: int) -> Any:
    return value + value[-1:] if type(value) in (list, tuple) else value


VALUE_OPERATORS: Mapping[str, Callable[[Any, int], Any]] = {
    "drop": _drop,
    "truncate": _truncate,
    "clamp": _clamp,
    "round": _round,
    "fold": _fold,
    "normalise": _normalise,
    "strip": _strip,
    "type": _type,
    "off-by-one": _off_by_one,
    "reorder": _reorder,
    "duplicate": _duplicate,
}


def size_of(value: Any) -> int:
    """How many bytes a value has as JSON text, or a text as UTF-8."""
    if isinstance(value, str):
        return len(value.encode(errors="replace"))
    try:
        return len(json.dumps(value, ensure_ascii=False).encode(errors="replace"))
    except (TypeError, ValueError, RecursionError):
        return 0


def items_of(value: Any) -> int:
    """How many values are inside a value, at any depth."""
    if isinstance(value, dict):
        return len(value) + sum(map(items_of, value.values()))
    return len(value) + sum(map(items_of, value)) if isinstance(value, list | tuple) else 0


def depth_of(value: Any) -> int:
    """How deep the lists and objects of a value are nested."""
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else None
    return 0 if inside is None else 1 + max(map(depth_of, inside), default=0)


class Faulty:
    """An open store with a fault. What the fault does not concern passes through."""

    def __init__(self, store: Any, fault: Fault, trace: Trace, namespace: Namespace, place: Place) -> None:
        self._store = store
        self._fault = fault
        self._trace = trace
        self._namespace = namespace
        self._place = place
        self._instance = namespace.opened - namespace.closed
        self._is_reopened = namespace.closed > 0
        self._kept: dict[Any, Any] = {}
        self._served: Counter[Any] = Counter()
        namespace.opened += 1

    async def create_task(self, request: TaskCreateRequest, *, task_id: str | None = None) -> Any:
        named = {} if task_id is None else {"task_id": task_id}
        return await self._do("create_task", request=request, **named)

    async def get_task(self, task_id: str) -> Any:
        return await self._do("get_task", task_id=task_id)

    async def list_tasks(
        self, status: TaskStatus | None = None, limit: int = 50, offset: int = 0, *, after: str | None = None
    ) -> Any:
        return await self._do("list_tasks", status=status, limit=limit, offset=offset, after=after)

    async def update_task_status(self, task_id: str, status: TaskStatus, progress: Any = None, **texts: Any) -> Any:
        return await self._do("update_task_status", task_id=task_id, status=status, progress=progress, **texts)

    async def cancel_task(self, task_id: str) -> Any:
        return await self._do("cancel_task", task_id=task_id)

    async def purge(self, before: datetime) -> Any:
        return await self._do("purge", before=before)

    async def restore(self, task: Task) -> Any:
        return await self._do("restore", task=task)

    async def aclose(self) -> None:
        await self._store.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def _do(self, operation: str, **arguments: Any) -> Any:
        call = Call(operation, arguments, len(self._place.latest))
        if self._fault.way == "alias":
            return await self._alias(call)
        if self._fault.way == "stale" and operation != self._fault.operation:
            return await self._write_past_cache(call)
        if operation != self._fault.operation:
            return await self._perform(call)
        return await WAYS[self._fault.way](self, call)

    async def _perform(self, call: Call) -> Any:
        """Make the call on the right store, and keep what it wrote."""
        place, arguments = self._place, call.arguments
        try:
            answer = await getattr(self._store, call.operation)(**arguments)
        except TaskNotFound as error:
            place.forget(error.task_id)
            raise
        if call.operation == "restore":
            place.wrote(arguments["task"])
            place.restored.add(arguments["task"].task_id)
        elif call.operation == "purge":
            place.purged(arguments["before"])
        elif call.operation == "list_tasks":
            return self._page_of_stored(answer)
        else:
            if answer.task_id in place.hidden:
                raise TaskNotFound(answer.task_id)
            if call.operation != "get_task":
                self._end_overlay(call, answer)
                place.wrote(answer)
            return self._stored(answer)
        return answer

    def _end_overlay(self, call: Call, answer: Task) -> None:
        """A write replaces what was stored wrong."""
        wrong = self._place.overlay.get(answer.task_id)
        if wrong is None or self._place.latest.get(answer.task_id) == answer:
            return
        given = {name for name, value in call.arguments.items() if value is not None}
        for name in list(wrong):
            if name in given or name in ("status", "updated_at", "completed_at") or "created_at" in wrong:
                del wrong[name]

    def _stored(self, task: Task) -> Task:
        for name, value in self._place.overlay.get(task.task_id, {}).items():
            task = with_field(task, name, value)
        return task

    def _page_of_stored(self, page: TaskPage) -> TaskPage:
        if not self._place.overlay and not self._place.hidden:
            return page
        shown = tuple(self._stored(task) for task in page.tasks if task.task_id not in self._place.hidden)
        gone = len(page.tasks) - len(shown)
        return page.model_copy(update={"tasks": shown, "total": page.total - gone})

    # Conditions.

    def _holds(self, call: Call, value: Any = None, task: Any = None, status: Any = None) -> bool:
        """Whether the condition of the fault holds for a value of a call, and for a task."""
        condition = self._fault.condition
        if task is not None and status is None:
            status = task.status
        holds = self._is(condition.kind, condition.bound, call, value, getattr(task, "task_id", None), status)
        self._trace.reached = self._trace.reached or holds
        return holds

    def _is(self, kind: str, bound: Any, call: Call, value: Any, task_id: Any, status: Any) -> bool:
        given = call.arguments.get
        numbers = (int, float)
        checks: dict[str, Callable[[], bool]] = {
            "always": lambda: True,
            "status": lambda: status == bound,
            "writes": lambda: self._place.writes[task_id] >= bound,
            "size": lambda: value is not None and size_of(value) >= bound,
            "items": lambda: items_of(value) >= bound,
            "depth": lambda: depth_of(value) >= bound,
            "number": lambda: type(value) in numbers and value >= bound,
            "tasks": lambda: call.tasks > bound,
            "filter": lambda: given("status") is not None,
            "offset": lambda: type(given("offset")) is int and given("offset", 0) >= bound,
            "limit": lambda: type(given("limit")) is int and given("limit", 0) >= bound,
            "cursor": lambda: given("after") is not None,
            "restored": lambda: task_id in self._place.restored,
            "second": lambda: self._instance > 0,
            "reopened": lambda: self._is_reopened,
            "later": lambda: self._namespace.ahead >= timedelta(seconds=bound),
        }
        return checks[kind]()

    def _changed(self, is_changed: bool = True) -> None:
        self._trace.changed = self._trace.changed or is_changed

    def _wrong(self, value: Any, task: Any = None) -> Any:
        """What the operator makes of a value."""
        fault = self._fault
        if fault.operator == "default":
            return DEFAULTS.get(fault.field)
        if fault.operator == "old":
            before = self._place.previous.get(getattr(task, "task_id", ""))
            return value if before is None else field_of(before, fault.field)
        try:
            return VALUE_OPERATORS[fault.operator](value, fault.amount)
        except (ValueError, OverflowError, RecursionError):  # a number beyond its bounds, a hostile argument
            return value

    # The ways in which a fault gets between the store and its caller.

    async def answer(self, call: Call) -> Any:
        """A field is wrong in what comes out of one operation."""
        answer = await self._perform(call)
        if isinstance(answer, TaskPage):
            return answer.model_copy(update={"tasks": tuple(self._spoiled(call, task) for task in answer.tasks)})
        return self._spoiled(call, answer)

    def _spoiled(self, call: Call, task: Task) -> Task:
        name = self._fault.field
        value = field_of(task, name)
        if not self._holds(call, value, task):
            return task
        wrong = self._wrong(value, task)
        if same(value, wrong):
            return task
        self._changed()
        return with_field(task, name, wrong)

    async def stored(self, call: Call) -> Any:
        """A write answers right, and stores a field wrong."""
        name = self._fault.field
        task_id = call.arguments.get("task_id", "")
        before = self._place.latest.get(task_id) if isinstance(task_id, str) else None
        answer = await self._perform(call)
        task = answer if isinstance(answer, Task) else call.arguments["task"]
        value = field_of(task, name)
        if before != task and self._holds(call, value, task):
            wrong = self._wrong(value, task)
            if not same(value, wrong):
                self._place.overlay.setdefault(task.task_id, {})[name] = wrong
                self._changed()
        return answer

    async def argument(self, call: Call) -> Any:
        """An argument is changed on its way in."""
        name, arguments = self._fault.field, call.arguments
        if call.operation == "create_task" and name in REQUESTED:
            return await self._create_otherwise(call)
        if call.operation == "restore":
            return await self._restore_otherwise(call)
        value = arguments.get(name)
        known = self._place.latest.get(arguments["task_id"]) if type(arguments.get("task_id")) is str else None
        status = arguments.get("status")
        if value is None or not self._holds(call, value, known, status):
            return await self._perform(call)
        wrong = self._wrong(value, known)
        if same(value, wrong):
            return await self._perform(call)
        changed = Call(call.operation, {**arguments, name: wrong})
        if call.operation == "list_tasks":
            return await self._list_otherwise(call, changed)
        if call.operation == "purge":
            finished = [one.completed_at for one in self._place.latest.values() if one.completed_at]
            self._changed(any((one < value) is not (one < wrong) for one in finished))
        elif name == "task_id" and call.operation != "create_task":
            self._changed(value in self._place.latest or wrong in self._place.latest)
        else:
            self._changed()
        try:
            return await self._perform(changed)
        except TaskStoreError as error:
            if name == "task_id" and getattr(error, "task_id", None) == wrong:
                error.task_id = value  # type: ignore[attr-defined]
            raise

    async def _create_otherwise(self, call: Call) -> Any:
        name, request = self._fault.field, call.arguments["request"]
        if not isinstance(request, TaskCreateRequest):
            return await self._perform(call)
        value = getattr(request, name)
        if value is None or not self._holds(call, value):
            return await self._perform(call)
        wrong = self._wrong(value)
        if same(value, wrong):
            return await self._perform(call)
        self._changed()
        fields = {**{one: getattr(request, one) for one in REQUESTED}, name: wrong}
        return await self._perform(
            Call(call.operation, {**call.arguments, "request": TaskCreateRequest.model_construct(**fields)})
        )

    async def _restore_otherwise(self, call: Call) -> Any:
        task = call.arguments["task"]
        if not isinstance(task, Task):
            return await self._perform(call)
        had_changed = self._trace.changed
        try:
            return await self._perform(Call(call.operation, {"task": self._spoiled(call, task)}))
        except TaskExists:
            self._trace.changed = had_changed  # nothing of the task was looked at
            raise

    async def _list_otherwise(self, call: Call, changed: Call) -> Any:
        right = await self._perform(call)
        page = await self._perform(changed)
        page = page.model_copy(update={"limit": right.limit, "offset": right.offset})
        self._changed(page != right)
        return page

    async def page(self, call: Call) -> Any:
        """A page is wrong: its entries, or one of its other fields."""
        right = await self._perform(call)
        name = self._fault.field
        if not self._holds(call, len(right.tasks) if name == "tasks" else getattr(right, name)):
            return right
        tasks = list(right.tasks)
        wrong: Any
        if name == "tasks":
            wrong = self._other_entries(tasks)
        elif name == "next":
            wrong = self._other_cursor(tasks, right.next)
        elif name == "total" and self._fault.operator == "default":
            wrong = len(tasks)
        else:
            wrong = self._wrong(getattr(right, name))
        page = right.model_copy(update={name: wrong})
        self._changed(page != right)
        return page

    def _other_entries(self, tasks: list[Task]) -> tuple[Task, ...]:
        place = self._fault.amount
        if len(tasks) > place:
            if self._fault.operator == "drop":
                del tasks[place]
            elif self._fault.operator == "duplicate":
                tasks.insert(place, tasks[place])
            else:
                tasks[place : place + 2] = tasks[place : place + 2][::-1]
        return tuple(tasks)

    def _other_cursor(self, tasks: list[Task], cursor: str | None) -> str | None:
        if cursor is None or self._fault.operator == "drop":
            return None
        if len(tasks) < 2:  # noqa: PLR2004  the last but one
            return cursor
        moment, _, _ = cursor.partition(".")
        by = tasks[-2].created_at - tasks[-1].created_at
        return f"{int(moment) + by // timedelta(microseconds=1)}.{tasks[-2].task_id}"

    async def write(self, call: Call) -> Any:
        """A write is not made, though its answer says so; or it is made twice."""
        arguments = call.arguments
        given = arguments.get("task_id")
        before = self._place.latest.get(given) if isinstance(given, str) else None
        if call.operation == "purge":
            return await self._purge_otherwise(call)
        was_there = {*self._place.latest} if call.operation == "create_task" and given else set()
        answer = await self._perform(call)
        task = arguments["task"] if call.operation == "restore" else answer
        if task == before or task.task_id in was_there or not self._holds(call, task.metadata_json, task):
            return answer
        if self._fault.operator == "duplicate":
            try:
                again = await self._perform(call)
            except TaskStoreError:
                self._changed()
                raise
            self._changed(again != answer)
        elif before is None:
            self._place.hidden.add(task.task_id)
            self._changed()
        else:
            fields = {name: field_of(before, name) for name in (*_UPDATABLE, "updated_at", "completed_at")}
            self._place.overlay[task.task_id] = {**fields, "created_at": before.created_at}
            self._changed()
        return answer

    async def _purge_otherwise(self, call: Call) -> Any:
        before = call.arguments["before"]
        latest = self._place.latest.values()
        is_time = isinstance(before, datetime) and before.tzinfo is not None
        count = sum(1 for one in latest if one.completed_at and one.completed_at < before) if is_time else 0
        if not self._holds(call, count) or not count:
            return await self._perform(call)
        self._changed()
        if self._fault.operator == "drop":
            return count
        await self._perform(call)
        return await self._perform(call)

    async def count(self, call: Call) -> Any:
        """A purge states a wrong count."""
        right = await self._perform(call)
        if not self._holds(call, right):
            return right
        wrong = 0 if self._fault.operator == "default" else self._wrong(right)
        self._changed(wrong != right)
        return wrong

    async def forget(self, call: Call) -> Any:
        """A task that is there is not found."""
        if call.operation == "list_tasks":
            right = await self._perform(call)
            kept = tuple(one for one in right.tasks if not self._holds(call, one.metadata_json, one))
            gone = len(right.tasks) - len(kept)
            self._changed(gone > 0)
            return right.model_copy(update={"tasks": kept, "total": right.total - gone})
        task_id = call.arguments["task_id"]
        known = self._place.latest.get(task_id) if isinstance(task_id, str) else None
        if known is not None and self._holds(call, known.metadata_json, known):
            await self.check_is_there(task_id)
            self._changed()
            raise TaskNotFound(task_id)
        return await self._perform(call)

    async def check_is_there(self, task_id: str) -> None:
        """Raise what the right store raises for a task that is not there."""
        await self._perform(Call("get_task", {"task_id": task_id}))

    async def error(self, call: Call) -> Any:
        """An error is swallowed, or another one is raised, or it states a wrong fact."""
        kind, _, what = self._fault.field.partition(" ")
        try:
            return await self._perform(call)
        except TaskStoreError as error:
            if type(error).__name__ != kind:
                raise
            if isinstance(error, InvalidArgument) and error.argument.partition("[")[0] != what:
                raise
            given = call.arguments.get("task_id", getattr(call.arguments.get("task"), "task_id", None))
            known = self._place.latest.get(given) if isinstance(given, str) else None
            if not self._holds(call, call.arguments.get(what), known):
                raise
            if self._fault.operator == "swallow":
                self._changed()
                return TaskPage(tasks=(), total=0, limit=0, offset=0) if call.operation == "list_tasks" else known
            if self._fault.operator == "wrong-fact":
                self._state_otherwise(error, what)
                raise
            self._changed()
            kinds = (ValueError("wrong"), KeyError("wrong"), RuntimeError("wrong"), _other(error))
            raise kinds[self._fault.amount % 4] from None

    def _state_otherwise(self, error: Any, what: str) -> None:
        amount = self._fault.amount
        if isinstance(error, InvalidArgument):
            error.argument = "argument"
        elif what == "status":
            shown = tuple(one for one in TaskStatus if one is not error.status)
            error.status = shown[amount % len(shown)]
        else:
            text = error.task_id
            error.task_id = text[:amount] if amount > 2 else _FOLDS[amount](text)  # noqa: PLR2004  how many folds there are
            self._changed(error.task_id != text)
            return
        self._changed()

    async def refuse(self, call: Call) -> Any:
        """A call that is right is refused."""
        name, arguments = self._fault.field, call.arguments
        value = arguments.get(name)
        if call.operation == "create_task" and name in REQUESTED:
            value = getattr(arguments["request"], name, None)
        elif call.operation == "restore":
            task = arguments["task"]
            value = field_of(task, name) if isinstance(task, Task) else None
        given = arguments.get("task_id", getattr(arguments.get("task"), "task_id", None))
        known = self._place.latest.get(given) if isinstance(given, str) else None
        if not self._holds(call, value, known, arguments.get("status")):
            return await self._perform(call)
        await self._perform(call)
        self._changed()
        kinds = (
            InvalidArgument(name or "argument", "is refused"),
            StoreUnavailable("nowhere", FailureKind.BROKEN, False, "it is refused"),
            ValueError("it is refused"),
        )
        raise kinds[self._fault.amount % 3]

    async def stale(self, call: Call) -> Any:
        """A read is answered from a cache: for some calls, or until a write of this instance that is no purge."""
        right = await self._perform(call)
        key = tuple(map(str, call.arguments.values()))
        if isinstance(right, Task) or self._fault.operation == "list_tasks":
            task = right if isinstance(right, Task) else None
            value = task.metadata_json if task else None
            if not self._holds(call, value, task):
                return right
        if key not in self._kept:
            self._kept[key] = right
            self._served[key] = 0
            return right
        kept = self._kept[key]
        self._served[key] += 1
        if self._fault.amount and self._served[key] >= self._fault.amount:
            del self._kept[key]
        if self._fault.field == "total":
            kept = right.model_copy(update={"total": kept.total})
        self._changed(kept != right)
        return kept

    async def _write_past_cache(self, call: Call) -> Any:
        answer = await self._perform(call)
        if not self._fault.amount and call.operation in ("create_task", "update_task_status", "cancel_task", "restore"):
            self._kept.clear()
        return answer

    async def outlive(self, call: Call) -> Any:
        """A task that is gone is still found: what was last seen of it is returned."""
        try:
            return await self._perform(call)
        except TaskNotFound as error:
            kept = self._place.gone.get(error.task_id)
            if kept is None or not self._holds(call, kept.metadata_json, kept):
                raise
            self._changed()
            return kept

    async def _alias(self, call: Call) -> Any:
        if self._fault.field == "request":
            return await self._keep_reference(call)
        answer = await self._perform(call)
        if call.operation != self._fault.operation and self._fault.field != "live":
            return answer
        if isinstance(answer, TaskPage):
            if call.operation != self._fault.operation:
                return answer
            return answer.model_copy(update={"tasks": tuple(self._handed(call, task) for task in answer.tasks)})
        return self._handed(call, answer) if isinstance(answer, Task) else answer

    def _handed(self, call: Call, task: Task) -> Any:
        """The same object as last time: with a `metadata` that can be changed, or one that follows the store."""
        kept = self._kept.get(task.task_id)
        if self._fault.field == "live":
            if kept is not None and kept.updated_at != task.updated_at:
                self._changed()
                vars(kept).update(vars(task))
            if call.operation != self._fault.operation or not self._holds(call, task.metadata_json, task):
                return task
            if kept is None:
                kept = self._kept[task.task_id] = SimpleNamespace(**vars(task), metadata=task.metadata)
            self._changed(any(not same(value, getattr(kept, name)) for name, value in vars(task).items()))
            return kept
        if not self._holds(call, task.metadata_json, task):
            return task
        if kept is None:
            kept = self._kept[task.task_id] = task.metadata
        self._changed(not same(kept, task.metadata))
        return shaped(_Shared, task, shared=kept)

    async def _keep_reference(self, call: Call) -> Any:
        answer = await self._perform(call)
        if call.operation == "create_task" and call.arguments["request"].config is not None:
            request = call.arguments["request"]
            if self._holds(call, request.config):
                self._kept.setdefault(answer.task_id, request.config)
        elif call.operation != self._fault.operation:
            return answer
        elif isinstance(answer, TaskPage):
            return answer.model_copy(update={"tasks": tuple(map(self._with_reference, answer.tasks))})
        else:
            return self._with_reference(answer)
        return answer

    def _with_reference(self, task: Task) -> Task:
        config = self._kept.get(task.task_id)
        if config is None or same(config, task.metadata.get("config")):
            return task
        self._changed()
        return with_field(task, "config", config)


class _Shared(Task):
    """A task whose `metadata` is one object for all who get it."""

    @property
    def metadata(self) -> Any:
        return vars(self)["shared"]


def _other(error: Any) -> TaskStoreError:
    """Another error of the contract."""
    task_id = getattr(error, "task_id", "task")
    if isinstance(error, TaskNotFound):
        return TaskExists(task_id)
    return TaskNotFound(task_id) if not isinstance(error, TaskExists) else TaskFinal(task_id, TaskStatus.COMPLETED)


WAYS: Mapping[str, Callable[[Faulty, Call], Any]] = {
    "answer": Faulty.answer,
    "stored": Faulty.stored,
    "argument": Faulty.argument,
    "page": Faulty.page,
    "write": Faulty.write,
    "count": Faulty.count,
    "forget": Faulty.forget,
    "error": Faulty.error,
    "refuse": Faulty.refuse,
    "stale": Faulty.stale,
    "outlive": Faulty.outlive,
}
"""How a fault gets between the store and its caller; `alias` besides, which concerns more than one operation."""


class FaultyHarness(Harness):
    """A right subject, whose stores have faults, one around the other. The base is kept running by whoever made it."""

    def __init__(self, base: Harness, *faults: Fault) -> None:
        self.capabilities = base.capabilities
        self.traces = {fault: Trace() for fault in faults}
        self._base = base
        self._namespaces: dict[str, dict[Fault, Namespace]] = {}

    @contextmanager
    def running(self) -> Iterator[None]:
        """The base runs already."""
        yield

    @asynccontextmanager
    async def open(self, namespace: str) -> AsyncIterator[Any]:
        """The base's store, with the faults."""
        known = self._of(namespace)
        async with self._base.open(namespace) as right:
            store: Any = right
            for fault, trace in self.traces.items():
                place = known[fault].place if Capability.SHARED in self.capabilities else Place()
                store = Faulty(store, fault, trace, known[fault], place)
            try:
                yield store
            finally:
                for one in known.values():
                    one.closed += 1

    def advance(self, namespace: str, by: timedelta) -> None:
        """As the base does."""
        self._base.advance(namespace, by)
        for one in self._of(namespace).values():
            one.ahead += by

    def inspector(self, namespace: str) -> Inspector:
        """The base's."""
        return self._base.inspector(namespace)

    def discard(self, namespace: str) -> None:
        """As the base does."""
        self._base.discard(namespace)
        self._namespaces.pop(namespace, None)

    def _of(self, namespace: str) -> dict[Fault, Namespace]:
        return self._namespaces.setdefault(namespace, {fault: Namespace() for fault in self.traces})
