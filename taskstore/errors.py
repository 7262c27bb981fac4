"""The exceptions of a store, the same in both modes.

Every exception carries its facts as fields, compares equal when they are equal, and states them in its message.
No message, `repr` or field ever holds a password.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from taskstore.status import TaskStatus

_WRITTEN = "Nothing was written.", "The write may have happened."


class TaskStoreError(Exception):
    """The root: `except TaskStoreError` catches whatever a store raises."""

    _message: ClassVar = ""
    """The message, with the names of the fields in braces."""

    def __post_init__(self) -> None:
        self.args = tuple(vars(self).values())  # pickling and copying call the class with these

    def __str__(self) -> str:
        written = _WRITTEN[getattr(self, "write_may_have_happened", False)]
        return self._message.format_map(vars(self) | {"written": written})


@dataclass(unsafe_hash=True)
class InvalidArgument(TaskStoreError, ValueError):
    """An argument is not one the contract takes. Nothing was looked up, nothing was written."""

    _message = "{argument} {reason}. Nothing was written; correct the call."
    argument: str
    reason: str


@dataclass(unsafe_hash=True)
class TaskNotFound(TaskStoreError, LookupError):
    """There is no such task: never created, expired, or purged. Never raised because a server failed."""

    _message = "no task {task_id!r:.80}: it was never created, has expired, or was purged."
    task_id: str


@dataclass(unsafe_hash=True)
class TaskExists(TaskStoreError):
    """A task with this id is already there, and creating never overwrites."""

    _message = "task {task_id!r:.80} exists already and was left as it is."
    task_id: str


@dataclass(unsafe_hash=True)
class TaskFinal(TaskStoreError):
    """The task is `completed`, `failed` or `cancelled`, and the call would have changed it. Nothing was written."""

    _message = "task {task_id!r:.80} is already {status} and cannot be changed."
    task_id: str
    status: TaskStatus


class FailureKind(StrEnum):
    """How a server failed."""

    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    BUSY = "busy"
    LOADING = "loading"
    READ_ONLY = "read-only"
    OUT_OF_MEMORY = "out-of-memory"
    REFUSED = "refused"
    BROKEN = "broken"

    @property
    def explanation(self) -> str:
        """What a message says of it."""
        return _EXPLAINED[self]


_EXPLAINED = {
    "unreachable": "cannot be reached",
    "timeout": "did not answer in time",
    "busy": "is busy: too many requests are in flight, a script is running, or a cluster is moving keys",
    "loading": "is still loading its data",
    "read-only": "is read-only: it is a replica, or it cannot save to disk",
    "out-of-memory": "has reached its maxmemory",
    "refused": "refused the credentials or the command",
    "broken": "returned an error or closed the connection",
}


@dataclass(unsafe_hash=True)
class StoreUnavailable(TaskStoreError, ConnectionError):
    """The server behind the store failed; this says nothing about whether a task exists.

    `write_may_have_happened` is False only where the write provably did not take effect.
    `address` is host, port and database, or the path of a socket, never a credential. `detail` is the message of the
    server or of the operating system.
    """

    _message = "Redis at {address} {failure_kind.explanation} ({detail}). {written}"
    address: str
    failure_kind: FailureKind
    write_may_have_happened: bool
    detail: str
    task_id: str | None = None
    """The id that a failed `create_task` used: the same request under this id resolves what became of it."""


@dataclass(unsafe_hash=True)
class RecordUnreadable(TaskStoreError):
    """What is kept under `key` is not the record of a task.

    `write_may_have_happened` is False if it was left as it is. A write looks at every field before it changes one, but
    not into texts: if the damage is inside one (bytes that are not UTF-8, JSON that is malformed between its ends), the
    write sets its fields, leaves the others, and then raises this with True.
    """

    _message = "the record under {key!r:.80} cannot be read: {reason}. Look at it, then delete or move it. {written}"
    key: str
    reason: str
    write_may_have_happened: bool = False


@dataclass(unsafe_hash=True)
class StoreNotOpen(TaskStoreError, RuntimeError):
    """The store is closed, or is used on another event loop than the one it was first used on, or after a fork."""

    _message = "{reason}. Open one store in each process and event loop, and use it before it is closed."
    reason: str


@dataclass(unsafe_hash=True)
class SettingsInvalid(TaskStoreError, ValueError):
    """Settings are malformed: one (name, reason) for each. Values are left out, because one may be a password."""

    problems: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        lines = [f"  {name}: {reason}" for name, reason in self.problems]
        return "\n".join(["The settings of the task store are malformed:", *lines])
