"""The table of failures: what brings each about, what an exception may call it, and how the operations meet it."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from conformance.backends.proxy import Held
from conformance.engine.failures import Failure, Surroundings
from conformance.engine.kinds import Scenarios, scenario
from conformance.engine.orders.schedule import CALLER, CONNECTION
from conformance.engine.scenario import Action, Call, Race, ReadBack
from conformance.harness import Capability
from conformance.tasks import calls as do
from conformance.tasks.calls import OPERATIONS, Id, cancel, create, get
from conformance.tasks.tables.tasks import DAY, LONG_AGO, A, B, fitting, restorable, to
from taskstore import FailureKind

_IMPATIENT = 1.0
"""The time-outs of a store that is to run into them, in seconds: what reads afterwards does not, on a slow machine."""
_Cause = Callable[[Surroundings], Awaitable[None]]


def _interrupted(how: Held | bytes, **more: Any) -> _Cause:
    """Let the proxy interrupt exchanges, of all connections or of those that are open then."""

    async def cause(around: Surroundings) -> None:
        around.proxy.interrupt(how, **more)

    return cause


def _answered(text: str) -> _Cause:
    return _interrupted(f"{text}\r\n".encode(), on_open_ones=True)


async def _refused(around: Surroundings) -> None:
    await around.proxy.refuse()
    around.ends.push_async_callback(around.proxy.listen)


async def _demoted(around: Surroundings) -> None:
    await _answered("-READONLY You can't write against a read only replica.")(around)
    await around.warm_up(0, 8)  # by calls that fail it finds out


async def _disconnected(around: Surroundings) -> None:
    around.harness.administer("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")


async def _full(around: Surroundings) -> None:
    around.ends.enter_context(around.harness.cause_failure(_OUT))


async def _moved(around: Surroundings) -> None:
    around.ends.enter_context(around.harness.slot_moved(around.namespace))


async def _restarted(around: Surroundings) -> None:
    await asyncio.to_thread(around.harness.restart_server)
    around.find_server()


async def _failed_over(around: Surroundings, *, kill: bool) -> None:
    working = asyncio.ensure_future(asyncio.to_thread(around.harness.fail_over, kill=kill))
    await asyncio.sleep(0.01)
    around.ends.callback(around.find_server)
    around.ends.push_async_callback(lambda: working)


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
_OUT = FailureKind.OUT_OF_MEMORY
_unreachable = partial(
    Failure,
    cause=_refused,
    kinds=("unreachable",),
    fails=tuple(OPERATIONS),
    about="FAIL-01 FAIL-11 FAIL-17",
    may_write=False,
)
_taken_over = partial(Failure, kinds=_ANY, about="FAIL-17", on=1, needs="failover", patience=20)

CONNECTIONS = (
    Failure(
        "each reply is late", _interrupted(Held.REPLIES), _LATE, about="FAIL-11 FAIL-13 FAIL-05", seconds=_IMPATIENT
    ),
    Failure(
        "the server goes silent",
        _interrupted(Held.REQUESTS),
        _LATE,
        tuple(OPERATIONS),
        "FAIL-01 FAIL-11 FAIL-13",
        seconds=_IMPATIENT,
    ),
    _unreachable("nothing listens at the first call", is_cold=True),
    _unreachable("nothing listens any more"),
    Failure("each request ends the connection", _interrupted(b""), _GONE, about="FAIL-11 FAIL-13"),
    Failure("the replies are of another form", _answered("+7"), _GONE, about="FAIL-13"),
    Failure("the server behind the open connections is a replica now", _demoted, about="FAIL-17"),
    *(
        Failure(
            f"the server says {text.split()[0]}",
            _answered(f"-{text}"),
            (kind,),
            about="FAIL-06",
            may_write=False,
        )
        for kind, text in _ERRORS.items()
    ),
    *(
        Failure(
            f"the store is closed while a {what} is held",
            _interrupted(what),
            _ANY,
            about="API-04",
            is_cold=what is Held.REQUESTS,
            closes=True,
        )
        for what in Held
    ),
)
"""Failures of connections and callers."""
SERVERS = (
    Failure(f"the server is {_OUT}", _full, (_OUT,), _WRITES, "FAIL-06", may_write=False),
    Failure("the server has closed the connections", _disconnected, about="FAIL-14", on=1),
    Failure("the server has restarted", _restarted, about="DUR-01 FAIL-14"),
    Failure("another node has the tasks", _moved, about="MODE-18", on=1, needs="cluster"),
    _taken_over("another server takes over", cause=partial(_failed_over, kill=False)),
    _taken_over("another server takes over from a killed one", cause=partial(_failed_over, kill=True)),
)
"""Failures of the whole server: nothing else can be played meanwhile."""
DEATHS = Failure(CONNECTION, kinds=_GONE, about="FAIL-11 ATOM-01 FAIL-13"), Failure(CALLER, about="ATOM-06 ATOM-01")
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
_AT_ONCE: Sequence[Sequence[Call]] = _TOGETHER, (do.listing(), get(A))
_ALONE = (
    (to("clipping", B), get(A)),
    *([call] for call in (*_TOGETHER, do.listing())),
)
_BEFORE = (
    *(create(label, on=1) for label in "abc"),
    do.restore(_OLD, 1),
)


def scenarios(rows: Iterable[Failure], declared: frozenset[Capability]) -> Scenarios:
    """Scenarios in which every operation meets each failure: at the same time, or alone if it is a death."""
    before = fitting(_BEFORE, declared)
    for row in rows:
        needs = f"remote {row.needs}"
        groups = _AT_ONCE[:1] if row.patience else _AT_ONCE
        if row in DEATHS:
            groups = _ALONE
        for group in groups:
            calls = tuple(replace(call, on=row.on) for call in fitting(group, declared))
            if calls:
                fail = Race(calls, failure=row, every_order=row in DEATHS)
                again = fitting(_again(row, calls), declared)
                yield scenario(before, fail, ReadBack(), again, ReadBack(), about=row.about, needs=needs, instances=2)


def _again(row: Failure, calls: Iterable[Call]) -> Iterator[Action]:
    """Yield calls when nothing fails any more."""
    on = row.on
    if row.seconds == _IMPATIENT or row.closes:
        on = 1
    if row.patience:  # by a write that fails the store may find out that nothing fails any more
        yield Race((cancel(B, on),), failure=_FINDS_OUT)
    yield cancel(A, on)

    # The same creations, under the ids that the exceptions state, tell what became of the first ones.
    for call in calls:
        if call.label and not row.closes:
            yield create("", Id(call.label), on, video_ids=("n",))
