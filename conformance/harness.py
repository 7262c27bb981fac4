"""The harness: what describes a subject to the suite.

Subclass `Harness`, say what it declares, and write `open`. Everything else is a hook: left out, the cases that need it
are `not-testable` and name it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager, contextmanager
from datetime import timedelta
from enum import StrEnum
from typing import Any


class Capability(StrEnum):
    """A difference between subjects that is declared, never guessed."""

    PERSISTENT = "persistent"
    """Tasks outlive the store object that wrote them."""
    SHARED = "shared"
    """Two store objects on one namespace see the same tasks."""
    EXPIRING = "expiring"
    """Tasks go by themselves, 7 days after the last write."""
    REMOTE = "remote"
    """There is a server that can fail."""
    CALLER_IDS = "caller-ids"
    """`create_task` takes the id that a task gets."""
    CURSOR = "cursor"
    """`list_tasks` takes `after`, and its pages have `next`."""
    MAINTENANCE = "maintenance"
    """Besides the five operations there are `purge`, which removes final tasks, and `restore`, which takes a task."""


class HookMissingError(Exception):
    """The harness has no such hook."""

    def __init__(self, hook: str) -> None:
        super().__init__(f"the harness has no hook {hook}")
        self.hook = hook


class Inspector:
    """A way to look at one namespace behind the store's back; each method is a hook of its own."""

    def keys(self) -> set[str]:
        """Every key of this namespace that is now there."""
        raise HookMissingError("inspector.keys")

    def mentions(self, task_id: str) -> bool:
        """Whether anything here still names a task: a key or, where the inspector can tell, an entry in one."""
        return any(task_id in key for key in self.keys())

    def raw(self, task_id: str) -> bytes | None:
        """The stored record of a task."""
        raise HookMissingError("inspector.raw")

    def overwrite(self, task_id: str, raw: bytes) -> None:
        """Put something else where the record of a task is."""
        raise HookMissingError("inspector.overwrite")

    def overwrite_with_another_type(self, task_id: str) -> None:
        """Put a value of another Redis type where the record of a task is."""
        raise HookMissingError("inspector.overwrite_with_another_type")

    def delete(self, task_id: str) -> None:
        """Remove the record of a task, and nothing else."""
        raise HookMissingError("inspector.delete")

    def lifetime_ms(self, task_id: str) -> int:
        """Milliseconds that the record of a task still has."""
        raise HookMissingError("inspector.lifetime_ms")

    def requests(self) -> int:
        """How many requests the server has seen, this one included."""
        raise HookMissingError("inspector.requests")

    def revision(self, task_id: str) -> int:
        """How many writes the record has seen."""
        raise HookMissingError("inspector.revision")


class Harness(ABC):
    """How the suite opens a subject, and what the subject declares.

    A *namespace* is a short text, new for each case: the place that instances share. A Redis store takes it as key
    prefix; a store without such a thing starts empty instead, or is emptied by `open`.

    For stores with other operations than ours `conformance compare` looks for one more method, `operations`,
    which names them (see docs/compare.md).
    """

    capabilities: frozenset[Capability] = frozenset()
    mode: str = ""
    """`memory` or `redis`, where the subject is a mode that an application's settings can select."""
    opener: str = ""
    """A hook: `module:function` that opens the store as the application does at start, from environment and `.env`."""

    @contextmanager
    def running(self) -> Iterator[None]:
        """Keep what the subject needs (a server, say) from the first case to the last."""
        yield

    @abstractmethod
    def open(self, namespace: str) -> AbstractAsyncContextManager[Any]:
        """Open a store on a namespace. Opened again on the same one, it is a second instance of one application."""

    def facts(self) -> Mapping[str, str]:
        """What the report says about the subject: server, version, binary, transport."""
        return {}

    def discard(self, namespace: str) -> None:  # noqa: B027  most have nothing to remove
        """Remove whatever a namespace left behind. The case is over."""

    def advance(self, namespace: str, by: timedelta) -> None:
        """Let time pass for the tasks of a namespace: move the clock, or make them older."""
        raise HookMissingError("advance")

    def inspector(self, namespace: str) -> Inspector:
        """Look at a namespace behind the store's back."""
        raise HookMissingError("inspector")

    def restart_server(self) -> None:
        """Stop the server, saving to disk, and start it again under the same address."""
        raise HookMissingError("restart_server")

    def spare_database(self) -> int:
        """The number of another database of the same server, which the suite may write to."""
        raise HookMissingError("spare_database")

    def open_at(self, namespace: str, url: str, seconds: float) -> AbstractAsyncContextManager[Any]:
        """Open a store on the server at another URL, with `seconds` as its timeouts, and contact nothing yet."""
        raise HookMissingError("open_at")

    def url(self) -> str:
        """Where the server is that `open` connects to, as `open_at` takes it."""
        raise HookMissingError("url")

    def administer(self, *command: str) -> Any:
        """Send the server a command that is its owner's to send, and return the reply: SCRIPT FLUSH, CLIENT KILL."""
        raise HookMissingError("administer")

    def kill_server(self) -> None:
        """End the server without warning, and start it again under the same address with what it had on disk."""
        raise HookMissingError("kill_server")

    def cause_failure(self, failure_kind: Any) -> AbstractContextManager[None]:
        """Make the server fail in that way for a while: a `taskstore.FailureKind`."""
        raise HookMissingError("cause_failure")

    def environment(self, namespace: str) -> Mapping[str, str]:
        """The environment variables that select this subject, when an application opens its store from settings."""
        raise HookMissingError("environment")

    async def ping(self, store: Any) -> None:
        """Make the shortest round trip that the store's own client can make; what latencies are compared with."""
        raise HookMissingError("ping")
