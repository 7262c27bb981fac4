"""A scene: calls that are planned before they are made, on one or two instances of a store, and that print as Python."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, TypeAlias

from conformance.harness import Capability
from conformance.spec.model import FIELDS, Record, Request, plain

_LONG = 80


@dataclass(frozen=True, slots=True)
class Ref:
    """The id of the task that an earlier step returned, with this text before and behind it."""

    label: str
    before: str = ""
    behind: str = ""


@dataclass(frozen=True, slots=True)
class Member:
    """The id of a task of the page that an earlier step returned, by its place on it."""

    label: str
    index: int


@dataclass(frozen=True, slots=True)
class Cursor:
    """The `next` of the page that an earlier step returned."""

    label: str


@dataclass(frozen=True, slots=True)
class TimeOf:
    """A time of the task that an earlier step returned, and this much more."""

    label: str
    name: str = "completed_at"
    plus: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class Copy:
    """The task that an earlier step returned, with other fields, for `restore`."""

    label: str
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Step:
    """A call of an operation.

    `about` names requirements that decide whether the call may fail, where the operation alone does not tell.
    """

    operation: str
    arguments: Mapping[str, Any]
    label: str = ""
    on: int = 0
    about: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Together:
    """Calls that are made at the same time. The last `cancelled` of them are cancelled before they end."""

    steps: tuple[Step, ...]
    cancelled: int = 0


@dataclass(frozen=True, slots=True)
class Populate:
    """So many tasks are created, at the same time in batches. Every task in turn gets one of the statuses."""

    count: int
    statuses: tuple[str, ...] = ("pending",)


@dataclass(frozen=True, slots=True)
class Advance:
    """Time passes."""

    by: timedelta


@dataclass(frozen=True, slots=True)
class Tick:
    """A few milliseconds pass, so that the time of the next write is another one."""


@dataclass(frozen=True, slots=True)
class Reopen:
    """An instance is closed, and another is opened in its place."""

    on: int = 0


@dataclass(frozen=True, slots=True)
class Close:
    """An instance is closed, and is used nevertheless."""

    on: int = 0


@dataclass(frozen=True, slots=True)
class Walk:
    """All pages of a listing, by offset or by cursor."""

    limit: int
    status: str | None = None
    by_cursor: bool = False
    on: int = 0


@dataclass(frozen=True, slots=True)
class Optional:
    """Actions for stores that have these capabilities and methods; others go on without them."""

    actions: tuple[Any, ...]
    needs: frozenset[Capability] = frozenset()
    methods: tuple[str, ...] = ()


Action: TypeAlias = Step | Together | Populate | Advance | Tick | Reopen | Close | Walk | Optional


@dataclass(frozen=True)
class Scene:
    """Steps in a namespace of their own, what a store must have for them, and the classes of the plan that they visit."""

    name: str
    actions: tuple[Action, ...]
    classes: tuple[str, ...] = ()
    needs: frozenset[Capability] = frozenset()
    lacks: frozenset[Capability] = frozenset()
    methods: tuple[str, ...] = ()
    instances: int = 1
    about: tuple[str, ...] = ()
    is_audited: bool = True
    """Whether each write is followed by reads that look for what it changed."""


def create(label: str = "a", task_id: Any = None, on: int = 0, about: tuple[str, ...] = (), **fields: Any) -> Step:
    """A creation, of a `Request` with these fields."""
    arguments: dict[str, Any] = {"request": Request(**fields)}
    if task_id is not None:
        arguments["task_id"] = task_id
    return Step("create_task", arguments, label, on, about)


def get(task: Any = "a", on: int = 0, about: tuple[str, ...] = ()) -> Step:
    """A `get_task`, of the task of a label or of an id that is no plain label."""
    return Step("get_task", {"task_id": _id(task)}, "", on, about)


def update(
    task: Any, status: Any, on: int = 0, about: tuple[str, ...] = (), label: str | None = None, **fields: Any
) -> Step:
    """An `update_task_status`."""
    label = task if label is None and isinstance(task, str) else label or ""
    return Step("update_task_status", {"task_id": _id(task), "status": status, **fields}, label, on, about)


def cancel(task: Any = "a", on: int = 0, about: tuple[str, ...] = ()) -> Step:
    """A `cancel_task`."""
    return Step("cancel_task", {"task_id": _id(task)}, task if isinstance(task, str) else "", on, about)


def listing(label: str = "", on: int = 0, about: tuple[str, ...] = (), **arguments: Any) -> Step:
    """A `list_tasks`."""
    return Step("list_tasks", arguments, label, on, about)


def purge(before: Any, on: int = 0, about: tuple[str, ...] = ()) -> Step:
    """A `purge`."""
    return Step("purge", {"before": before}, "", on, about)


def restore(task: Any, label: str = "", on: int = 0, about: tuple[str, ...] = ()) -> Step:
    """A `restore`."""
    return Step("restore", {"task": task}, label, on, about)


def _id(task: Any) -> Any:
    return Ref(task) if isinstance(task, str) else task


@dataclass(frozen=True, slots=True)
class Text:
    """An id that is given as it is: a plain text in its place would be a label."""

    value: Any


class Script:
    """What was done in a scene, as lines of Python that a person can run."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def call(self, step: Step, known: Mapping[str, Any]) -> str:
        """A call as an expression. Results of earlier steps have names if they are in `known`."""
        texts = []
        for name, value in step.arguments.items():
            text = self.value(value, known)
            is_first = (name in ("task_id", "status") and step.operation != "list_tasks") or name == "request"
            texts.append(
                text if is_first and step.operation != "create_task" or name == "request" else f"{name}={text}"
            )
        return f"store{step.on + 1}.{step.operation}({', '.join(texts)})"

    def step(self, step: Step, known: Mapping[str, Any], came: str = "") -> None:
        """Write a call down, and what came of it if that is worth saying."""
        name = f"{step.label} = " if step.label else ""
        self.lines.append(f"{name}await {self.call(step, known)}{f'  # {came}' if came else ''}")

    def value(self, value: Any, known: Mapping[str, Any]) -> str:
        """A value as an expression."""
        if isinstance(value, Text):
            return source(value.value)
        if isinstance(value, Ref):
            parts = (source(value.before), f"{value.label}.task_id", source(value.behind))
            return " + ".join(part for part in parts if part != "''")
        if isinstance(value, Member):
            return f"{value.label}.tasks[{value.index}].task_id"
        if isinstance(value, Cursor):
            return f"{value.label}.next"
        if isinstance(value, TimeOf):
            plus = f" + {source(value.plus)}" if value.plus else ""
            return f"{value.label}.{value.name}{plus}"
        if isinstance(value, Copy):
            changed = f"update={source(dict(value.fields))}" if value.fields else ""
            return f"{value.label}.model_copy({changed})"
        return source(value)


def source(value: Any) -> str:
    """A value as a Python expression, short where it repeats itself."""
    if isinstance(value, Request):
        fields = {"video_ids": value.video_ids, "webhook_url": value.webhook_url, "config": value.config}
        given = (f"{name}={source(one)}" for name, one in fields.items() if one is not None)
        return f"TaskCreateRequest({', '.join(given)})"
    if isinstance(value, Record):
        fields = {name: getattr(value, name) for name in FIELDS}
        given = (f"{name}={source(plain(one) if name == 'metadata' else one)}" for name, one in fields.items())
        return f"Task({', '.join(given)})"
    if isinstance(value, Enum):
        return f"{type(value).__name__}.{value.name}"
    if type(value) is str and len(value) > _LONG:
        return _repeated(value)
    if type(value) is int and value.bit_length() > 200:  # noqa: PLR2004  about sixty digits
        return _power(value)
    if type(value) is list or type(value) is tuple:
        return _items(value)
    if type(value) is dict:
        return f"{{{', '.join(f'{source(key)}: {source(one)}' for key, one in value.items())}}}"
    if isinstance(value, datetime | timedelta):
        return repr(value).replace("datetime.", "").replace("timezone.utc", "UTC")
    try:
        return repr(value)
    except Exception:  # noqa: BLE001  a hostile value may have no repr
        return f"<{type(value).__name__}>"


def _repeated(text: str) -> str:
    for period in (1, 2, 3, 4, 6, 8):
        unit, times = text[:period], len(text) // period
        whole = unit * times
        if text.startswith(whole[:_LONG]) and text.startswith(whole):
            rest = text[len(whole) :]
            return f"{unit!r} * {times}" + (f" + {rest!r}" if rest else "")
        tail = text[-8:]
        if text[:-8] == (unit * times)[: len(text) - 8]:
            return f"({unit!r} * {times})[:{len(text) - 8}] + {tail!r}"
    return repr(text)


def _power(number: int) -> str:
    digits = len(f"{abs(number):x}") * 4 * 0.30103
    for exponent in range(int(digits) - 2, int(digits) + 3):
        for more in (-1, 0, 1):
            if abs(number) == 10**exponent + more:
                sign = "-" if number < 0 else ""
                return f"{sign}(10**{exponent}{f' {more:+d}' if more else ''})"
    return hex(number)


def _items(values: list[Any] | tuple[Any, ...]) -> str:
    opened, closed = ("[", "]") if type(values) is list else ("(", ",)" if len(values) == 1 else ")")
    if len(values) > 8 and all(one == values[0] for one in values[1:]):  # noqa: PLR2004  shorter ones read well
        return f"{opened}{source(values[0])}{',' if type(values) is tuple else ''}{closed[-1]} * {len(values)}"
    return f"{opened}{', '.join(map(source, values))}{closed}"


def steps_of(actions: tuple[Action, ...]) -> Iterator[Step]:
    """Every call of some actions that is planned by itself."""
    for action in actions:
        if isinstance(action, Step):
            yield action
        elif isinstance(action, Together):
            yield from action.steps
