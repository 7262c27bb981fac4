"""The table of failures: what brings each about, what an exception may call it, and how the operations meet it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from conformance.backends.proxy import Held
from conformance.engine.failures import Failure, Injection
from conformance.engine.kinds import scenario
from conformance.engine.orders.schedule import CALLER, CONNECTION
from conformance.engine.scenario import Action, Call, Race, ReadBack, Scenario
from conformance.harness import Capability
from conformance.tasks import calls as do
from conformance.tasks.calls import Id, cancel, create, get, needs_of
from conformance.tasks.spec.model import OPERATIONS
from conformance.tasks.tables.tasks import DAY, LONG_AGO, A, B, restorable, to
from taskstore import FailureKind

_IMPATIENT = 0.3
"""The time-outs of a store that is to run into them, in seconds."""
_Cause = Callable[[Injection], Awaitable[None]]


def _interrupted(how: Held | bytes, **more: Any) -> _Cause:
    """Let the proxy interrupt exchanges, of all connections or of those that are open then."""

    async def cause(injection: Injection) -> None:
        injection.proxy.interrupt(how, **more)

    return cause


def _answered(text: str) -> _Cause:
    return _interrupted(f"{text}\r\n".encode(), on_open_ones=True)


async def _refused(injection: Injection) -> None:
    await injection.proxy.refuse()
    injection.ends.push_async_callback(injection.proxy.listen)


async def _demoted(injection: Injection) -> None:
    await _answered("-READONLY You can't write against a read only replica.")(injection)
    await injection.warm_up(0, 8)  # by calls that fail it finds out


async def _denied(injection: Injection) -> None:
    injection.set_rules("-@write", "-@scripting")
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


def _connections() -> Iterator[Failure]:
    """Failures of connections and callers."""
    about = "FAIL-11 FAIL-13"
    late = _interrupted(Held.REPLIES)
    yield Failure("each reply is late", late, _LATE, about=about, seconds=_IMPATIENT)
    silent = _interrupted(Held.REQUESTS)
    yield Failure("the server goes silent", silent, _LATE, OPERATIONS, f"FAIL-01 {about}", seconds=_IMPATIENT)
    for is_cold, when in ((True, "at the first call"), (False, "any more")):
        refused = partial(Failure, f"nothing listens {when}", _refused, ("unreachable",), OPERATIONS, may_write=False)
        yield refused("FAIL-01 FAIL-11 FAIL-17", is_cold=is_cold)
    yield Failure("each request ends the connection", _interrupted(b""), _GONE, about=about)
    yield Failure("the replies are of another form", _answered("+7"), _GONE, about="FAIL-13")
    yield Failure("the server behind the open connections is a replica now", _demoted, about="FAIL-17")
    for kind, text in _ERRORS.items():
        name = f"the server says {text.split()[0]}"
        yield Failure(name, _answered(f"-{text}"), (kind,), about="FAIL-06 FAIL-13", may_write=False)
    yield Failure("the user may only read", _denied, ("refused",), _WRITES, "FAIL-06 FAIL-11", may_write=False)
    for what in Held:
        name = f"the store is closed while a {what} is held"
        yield Failure(name, _interrupted(what), _ANY, about="API-04", closes=True, is_cold=what is Held.REQUESTS)


def _servers() -> Iterator[Failure]:
    """Failures of the whole server: nothing else can be played meanwhile."""
    kind = FailureKind.OUT_OF_MEMORY
    yield Failure(f"the server is {kind}", partial(_failing, kind), (kind,), _WRITES, "FAIL-06", may_write=False)
    ended = partial(_administered, "CLIENT KILL TYPE normal SKIPME yes")
    yield Failure("the server has closed the connections", ended, about="FAIL-14", on=1)
    yield Failure("the server has lost its scripts", partial(_administered, "SCRIPT FLUSH"), about="FAIL-06")
    yield Failure("the server has restarted", _restarted, about="FAIL-14 DUR-01")
    yield Failure("another node has the tasks", _moved, about="MODE-18", on=1, needs=[Capability.CLUSTER])
    for kill, words in ((False, ""), (True, " from a killed one")):
        over = partial(Failure, f"another server takes over{words}", partial(_failed_over, kill=kill), _ANY)
        yield over(about="FAIL-17", on=1, needs=[Capability.FAILOVER], patience=20)


CONNECTIONS, SERVERS = tuple(_connections()), tuple(_servers())
DEATHS = Failure(CONNECTION, kinds=_GONE, about="FAIL-11 FAIL-13 ATOM-01"), Failure(CALLER, about="ATOM-06 ATOM-01")
"""At each request of a call, before it arrives and before its reply."""
_FINDS_OUT = Failure("nothing fails any more", kinds=_ANY, is_cold=True)

_OLD = restorable(status="failed", completed_at=LONG_AGO)
_TOGETHER = (
    create("new", video_ids=("n",)),
    create("named", "of-the-caller", video_ids=("n",)),
    get(A),
    to("clipping", B, progress=50.0),
    cancel(Id("c")),
    do.purge(LONG_AGO + DAY),
    do.restore(restorable("new")),
)
"""Without a listing, since that need not show one moment of several calls."""


def scenarios_of(row: Failure, capabilities: Collection[Capability]) -> Iterator[Scenario]:
    """Scenarios in which every operation meets a failure: at the same time, or alone if it is a death."""

    def fit(calls: Iterable[Call]) -> list[Call]:
        return [call for call in calls if needs_of(call) <= {*capabilities}]

    groups: list[tuple[Call, ...]] = [_TOGETHER, (do.listing(), get(A))]
    if row in DEATHS:
        groups = [(to("clipping", B), get(A)), *((call,) for call in (*_TOGETHER, do.listing()))]
    before = fit((*(create(label, on=1) for label in "abc"), do.restore(_OLD, 1)))
    for chosen in filter(None, map(fit, groups[: 1 if row.patience else None])):
        calls = tuple(replace(call, on=row.on) for call in chosen)
        fail = Race(calls, failure=row, every_order=row in DEATHS)
        on = 1 if row.seconds == _IMPATIENT or row.closes else row.on
        again: list[Action] = [cancel(A, on)]
        if row.patience:  # by a write that fails the store may find out that nothing fails any more
            again = [Race((cancel(A, on),), failure=_FINDS_OUT), cancel(B, on)]
        # The same creations, under the ids that the exceptions state, tell what became of the first ones.
        made = [call.label for call in chosen if call.label and not row.closes]
        again += fit(create("", Id(label), on, video_ids=("n",)) for label in made)
        needs = Capability.REMOTE, *row.needs
        yield scenario(before, fail, ReadBack(), again, ReadBack(), about=row.about, needs=needs, instances=2)
