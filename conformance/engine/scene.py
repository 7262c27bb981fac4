"""A scene: calls that are planned before they are made, on one or two instances of a store."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeAlias

from conformance.harness import Capability
from conformance.spec.model import Request

_MAINTENANCE = ("purge", "restore")


@dataclass(frozen=True, slots=True)
class Ref:
    """The id of the task that an earlier step returned, with this text before and behind it, or spelled otherwise.

    `spelling` is one of `SPELLINGS`.
    """

    label: str
    before: str = ""
    behind: str = ""
    spelling: str = ""


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
    """Calls that are made at the same time. The last `cancelled` of them, or the first, are cancelled before they end.

    Of calls that are independent there may be many, also writes of one task, if the result of each shows what was there
    before it: each is compared by itself, in the order of the times at which the store says that it wrote.
    """

    steps: tuple[Step, ...]
    cancelled: int = 0
    turns: int = 1
    """How often the event loop turns before they are cancelled, or the store is closed."""
    is_independent: bool = False
    is_closed: bool = False
    """Whether the instance that the first call is made on is closed before they end."""
    cancels_first: bool = False

    @property
    def places_cancelled(self) -> range:
        """Which of the steps are cancelled."""
        first = 0 if self.cancels_first else len(self.steps) - self.cancelled
        return range(first, first + self.cancelled)


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
class Known:
    """Actions whose effects another scene looks at: their writes are not followed by reads."""

    actions: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Optional:
    """Actions for stores that have these capabilities and those that the calls need; others go on without them."""

    actions: tuple[Any, ...]
    needs: frozenset[Capability] = frozenset()

    def applies_to(self, capabilities: frozenset[Capability]) -> bool:
        """Whether a store of these capabilities takes the actions."""
        return self.needs | needs_of(self.actions) <= capabilities


Action: TypeAlias = Step | Together | Populate | Advance | Tick | Reopen | Close | Walk | Optional | Known


@dataclass(frozen=True)
class Scene:
    """Actions in a namespace of their own, and what a store must have for them.

    `classes` are those of the plan that they visit. That calls of `purge` and `restore` need `MAINTENANCE` is added to
    `needs`.
    """

    name: str
    actions: Sequence[Action]
    classes: tuple[str, ...] = ()
    needs: frozenset[Capability] = frozenset()
    lacks: frozenset[Capability] = frozenset()
    instances: int = 1
    about: tuple[str, ...] = ()

    @property
    def required(self) -> frozenset[Capability]:
        """What a store must have for the scene: `needs`, and what its calls need."""
        return self.needs | needs_of(self.actions)


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


class UnknownReferenceError(LookupError):
    """The step that a reference names has not returned what it names."""


SPELLINGS: Mapping[str, Callable[[str], str]] = {
    "the other case": str.swapcase,
    "percent signs": lambda text: "".join(f"%{ord(one):02X}" for one in text),
    "one percent sign": lambda text: f"%{ord(text[0]):02x}{text[1:]}",
    "HTML entities": lambda text: "".join(f"&#{ord(one)};" for one in text),
    "JSON escapes": lambda text: "".join(f"\\u{ord(one):04x}" for one in text),
    "Base64": lambda text: b64encode(text.encode()).decode(),
    "full width": lambda text: "".join(chr(ord(one) + 0xFEE0) if "!" <= one <= "~" else one for one in text),
    "dashes for underscores": lambda text: text.replace("_", "-"),
    "no last character": lambda text: text[:-1],
    "no first character": lambda text: text[1:],
    "its last part": lambda text: text.rpartition("_")[2],
    "quotes": repr,
    "twice": lambda text: text * 2,
}
"""Other texts that careless code takes for the same id. If one is the id, as where it has no letters, it names it."""


def respelled(text: str, spelling: str) -> str:
    """An id in one of `SPELLINGS`, or as it is."""
    return SPELLINGS[spelling](text) if spelling else text


def resolved(value: Any, known: Mapping[str, Any]) -> Any:
    """The value that a reference stands for, of the results that are known. Any other value is returned as it is."""
    if isinstance(value, Text):
        return value.value
    if not isinstance(value, Ref | Member | Cursor | TimeOf | Copy):
        return value
    try:
        return _REFERENCES[type(value)](value, known[value.label])
    except (LookupError, AttributeError, TypeError, ValueError) as fault:
        raise UnknownReferenceError(value.label) from fault


_REFERENCES: Mapping[type, Any] = {
    Ref: lambda ref, task: f"{ref.before}{respelled(task.task_id, ref.spelling)}{ref.behind}",
    Member: lambda member, page: page.records[member.index].task_id,
    Cursor: lambda _, page: page.following,
    TimeOf: lambda time, task: getattr(task, time.name) + time.plus,
    Copy: lambda copied, task: task._replace(**copied.fields),
}


def needs_of(actions: Sequence[Action]) -> frozenset[Capability]:
    """What a store must have for calls that are made on every store."""
    certain = [one for one in actions if not isinstance(one, Optional)]
    inside = (needs_of(one.actions) for one in certain if isinstance(one, Known))
    steps = steps_of([one for one in certain if isinstance(one, Step | Together)])
    own = {Capability.MAINTENANCE} if any(one.operation in _MAINTENANCE for one in steps) else ()
    return frozenset(own).union(*inside)


def steps_of(actions: Sequence[Action]) -> Iterator[Step]:
    """Every call that is planned by itself, also inside other actions."""
    for action in actions:
        if isinstance(action, Step):
            yield action
        elif isinstance(action, Together):
            yield from action.steps
        elif isinstance(action, Known | Optional):
            yield from steps_of(action.actions)
