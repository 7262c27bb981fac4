"""The table of failures: what brings each about, what an exception may call it, and how the operations meet it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from conformance.core import scenario as do
from conformance.core.failing import Trouble
from conformance.core.scenario import Action, Call, Failure, Id, Look, Race, Scenario, cancel, create, get
from conformance.harness import Capability
from conformance.spec.model import OPERATIONS
from conformance.subjects.proxy import Action as Does
from conformance.subjects.proxy import Stage
from conformance.tables.tasks import DAY, LONG_AGO, B, restorable, scenario, to
from taskstore import FailureKind

IMPATIENT = 0.3
"""The time-outs of a store that is to run into them, in seconds."""
Cause = Callable[[Trouble], AbstractAsyncContextManager[None]]


def at(stage: Stage, does: Does, text: bytes = b"", *, times: int = 10**6, on_open_ones: bool = False) -> Cause:
    """Let the proxy interrupt exchanges, of all connections or of those that are open then."""

    @asynccontextmanager
    async def cause(trouble: Trouble) -> AsyncIterator[None]:
        if stage is Stage.CONNECT:
            await trouble.disconnect()
        trouble.interruption = trouble.proxy.interrupt(stage, does, text=text, times=times, on_open_ones=on_open_ones)
        yield

    return cause


def _answered(text: str) -> Cause:
    return at(Stage.REQUEST, Does.ANSWER, f"{text}\r\n".encode(), on_open_ones=True)


def _during(hook: str, *arguments: Any) -> Cause:
    """A hook of the harness that gives a block, for the namespace if it takes nothing else."""

    @asynccontextmanager
    async def cause(trouble: Trouble) -> AsyncIterator[None]:
        with getattr(trouble.harness, hook)(*arguments or (trouble.namespace,)):
            yield

    return cause


@asynccontextmanager
async def _idle(trouble: Trouble) -> AsyncIterator[None]:
    await trouble.disconnect()
    yield


@asynccontextmanager
async def _refused(trouble: Trouble) -> AsyncIterator[None]:
    await trouble.proxy.refuse()
    await trouble.disconnect()
    try:
        yield
    finally:
        await trouble.proxy.listen()


@asynccontextmanager
async def _disconnected(trouble: Trouble) -> AsyncIterator[None]:
    trouble.harness.administer("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    yield  # at once, before the event loop sees the end


@asynccontextmanager
async def _demoted(trouble: Trouble) -> AsyncIterator[None]:
    async with _answered("-READONLY You can't write against a read only replica.")(trouble):
        await trouble.warm_up(0, 8)  # by calls that fail it finds out
        yield


def _denied(rule: str) -> Cause:
    @asynccontextmanager
    async def cause(trouble: Trouble) -> AsyncIterator[None]:
        trouble.set_rules(rule)
        try:
            yield
        finally:
            trouble.set_up_user()

    return cause


def _meanwhile(name: str, **named: Any) -> Cause:
    """A hook of the harness, in a thread, from before the calls until it has ended."""

    @asynccontextmanager
    async def cause(trouble: Trouble) -> AsyncIterator[None]:
        working = asyncio.ensure_future(asyncio.to_thread(getattr(trouble.harness, name), **named))
        await asyncio.sleep(0.01)
        try:
            yield
        finally:
            await working
            trouble.find_server()

    return cause


@asynccontextmanager
async def _restarted(trouble: Trouble) -> AsyncIterator[None]:
    await asyncio.to_thread(trouble.harness.restart_server)
    trouble.find_server()
    yield


@asynccontextmanager
async def _flushed(trouble: Trouble) -> AsyncIterator[None]:
    trouble.harness.administer("SCRIPT", "FLUSH")
    yield


@asynccontextmanager
async def _killed(trouble: Trouble) -> AsyncIterator[None]:
    """What is acknowledged is on disk."""
    trouble.harness.administer("CONFIG", "SET", "appendonly", "yes")
    names = "aof_rewrite_in_progress", "aof_rewrite_scheduled"
    while any(map(trouble.harness.administer("INFO", "persistence").get, names)):  # noqa: ASYNC110  it does it itself
        await asyncio.sleep(0.01)
    async with _meanwhile("kill_server")(trouble):
        yield
    trouble.harness.administer("CONFIG", "SET", "appendonly", "no")


@asynccontextmanager
async def _nothing(_: Trouble) -> AsyncIterator[None]:
    yield


@dataclass(frozen=True, slots=True)
class Row(Failure):
    """A failure, the requirements that it is about, and how it is played."""

    about: str = ""
    ends: str = ""
    """What the caller does when a call has met it: `cancel` or `close`."""
    on: int = 0
    """The instance that meets it. The first goes through a proxy."""
    needs: Collection[Capability] = ()
    only: tuple[str, ...] = OPERATIONS
    """The operations that meet it."""
    is_full: bool = False
    """Whether only a full run plays it."""
    is_single: bool = False
    """Whether each operation meets it alone."""


_WRITES = ("create_task", "update_task_status", "cancel_task", "restore")  # to purge takes no memory
_GONE, _LATE, _ANY = ("broken", "unreachable"), ("timeout", "unreachable"), tuple(FailureKind)
_ERRORS = (
    ("loading", "LOADING Redis is loading the dataset in memory"),
    ("busy", "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE."),
    ("refused", "NOPERM this user has no permissions to run the command"),
    ("out-of-memory", "OOM command not allowed when used memory > 'maxmemory'."),
    ("read-only", "MISCONF Redis is configured to save RDB snapshots, but cannot persist to disk."),
    ("broken", "ERR something else is wrong"),
)

_FINDS_OUT = Failure("nothing fails any more", _nothing, _ANY, is_cold=True)


def _connections() -> Iterator[Row]:
    """What happens to connections and callers."""
    for is_cold, when in ((True, "at the first call"), (False, "any more")):
        refused: dict[str, Any] = {"fails": OPERATIONS, "may_write": False, "is_cold": is_cold}
        yield Row(f"nothing listens {when}", _refused, ("unreachable",), **refused, about="FAIL-01 FAIL-11 FAIL-17")
    yield Row("each reply is late", at(Stage.REPLY, Does.HOLD), _LATE, seconds=IMPATIENT, about="FAIL-13 FAIL-11")
    yield Row("each reply is lost", at(Stage.REPLY, Does.CUT), _GONE, about="FAIL-11 FAIL-13")
    yield Row(
        "each connection breaks before the request", at(Stage.REQUEST, Does.RESET), _GONE, about="FAIL-13 FAIL-11"
    )
    silent, once = at(Stage.REQUEST, Does.HOLD), at(Stage.REPLY, Does.CUT, times=1)
    yield Row("the server goes silent", silent, _LATE, OPERATIONS, seconds=IMPATIENT, about="FAIL-01 FAIL-13")
    yield Row("a reply is lost", once, _GONE, is_single=True, about="FAIL-11 FAIL-13 ATOM-01")
    yield Row("half of each reply is lost", at(Stage.MIDDLE, Does.RESET), _GONE, about="FAIL-11 FAIL-13")
    web = at(Stage.REQUEST, Does.ANSWER, b"HTTP/1.1 400 Bad Request\r\n\r\n")
    yield Row("a web server answers", web, _GONE, is_cold=True, about="FAIL-13 FAIL-01")
    yield Row("the replies are numbers", _answered(":7"), _GONE, only=("get_task",), about="FAIL-13")
    yield Row("the connection was closed while it was idle", _idle, about="FAIL-14")
    yield Row("the server behind the open connections is a replica now", _demoted, about="FAIL-17")
    for kind, text in _ERRORS:
        said = _answered(f"-{text}")
        yield Row(f"the server says {text.split()[0]}", said, (kind,), may_write=False, about="FAIL-06 FAIL-13")
    for rule in ("-@write", "-zadd", "-pexpireat"):
        denied: dict[str, Any] = {"may_tear": True, "is_single": True, "about": "FAIL-06 FAIL-11"}
        yield Row(f"the user has the rule {rule}", _denied(rule), ("refused",), **denied)
    for stage in (Stage.REPLY, Stage.CONNECT, Stage.REQUEST):
        held: dict[str, Any] = {"cause": at(stage, Does.HOLD), "is_cold": stage is Stage.CONNECT}
        yield Row(f"the caller is cancelled while a {stage} is awaited", ends="cancel", **held, about="ATOM-06")
        yield Row(f"the store is closed while a {stage} is awaited", kinds=_ANY, ends="close", **held, about="API-04")


def _servers() -> Iterator[Row]:
    """What happens to the whole server."""
    whole = partial(Row, is_everywhere=True)
    for kind in (FailureKind.BUSY, FailureKind.OUT_OF_MEMORY, FailureKind.READ_ONLY):
        fails, cause = OPERATIONS if kind is FailureKind.BUSY else _WRITES, _during("cause_failure", kind)
        yield whole(f"the server is {kind}", cause, (kind,), fails, may_write=False, about="FAIL-06")
    yield whole("the server has closed the connections", _disconnected, on=1, about="FAIL-14")
    yield whole("the server has lost its scripts", _flushed, about="FAIL-06")
    yield whole("the server has restarted", _restarted, about="DUR-01 FAIL-14")
    yield whole("the server is killed", _killed, _ANY, patience=10, is_full=True, about="DUR-01 FAIL-17")
    yield whole("another node has the tasks", _during("slot_moved"), on=1, needs=[Capability.CLUSTER], about="MODE-18")
    over: dict[str, Any] = {"on": 1, "needs": [Capability.FAILOVER], "only": ("get_task", *_WRITES), "patience": 20}
    for kill, words in ((False, "another server takes over"), (True, "another server takes over from a killed one")):
        yield whole(words, _meanwhile("fail_over", kill=kill), _ANY, **over, about="FAIL-17")


CONNECTIONS, SERVERS = tuple(_connections()), tuple(_servers())
_OLD = restorable("old", status="completed", progress=100.0, completed_at=LONG_AGO)


def scenarios_of(row: Row, capabilities: Collection[Capability], *, is_full: bool = False) -> Iterator[Scenario]:
    """Scenarios in which every operation meets a failure: alone, or with others and with more callers of one.

    A listing is by itself, since it need not show one moment of several calls.
    """

    def fit(calls: Iterable[Call]) -> tuple[Call, ...]:
        return tuple(one for one in calls if Scenario((one,)).required <= {*capabilities})

    calls = fit(one for one in _calls_of(row.on) if one.operation in row.only)
    reads = (do.listing(on=row.on), get(Id("a"), row.on)) if "list_tasks" in row.only else ()
    crowd = tuple(to("clipping", Id("c"), row.on, current_step=f"{number}") for number in range(5))
    before = fit((*(create(label, on=1) for label in "abc"), do.restore(_OLD, 1)))
    singly = [(one,) for one in (*calls, *reads[:1])] if row.is_single or is_full else []
    for chosen in (*singly, *filter(None, [] if row.is_single else [calls, reads, reads and crowd])):
        cancelled = tuple(range(len(chosen))) if row.ends == "cancel" else ()
        beside = (get(Id("a")), get(B)) if cancelled else ()
        fail = Race((*chosen, *beside), cancelled, closes=row.ends == "close", failure=row)
        on = 1 if row.seconds == IMPATIENT or fail.closes else row.on
        # By a write that fails the store may find out that nothing fails any more.
        again: list[Action] = [Race((cancel(Id("a"), on),), failure=_FINDS_OUT)] if row.patience else []
        again += [cancel(Id("b" if row.patience else "a"), on), *fit(_named(fail, on) if not row.ends else ())]
        needs = Capability.REMOTE, *row.needs
        yield scenario(before, fail, Look(), again, Look(), about=row.about, needs=needs, instances=2)


def _calls_of(on: int) -> Iterator[Call]:
    """A call of each operation, but for the listing."""
    yield create("new", on=on, video_ids=("n",))
    yield create("named", "of-the-caller", on, video_ids=("n",))
    yield get(Id("a"), on)
    yield to("clipping", B, on, progress=50.0)
    yield cancel(Id("c"), on)
    yield do.purge(LONG_AGO + DAY, on)
    yield do.restore(_OLD._replace(task_id="restored"), on)


def _named(fail: Race, on: int) -> Iterator[Call]:
    """The same creations, under the ids that the exceptions state: they tell what became of the first ones."""
    for call in fail.calls:
        if call.label:
            yield replace(call, arguments={**call.arguments, "task_id": Id(call.label)}, label="", on=on)
