"""The harness: what describes a backend to the suite.

Subclass `Harness`, say what it declares, and write `open`. Everything else is a hook: left out, the cases that need it
are `not-testable` and name it.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager, contextmanager
from datetime import timedelta
from enum import StrEnum
from typing import Any


class Capability(StrEnum):
    """A difference between backends that is declared, never guessed."""

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
    FAILOVER = "failover"
    """When the server fails, another takes over."""
    CLUSTER = "cluster"
    """The server is a Redis Cluster."""


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

    def lifetimes(self) -> Mapping[str, int]:
        """Milliseconds that each key of this namespace still has, less than 0 for a key that never expires."""
        raise HookMissingError("inspector.lifetimes")

    def requests(self) -> int:
        """How many requests the server has seen, this one included."""
        raise HookMissingError("inspector.requests")


class Harness(ABC):
    """How the suite opens a backend, and what the backend declares.

    A *namespace* is a short text, new for each case: the place that instances share. A Redis store takes it as key
    prefix; a store without such a thing starts empty instead, or is emptied by `open`.

    For stores with other operations than ours `conformance compare` looks for one more method, `operations`,
    which names them, and for `standalone`, a text (see docs/compare.md).
    """

    capabilities: frozenset[Capability] = frozenset()
    mode: str = ""
    """`memory` or `redis`, where the backend is a mode that an application's settings can select."""
    partitions: int = 1
    """Among how many places the store spreads its tasks: a listing may ask each of them."""
    opener: str = ""
    """A hook: `module:function` that opens the store as the application does at start, from environment and `.env`."""

    @contextmanager
    def running(self) -> Iterator[None]:
        """Keep what the backend needs, for example a server, from the first case to the last.

        With pytest-xdist each worker runs its own.
        """
        yield

    @abstractmethod
    def open(self, namespace: str) -> AbstractAsyncContextManager[Any]:
        """Open a store on a namespace. Opened again on the same one, it is a second instance of one application.

        What its calls return is judged. A class of your own that makes other objects of what your store returns hides
        that those change, or have times without a zone; a `TaskView` shows them as they are.
        """

    def facts(self) -> Mapping[str, str]:
        """Return facts for the report, such as the server and its version."""
        return {}

    def discard(self, namespace: str) -> None:  # noqa: B027  most have nothing to remove
        """Remove whatever a namespace left behind. The case is over, and its stores are closed. Not `async`."""

    def advance(self, namespace: str, by: timedelta) -> None:
        """Move the clock of a namespace's stores forward; making the records older is not the same.

        A task that the suite has read would then have other times when it is read again. Where a server has a clock
        that nobody can move, the hook makes the ends of lifetimes earlier, and leaves all other times as they are.

        `by` is from a millisecond to 400 days. Stores of the namespace are open meanwhile. Time may pass for other
        namespaces too, but not for those that are opened after this one is discarded.
        """
        raise HookMissingError("advance")

    def inspector(self, namespace: str) -> Inspector:
        """Look at a namespace behind the store's back."""
        raise HookMissingError("inspector")

    def restart_server(self) -> None:
        """Stop the server, saving to disk, and start it again under the same address.

        The stores that are open meanwhile go through a proxy, which is led to the `url` that is read afterwards.
        """
        raise HookMissingError("restart_server")

    def spare_database(self) -> int:
        """The number of another database of the same server, which the suite may write to; 0 if it has only one.

        Some cases put it into `REDIS_DB` and `REDIS_URL`, open the store with `opener` there and in the first, and
        create tasks. They remove nothing.
        """
        raise HookMissingError("spare_database")

    def open_at(self, namespace: str, url: str, seconds: float) -> AbstractAsyncContextManager[Any]:
        """Open a store on the server at another URL, with `seconds` as its timeouts.

        Opening contacts nothing: at some of the URLs nothing listens, or what listens never answers. The URL is one of

        * `url()` itself, or the same server through a proxy of the suite on 127.0.0.1, also by a name in its place;
        * `redis://NAME:PASSWORD@127.0.0.1:PORT/DB`, that proxy for a user that `administer` made;
        * `redis://127.0.0.1:PORT/0` and `redis://:PASSWORD@127.0.0.1:PORT/0`, where no server of yours is.

        `seconds` is from 0.25 to 10, for connecting and for a reply.
        """
        raise HookMissingError("open_at")

    def url(self) -> str:
        """Where the server is that `open` connects to, as `open_at` takes it.

        The suite puts a proxy before it, which fails as Redis does: if this is not `redis://`, the cases that need such
        failures are `not-testable`.
        """
        raise HookMissingError("url")

    def administer(self, *command: str) -> Any:
        """Send the server a command that is its owner's to send, and return the reply.

        These are `ACL SETUSER` and `ACL DELUSER`, for a user named after the namespace with a password;
        `CLIENT KILL TYPE normal SKIPME yes`; and `SCRIPT FLUSH`. They concern the whole server: do not have this hook
        on a server that others use.
        """
        raise HookMissingError("administer")

    def fail_over(self, *, kill: bool) -> None:
        """Let another server take over what was acknowledged, because the first is killed, or by a command.

        A case calls it in a thread, while a store of its namespace is open and called. It returns when the other server
        has taken over, and the first is back.
        """
        raise HookMissingError("fail_over")

    def slot_moved(self, namespace: str) -> AbstractContextManager[None]:
        """Let another node of the cluster have the tasks of a namespace until the end of the block."""
        raise HookMissingError("slot_moved")

    def cause_failure(self, failure_kind: Any) -> AbstractContextManager[None]:
        """Make the server fail in that way until the end of the block, and be as before after it.

        Of `taskstore.FailureKind` the suite asks for `OUT_OF_MEMORY`: writes are refused, reads and removals are not,
        and connections stay open. For a kind that it cannot bring about, the hook raises
        `HookMissingError("cause_failure(KIND)")`, at the beginning of the block.
        """
        raise HookMissingError("cause_failure")

    def environment(self, namespace: str) -> Mapping[str, str]:
        """The environment variables that select this backend, when an application opens its store from settings.

        The suite sets them, or writes them to `.env`, calls `opener`, and expects the tasks of the namespace there. It
        changes `USE_REDIS_FOR_TASKS`, all variables that begin with `REDIS_` or `TASK_`, the locale and the time zone
        in some cases.
        """
        raise HookMissingError("environment")

    async def ping(self, store: Any) -> None:
        """Make the shortest round trip that the store's own client can make; what latencies are compared with.

        The suite does not call it, the benchmarks do.
        """
        raise HookMissingError("ping")
