"""The table of failures: what brings each about, what an exception may call it, and how the operations meet it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from conformance.core import scenario
from conformance.core.failing import Trouble
from conformance.core.scenario import Action, Call, Fail, Failure, Id, Look, Scenario, create, get
from conformance.harness import Capability
from conformance.spec.model import OPERATIONS, Record, canonical
from conformance.subjects.proxy import Action as Does
from conformance.subjects.proxy import Stage
from taskstore import FailureKind, TaskStatus

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


@asynccontextmanager
async def _refused(trouble: Trouble) -> AsyncIterator[None]:
    await trouble.proxy.refuse()
    await trouble.disconnect()
    try:
        yield
    finally:
        await trouble.proxy.listen()


def _idle(does: Does) -> Cause:
    @asynccontextmanager
    async def cause(trouble: Trouble) -> AsyncIterator[None]:
        await trouble.disconnect(does)
        yield

    return cause


@asynccontextmanager
async def _disconnected(trouble: Trouble) -> AsyncIterator[None]:
    trouble.harness.administer("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    yield  # at once, before the event loop sees the end


@asynccontextmanager
async def _repeated(trouble: Trouble) -> AsyncIterator[None]:
    said = f"-WRONGPASS {trouble.secret} is not the password\r\n"
    async with at(Stage.REQUEST, Does.ANSWER, said.encode())(trouble):
        yield


@asynccontextmanager
async def _demoted(trouble: Trouble) -> AsyncIterator[None]:
    async with _answered("-READONLY You can't write against a read only replica.")(trouble):
        await trouble.warm_up(0, 8)  # by calls that fail it finds out
        yield


def _made(kind: FailureKind) -> Cause:
    @asynccontextmanager
    async def cause(trouble: Trouble) -> AsyncIterator[None]:
        with trouble.harness.cause_failure(kind):
            yield

    return cause


def _denied(rule: str) -> Cause:
    @asynccontextmanager
    async def cause(trouble: Trouble) -> AsyncIterator[None]:
        trouble.set_rules(rule)
        if rule == "resetpass":
            await trouble.disconnect()
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
async def _moved(trouble: Trouble) -> AsyncIterator[None]:
    with trouble.harness.slot_moved(trouble.namespace):
        yield


@asynccontextmanager
async def _nothing(_: Trouble) -> AsyncIterator[None]:
    yield


@dataclass(frozen=True)
class Row:
    """A failure, the requirements that it is about, and how it is played."""

    failure: Failure
    about: tuple[str, ...]
    ends: str = ""
    """What the caller does when a call has met it: `cancel` or `close`."""
    on: int = 0
    needs: Collection[Capability] = ()
    only: tuple[str, ...] = OPERATIONS
    """The operations that meet it."""
    is_full: bool = False
    """Whether only a full run plays it."""
    is_single: bool = False
    """Whether each operation meets it alone."""


def row_of(name: str, cause: Cause, kinds: str, about: str, **more: Any) -> Row:
    """A row. What is no part of the row is one of the failure."""
    own = {one: more.pop(one) for one in list(more) if one in Row.__dataclass_fields__}
    return Row(Failure(name, cause, tuple(kinds.split()), **more), tuple(about.split()), **own)


_SURE: dict[str, Any] = {"fails": OPERATIONS, "may_write": False}
_COLD: dict[str, Any] = {"is_cold": True}
_HELD: dict[str, Any] = {"seconds": IMPATIENT}
_ALL: dict[str, Any] = {"is_everywhere": True}
_WRITES = ("create_task", "update_task_status", "cancel_task", "restore")  # to purge takes no memory
_GONE, _LATE, _ANY = "broken unreachable", "timeout unreachable", " ".join(FailureKind)
_WEB = b"HTTP/1.1 400 Bad Request\r\n\r\n"
_ERRORS = (
    ("loading", "LOADING Redis is loading the dataset in memory"),
    ("busy", "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE."),
    ("refused", "NOPERM this user has no permissions to run the command"),
    ("refused", "NOAUTH Authentication required."),
    ("out-of-memory", "OOM command not allowed when used memory > 'maxmemory'."),
    ("read-only", "READONLY You can't write against a read only replica."),
    ("read-only", "MISCONF Redis is configured to save RDB snapshots, but cannot persist to disk."),
    ("broken", "ERR something else is wrong"),
)
_RULES = ("-@write", "-@scripting", "-hset", "-zadd", "-zrem", "-unlink", "-pexpireat")
_MORE_RULES = ("-@read", "-set", "-del", "-pexpire")

REFUSED, _REFUSED_AT_FIRST = (
    row_of(f"nothing listens {when}", _refused, "unreachable", "FAIL-01 FAIL-11 FAIL-17", **_SURE, is_cold=cold)
    for when, cold in (("any more", False), ("at the first call", True))
)
BUSY, OUT_OF_MEMORY, READ_ONLY = (
    row_of(f"the server is {kind}", _made(kind), kind, "FAIL-06", fails=fails, may_write=False, **_ALL)
    for kind, fails in (
        (FailureKind.BUSY, OPERATIONS),
        (FailureKind.OUT_OF_MEMORY, _WRITES),
        (FailureKind.READ_ONLY, _WRITES),
    )
)
LOST = row_of("each reply is lost", at(Stage.REPLY, Does.CUT), _GONE, "FAIL-11 FAIL-13")
BROKEN = row_of("each connection breaks before the request", at(Stage.REQUEST, Does.RESET), _GONE, "FAIL-13 FAIL-11")
LATE = row_of("each reply is late", at(Stage.REPLY, Does.HOLD), _LATE, "FAIL-13 FAIL-11", **_HELD)
DISCONNECTED = row_of("the server has closed the connections", _disconnected, "", "FAIL-14", on=1, **_ALL)
KILLED = row_of("the server is killed", _meanwhile("kill_server"), _ANY, "DUR-01 FAIL-17", patience=10, **_ALL)
MOVED = row_of("another node has the tasks", _moved, "", "MODE-18", on=1, needs=[Capability.CLUSTER], **_ALL)
_OVER: dict[str, Any] = {
    "on": 1,
    "needs": [Capability.FAILOVER],
    "patience": 20,
    "only": ("get_task", *_WRITES),
    **_ALL,
}
FAILED_OVER = (
    row_of("another server takes over", _meanwhile("fail_over", kill=False), _ANY, "FAIL-17", **_OVER),
    row_of(
        "another server takes over from one that was killed",
        _meanwhile("fail_over", kill=True),
        _ANY,
        "FAIL-17",
        **_OVER,
    ),
)
_FINDS_OUT = Failure("nothing fails any more", _nothing, tuple(FailureKind), is_cold=True)
FAILURES = (
    REFUSED,
    _REFUSED_AT_FIRST,
    row_of("no greeting is answered", at(Stage.CONNECT, Does.HOLD), _LATE, "FAIL-01", **_SURE, **_HELD, **_COLD),
    row_of("the server goes silent", at(Stage.REQUEST, Does.HOLD), _LATE, "FAIL-01 FAIL-13", fails=OPERATIONS, **_HELD),
    LATE,
    row_of("half of each reply is late", at(Stage.MIDDLE, Does.HOLD), _LATE, "FAIL-13 FAIL-11", **_HELD, is_full=True),
    LOST,
    row_of("a reply is lost", at(Stage.REPLY, Does.CUT, times=1), _GONE, "FAIL-11 FAIL-13 ATOM-01", is_single=True),
    row_of("half of each reply is lost", at(Stage.MIDDLE, Does.RESET), _GONE, "FAIL-11 FAIL-13"),
    row_of("the first reply is lost", at(Stage.REPLY, Does.RESET, times=1), _GONE, "FAIL-13 FAIL-11", **_COLD),
    BROKEN,
    row_of("what accepts ends at once", at(Stage.CONNECT, Does.CUT), _GONE, "FAIL-13 FAIL-11", **_COLD),
    row_of("a web server answers", at(Stage.REQUEST, Does.ANSWER, _WEB), _GONE, "FAIL-13 FAIL-01", **_COLD),
    row_of("the replies are a web server's", at(Stage.REPLY, Does.ANSWER, _WEB), _GONE, "FAIL-13 FAIL-11"),
    row_of("the replies are numbers", _answered(":7"), _GONE, "FAIL-13", only=("get_task",)),
    row_of("the server repeats the password", _repeated, f"{_GONE} refused", "FAIL-05", **_SURE, **_COLD),
    row_of("the connection was closed while it was idle", _idle(Does.CUT), "", "FAIL-14"),
    row_of("the connection broke while it was idle", _idle(Does.RESET), "", "FAIL-14"),
    row_of("the server behind the open connections is a replica now", _demoted, "", "FAIL-17"),
    *(
        row_of(f"the server says {text.split()[0]}", _answered(f"-{text}"), kind, "FAIL-06 FAIL-13", may_write=False)
        for kind, text in _ERRORS
    ),
    row_of("the password is another one", _denied("resetpass"), "refused", "FAIL-06 FAIL-05", **_SURE, **_COLD),
    *(
        row_of(f"the user has the rule {rule}", _denied(rule), "refused", "FAIL-06 FAIL-11", **more)
        for rule in (*_RULES, *_MORE_RULES)
        for more in [{"may_tear": True, "is_single": True, "is_full": rule in _MORE_RULES}]
    ),
    row_of("the caller is cancelled", at(Stage.REPLY, Does.HOLD), "", "ATOM-06", ends="cancel"),
    row_of("the caller is cancelled early", at(Stage.REQUEST, Does.HOLD), "", "ATOM-06", ends="cancel", is_full=True),
    row_of("the caller is cancelled at first", at(Stage.CONNECT, Does.HOLD), "", "ATOM-06", ends="cancel", **_COLD),
    row_of("the store is closed", at(Stage.REPLY, Does.HOLD), _ANY, "API-04", ends="close"),
    row_of("the store is closed at first", at(Stage.CONNECT, Does.HOLD), _ANY, "API-04", ends="close", **_COLD),
    BUSY,
    OUT_OF_MEMORY,
    READ_ONLY,
    DISCONNECTED,
    row_of("the server has restarted", _restarted, "", "DUR-01 FAIL-14", **_ALL),
    *FAILED_OVER,
    MOVED,
)

_OLD = datetime(2021, 1, 1, tzinfo=UTC)
_METADATA = canonical({"webhook_url": None, "config": None})
_FINAL = Record("old", "completed", 100.0, "", ("v",), None, None, None, _METADATA, _OLD, _OLD, _OLD)


def scenarios_of(row: Row, capabilities: Collection[Capability], *, is_full: bool = False) -> Iterator[Scenario]:
    """Scenarios in which every operation meets a failure: alone, or with others at the same time.

    A listing is by itself, since it need not show one moment of several calls.
    """
    calls = tuple(one for one in _calls_of(capabilities, row.on) if one.operation in row.only)
    reads = (scenario.listing(on=row.on), get(Id("a"), row.on)) if "list_tasks" in row.only else ()
    needs = frozenset({Capability.REMOTE, Capability.SHARED, *row.needs})
    singly = [(one,) for one in (*calls, *reads[:1])] if row.is_single or is_full else []
    for chosen in singly or filter(None, [calls, reads]):
        cancelled = tuple(range(len(chosen))) if row.ends == "cancel" else ()
        beside = (get(Id("a")), get(Id("b"))) if cancelled else ()
        fail = Fail((*chosen, *beside), cancelled, closes=row.ends == "close", failure=row.failure)
        actions = (*_before(capabilities), fail, Look(), *_again(row, fail, capabilities), Look())
        yield Scenario(row.failure.name, actions, row.about, needs, instances=2)


def _before(capabilities: Collection[Capability]) -> tuple[Action, ...]:
    made = tuple(create(label, on=1) for label in "abc")
    return (*made, scenario.restore(_FINAL, on=1)) if Capability.MAINTENANCE in capabilities else made


def _calls_of(capabilities: Collection[Capability], on: int) -> Iterator[Call]:
    """A call of each operation, but for the listing."""
    yield create("new", on=on, video_ids=("n",))
    if Capability.CALLER_IDS in capabilities:
        yield create("named", "of-the-caller", on, video_ids=("n",))
    yield get(Id("a"), on)
    yield scenario.update(Id("b"), TaskStatus.CLIPPING, on, progress=50.0)
    yield scenario.cancel(Id("c"), on)
    if Capability.MAINTENANCE in capabilities:
        yield scenario.purge(datetime(2022, 1, 1, tzinfo=UTC), on)
        yield scenario.restore(_FINAL._replace(task_id="restored"), on)


def _again(row: Row, fail: Fail, capabilities: Collection[Capability]) -> Iterator[Action]:
    """Writes after the failure. The same creation, under the id that the exception states, tells what became of it."""
    on = 1 if row.failure.seconds == IMPATIENT or fail.closes else row.on
    if row.failure.patience:  # by a write that fails it may find out
        yield Fail((scenario.cancel(Id("a"), on),), failure=_FINDS_OUT)
    yield scenario.cancel(Id("b" if row.failure.patience else "a"), on)
    for call in fail.calls if Capability.CALLER_IDS in capabilities and not row.ends else ():
        if call.label:
            yield replace(call, arguments={**call.arguments, "task_id": Id(call.label)}, label="", on=on)


def together(capabilities: Collection[Capability], *, is_full: bool = False) -> list[Scenario]:
    """The failures of connections and callers, which may be played at the same time. The slow ones come first."""
    rows = [row for row in FAILURES if not row.failure.is_everywhere and (is_full or not row.is_full)]
    rows.sort(key=lambda row: row.failure.seconds)
    return [one for row in rows for one in scenarios_of(row, capabilities, is_full=is_full)]


def alone(capabilities: Collection[Capability]) -> list[Scenario]:
    """The failures of the whole server, which are played one after the other."""
    return [one for row in FAILURES if row.failure.is_everywhere for one in scenarios_of(row, capabilities)]
