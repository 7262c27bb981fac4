"""The table of failures: what brings each about, what an exception may call it, and how the operations meet it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from conformance.backends.proxy import Action as Does
from conformance.backends.proxy import Stage
from conformance.engine.failures import Failure, Injection
from conformance.engine.kinds import scenario
from conformance.engine.scenario import Action, Call, Race, ReadBack, Scenario
from conformance.harness import Capability
from conformance.tasks import calls as do
from conformance.tasks.calls import Id, cancel, create, get, needs_of
from conformance.tasks.spec.model import OPERATIONS
from conformance.tasks.tables.tasks import DAY, LONG_AGO, A, B, restorable, to
from taskstore import FailureKind

IMPATIENT = 0.3
"""The time-outs of a store that is to run into them, in seconds."""
Cause = Callable[[Injection], Awaitable[None]]


def _at(stage: Stage, does: Does, **more: Any) -> Cause:
    """Let the proxy interrupt exchanges, of all connections or of those that are open then."""

    async def cause(injection: Injection) -> None:
        if stage is Stage.CONNECT:
            await injection.disconnect()
        injection.interruption = injection.proxy.interrupt(stage, does, **{"times": 10**6, **more})

    return cause


def _answered(text: str) -> Cause:
    return _at(Stage.REQUEST, Does.ANSWER, text=f"{text}\r\n".encode(), on_open_ones=True)


async def _refused(injection: Injection) -> None:
    await injection.proxy.refuse()
    injection.ends.push_async_callback(injection.proxy.listen)
    await injection.disconnect()


async def _demoted(injection: Injection) -> None:
    await _answered("-READONLY You can't write against a read only replica.")(injection)
    await injection.warm_up(0, 8)  # by calls that fail it finds out


async def _denied(injection: Injection) -> None:
    injection.set_rules("-zadd")
    injection.ends.callback(injection.set_up_user)


async def _administered(command: str, injection: Injection) -> None:
    injection.harness.administer(*command.split())


async def _failing(kind: FailureKind, injection: Injection) -> None:
    injection.ends.enter_context(injection.harness.cause_failure(kind))


async def _moved(injection: Injection) -> None:
    injection.ends.enter_context(injection.harness.slot_moved(injection.namespace))


async def _restarted(injection: Injection) -> None:
    await asyncio.to_thread(injection.harness.restart_server)
    injection.find_server()


async def _failed_over(injection: Injection, *, kill: bool) -> None:
    working = asyncio.ensure_future(asyncio.to_thread(injection.harness.fail_over, kill=kill))
    await asyncio.sleep(0.01)
    injection.ends.callback(injection.find_server)
    injection.ends.push_async_callback(lambda: working)


async def _nothing(_: Injection) -> None:
    pass


_OLD = restorable(status="failed", completed_at=LONG_AGO)
_CALLS = (
    create("new", video_ids=("n",)),
    create("named", "of-the-caller", video_ids=("n",)),
    get(A),
    to("clipping", B, progress=50.0),
    cancel(Id("c")),
    do.purge(LONG_AGO + DAY),
    do.restore(restorable("new")),
)
_READS = (do.listing(), get(A))
"""A listing is by itself, since it need not show one moment of several calls."""
_CROWD = tuple(to("clipping", Id("c"), current_step=f"{number}") for number in range(5))
_SINGLY = tuple((one,) for one in (*_CALLS, do.listing()))


@dataclass(frozen=True, slots=True)
class Row(Failure):
    """A failure, the requirements that it is about, and how it is played."""

    about: str = ""
    ends: str = ""
    """How the caller reacts when a call has met it: `cancel` or `close`."""
    on: int = 0
    """The instance that meets it. The first goes through a proxy."""
    needs: Collection[Capability] = ()
    groups: tuple[tuple[Call, ...], ...] = (_CALLS, _READS, _CROWD)
    """The calls that meet it together."""


_WRITES = ("create_task", "update_task_status", "cancel_task", "restore")  # to purge takes no memory
_GONE, _LATE, _ANY = ("broken", "unreachable"), ("timeout", "unreachable"), tuple(FailureKind)
_ERRORS = {
    "loading": "LOADING Redis is loading the dataset in memory",
    "busy": "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
    "refused": "NOPERM this user has no permissions to run the command",
    "out-of-memory": "OOM command not allowed when used memory > 'maxmemory'.",
    "read-only": "MISCONF Redis is configured to save RDB snapshots, but cannot persist to disk.",
    "broken": "ERR something else is wrong",
}


def _connections() -> Iterator[Row]:
    """Failures of connections and callers."""
    for is_cold, when in ((True, "at the first call"), (False, "any more")):
        refused: dict[str, Any] = {"fails": OPERATIONS, "may_write": False, "is_cold": is_cold}
        yield Row(f"nothing listens {when}", _refused, ("unreachable",), **refused, about="FAIL-01 FAIL-11 FAIL-17")
    about = "FAIL-11 FAIL-13"
    silent, web = _at(Stage.REQUEST, Does.HOLD), _at(Stage.REQUEST, Does.ANSWER, text=b"HTTP/1.1 400 No\r\n\r\n")
    yield Row("each reply is late", _at(Stage.REPLY, Does.HOLD), _LATE, seconds=IMPATIENT, about=about)
    yield Row("the server goes silent", silent, _LATE, OPERATIONS, seconds=IMPATIENT, about="FAIL-01 FAIL-13")
    yield Row("each reply is lost", _at(Stage.REPLY, Does.CUT), _GONE, about=about)
    yield Row("a reply is lost", _at(Stage.REPLY, Does.CUT, times=1), _GONE, groups=_SINGLY, about=f"{about} ATOM-01")
    yield Row("half of each reply is lost", _at(Stage.MIDDLE, Does.RESET), _GONE, about=about)
    yield Row("each connection breaks before the request", _at(Stage.REQUEST, Does.RESET), _GONE, about=about)
    yield Row("a web server answers", web, _GONE, is_cold=True, about="FAIL-13 FAIL-01")
    yield Row("the replies are of another form", _answered("+7"), _GONE, about="FAIL-13")
    yield Row("the connection was closed while it was idle", Injection.disconnect, about="FAIL-14")
    yield Row("the server behind the open connections is a replica now", _demoted, about="FAIL-17")
    for kind, text in _ERRORS.items():
        name = f"the server says {text.split()[0]}"
        yield Row(name, _answered(f"-{text}"), (kind,), may_write=False, about="FAIL-06 FAIL-13")
    about = "FAIL-06 FAIL-11"
    yield Row("the user must not call ZADD", _denied, ("refused",), may_tear=True, groups=_SINGLY, about=about)
    for stage in (Stage.REPLY, Stage.CONNECT, Stage.REQUEST):
        held: dict[str, Any] = {"cause": _at(stage, Does.HOLD), "is_cold": stage is Stage.CONNECT}
        yield Row(f"the caller is cancelled while a {stage} is awaited", ends="cancel", **held, about="ATOM-06")
        yield Row(f"the store is closed while a {stage} is awaited", kinds=_ANY, ends="close", **held, about="API-04")


def _servers() -> Iterator[Row]:
    """Failures of the whole server: nothing else can be played meanwhile."""
    for kind in (FailureKind.BUSY, FailureKind.OUT_OF_MEMORY, FailureKind.READ_ONLY):
        fails = OPERATIONS if kind is FailureKind.BUSY else _WRITES
        yield Row(f"the server is {kind}", partial(_failing, kind), (kind,), fails, may_write=False, about="FAIL-06")
    ended = partial(_administered, "CLIENT KILL TYPE normal SKIPME yes")
    yield Row("the server has closed the connections", ended, on=1, about="FAIL-14")
    yield Row("the server has lost its scripts", partial(_administered, "SCRIPT FLUSH"), about="FAIL-06")
    yield Row("the server has restarted", _restarted, about="FAIL-14 DUR-01")
    yield Row("another node has the tasks", _moved, on=1, needs=[Capability.CLUSTER], about="MODE-18")
    over: dict[str, Any] = {"on": 1, "needs": [Capability.FAILOVER], "groups": (_CALLS,), "patience": 20}
    for kill, words in ((False, ""), (True, " from a killed one")):
        cause = partial(_failed_over, kill=kill)
        yield Row(f"another server takes over{words}", cause, _ANY, **over, about="FAIL-17")


CONNECTIONS, SERVERS = tuple(_connections()), tuple(_servers())
_FINDS_OUT = Failure("nothing fails any more", _nothing, _ANY, is_cold=True)


def scenarios_of(row: Row, capabilities: Collection[Capability], *, is_full: bool = False) -> Iterator[Scenario]:
    """Scenarios in which every operation meets a failure: alone, or with others and with more callers of one."""

    def fit(calls: Iterable[Call]) -> list[Call]:
        return [call for call in calls if needs_of(call) <= {*capabilities}]

    before = fit((*(create(label, on=1) for label in "abc"), do.restore(_OLD, 1)))
    groups = (*(_SINGLY if is_full else ()), *row.groups)
    for chosen in filter(None, (fit(replace(one, on=row.on) for one in group) for group in groups)):
        cancelled = tuple(range(len(chosen))) if row.ends == "cancel" else ()
        beside = (get(A), get(B)) if cancelled else ()
        fail = Race((*chosen, *beside), cancelled, closes=row.ends == "close", failure=row)
        on = 1 if row.seconds == IMPATIENT or fail.closes else row.on
        again: list[Action] = [cancel(A, on)]
        if row.patience:  # by a write that fails the store may find out that nothing fails any more
            again = [Race((cancel(A, on),), failure=_FINDS_OUT), cancel(B, on)]
        # The same creations, under the ids that the exceptions state, tell what became of the first ones.
        made = [one.label for one in chosen if one.label and not row.ends]
        again += fit(create("", Id(one), on, video_ids=("n",)) for one in made)
        needs = Capability.REMOTE, *row.needs
        yield scenario(before, fail, ReadBack(), again, ReadBack(), about=row.about, needs=needs, instances=2)
