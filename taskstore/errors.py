"""What a store raises: one small tree of facts, alike in both modes.

Every exception carries its facts as fields, compares equal when they are equal, and says in its message what to do.
No message, `repr` or field ever holds a password.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from taskstore.status import TaskStatus

_SHOWN = 80


def _shorten(text: str) -> str:
    shown = repr(text)
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}… ({len(text)} characters)"


def _rebuild(kind: type[TaskStoreError], facts: dict[str, Any]) -> TaskStoreError:
    error = kind.__new__(kind)
    error.__dict__.update(facts)
    return error


class TaskStoreError(Exception):
    """The root: `except TaskStoreError` catches whatever a store raises."""

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash((type(self), *map(str, vars(self).values())))

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), vars(self))


@dataclass(eq=False)
class InvalidArgument(TaskStoreError, ValueError):
    """An argument is not one the contract takes. Nothing was looked up, nothing was written."""

    argument: str
    reason: str

    def __str__(self) -> str:
        return f"{self.argument} {self.reason}. Nothing was written; correct the call."


@dataclass(eq=False)
class TaskNotFound(TaskStoreError, LookupError):
    """There is no such task: never created, expired, or purged. Never raised because a server failed."""

    task_id: str

    def __str__(self) -> str:
        return f"no task {_shorten(self.task_id)}: it was never created, has expired, or was purged."


@dataclass(eq=False)
class TaskExists(TaskStoreError):
    """A task with this id is already there, and creating never overwrites."""

    task_id: str

    def __str__(self) -> str:
        return f"task {_shorten(self.task_id)} exists already and was left as it is."


@dataclass(eq=False)
class TaskFinal(TaskStoreError):
    """The task is `completed`, `failed` or `cancelled`, and the call would have changed it. Nothing was written."""

    task_id: str
    status: TaskStatus

    def __str__(self) -> str:
        return f"task {_shorten(self.task_id)} is {self.status} and stays so; read it, or create another."


class Trouble(StrEnum):
    """Why a server gave no answer that counts."""

    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    BUSY = "busy"
    LOADING = "loading"
    READ_ONLY = "read-only"
    OUT_OF_MEMORY = "out-of-memory"
    REFUSED = "refused"
    BROKEN = "broken"


_EXPLAINED = {
    Trouble.UNREACHABLE: ("does not answer", "没有应答"),
    Trouble.TIMEOUT: ("did not answer in time", "未在限定时间内应答"),
    Trouble.BUSY: ("is busy: every connection is taken, or a script holds it", "正忙：连接已用尽，或有脚本占用"),
    Trouble.LOADING: ("is still loading its data", "仍在加载数据"),
    Trouble.READ_ONLY: ("is read-only (a replica, or it cannot save to disk)", "处于只读状态（副本，或无法写盘）"),
    Trouble.OUT_OF_MEMORY: ("is out of memory (maxmemory)", "内存已满（maxmemory）"),
    Trouble.REFUSED: ("refused the credentials or the command", "拒绝了凭据或命令"),
    Trouble.BROKEN: ("answered with an error or broke off", "返回错误或中断了应答"),
}


@dataclass(eq=False)
class StoreUnavailable(TaskStoreError, ConnectionError):
    """The server behind the store failed; this says nothing about whether a task exists.

    `write_may_have_happened` is False only where the write provably did not take effect.
    `address` is host, port and database, never a credential; `detail` is the server's or the system's own word.
    """

    address: str
    trouble: Trouble
    write_may_have_happened: bool
    detail: str
    task_id: str | None = None
    """The id that a failed `create_task` used: the same request under this id resolves what became of it."""

    def __str__(self) -> str:
        english, chinese = _EXPLAINED[self.trouble]
        host, _, port = self.address.partition("/")[0].rpartition(":")
        probe = f"redis-cli -h {host} -p {port} ping" if host else "redis-cli ping"
        written, written_zh = "Nothing was written", "没有写入任何内容"
        if self.write_may_have_happened:
            written = "The write may have happened: read the task, then repeat"
            written_zh = "写入可能已生效：请先读取任务再重试"
        return (
            f"Redis at {self.address} {english} ({self.detail}). {written}. "
            f"Check that `{probe}` says PONG and that REDIS_HOST, REDIS_PORT and REDIS_DB (or REDIS_URL) name that "
            "server; USE_REDIS_FOR_TASKS=false and a restart bring the service back in memory mode.\n"
            f"{self.address} 的 Redis {chinese}。{written_zh}。请确认 `{probe}` 返回 PONG，并核对 REDIS_HOST、"
            "REDIS_PORT、REDIS_DB（或 REDIS_URL）；也可设 USE_REDIS_FOR_TASKS=false 并重启，暂用内存模式。"
        )


@dataclass(eq=False)
class RecordUnreadable(TaskStoreError):
    """What is kept under `key` is not a record of this version. It was left as it is."""

    key: str
    reason: str

    def __str__(self) -> str:
        return (
            f"the record under {_shorten(self.key)} cannot be read: {self.reason}. Look at it, then delete or move it."
        )


@dataclass(eq=False)
class StoreNotOpen(TaskStoreError, RuntimeError):
    """The store is closed, or is used on another event loop than the one it was first used on."""

    reason: str

    def __str__(self) -> str:
        return f"{self.reason}. Open one store in each event loop, and use it before it is closed."


@dataclass(eq=False)
class SettingsInvalid(TaskStoreError, ValueError):
    """Settings are malformed: one (name, reason) for each. Values are not repeated, since one may be a password."""

    problems: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        lines = [f"  {name}: {reason}" for name, reason in self.problems]
        return "\n".join(["the task store's settings are malformed; correct in the environment or .env:", *lines])
