"""The tables of failures: each operation meets each failure, early or on a warm connection, and others beside it.

Each operation has a bench: a namespace, a proxy, and a user of the server's with a password. So the cells of one
failure are played together, and none sees another.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import socket
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from typing import Any
from urllib.parse import urlsplit

import pytest

from conformance.case import Namespace, NotTestable
from conformance.cases.environment import logging_to
from conformance.harness import Capability, Harness, HookMissingError
from conformance.script import Script
from conformance.strategies import a_request
from conformance.subjects.proxy import Action, Interruption, Proxy, Stage
from conformance.verify.faults.operations import old_task
from taskstore import FailureKind, MemoryTaskStore, StoreUnavailable, Task, TaskCreateRequest, TaskPage, TaskStatus

PASSWORD = "s3cret-w0rd"
PATIENT, IMPATIENT = 8.0, 0.4
"""The timeouts of a store that is not to run into them, and of one that is, in seconds."""
LIMIT = 4.0
"""That any call may take: a store that is impatient gives up before, and nothing else has to be waited for."""
BESIDE = 3
"""Calls in flight beside the one that fails."""
MANY = 6
"""The tasks of one cell are among so many that are the newest."""


@dataclass
class Target:
    """What one call is about, and what else is there."""

    request: TaskCreateRequest
    task: Task
    other: Task
    page: TaskPage
    new: Task
    """One that no store has."""


@dataclass(frozen=True)
class Operation:
    """One way to call a store."""

    name: str
    call: Callable[[Any, Target], Awaitable[Any]]
    writes: bool = True
    needs: Capability | None = None
    method: str = "get_task"


OPERATIONS = (
    Operation("create", lambda store, on: store.create_task(on.request)),
    Operation(
        "create under an id",
        lambda store, on: store.create_task(on.request, task_id=on.new.task_id),
        needs=Capability.CALLER_IDS,
    ),
    Operation("get", lambda store, on: store.get_task(on.task.task_id), writes=False),
    Operation("list", lambda store, _: store.list_tasks(limit=MANY), writes=False),
    Operation("list by status", lambda store, _: store.list_tasks(TaskStatus.PENDING, 1, 1), writes=False),
    Operation(
        "list after",
        lambda store, on: store.list_tasks(limit=MANY, after=on.page.next),
        writes=False,
        needs=Capability.CURSOR,
    ),
    Operation(
        "update", lambda store, on: store.update_task_status(on.task.task_id, TaskStatus.CLIPPING, 40, "cutting")
    ),
    Operation(
        "finish",
        lambda store, on: store.update_task_status(on.task.task_id, TaskStatus.FAILED, error_message="no such video"),
    ),
    Operation("cancel", lambda store, on: store.cancel_task(on.task.task_id)),
    Operation(
        "purge",
        lambda store, on: store.purge(on.task.created_at),
        needs=Capability.MAINTENANCE,
        method="purge",
    ),
    Operation("restore", lambda store, on: store.restore(on.new), needs=Capability.MAINTENANCE, method="restore"),
)
READS = tuple(one for one in OPERATIONS if not one.writes)
WRITES = tuple(one for one in OPERATIONS if one.writes)


class Then(Enum):
    """What a caller does while a call is held."""

    CANCEL = "the caller is cancelled"
    CLOSE = "the store is closed"


@dataclass(frozen=True)
class Failure:
    """One way to fail. `stage` and `action` are the proxy's; a failure without them is brought about by hand."""

    name: str
    failure_kinds: tuple[FailureKind, ...]
    """What an exception may call it."""
    stage: Stage | None = None
    action: Action = Action.CUT
    text: bytes = b""
    early: bool = False
    """It meets the first call of a store, and not one on a connection that has served others."""
    seconds: float = PATIENT
    rounds: int = 100
    """How many exchanges of a call are interrupted, one in each round, if the call has so many."""
    rule: str = ""
    """What is changed about the user of the server, as ACL SETUSER takes it."""
    makes: FailureKind | None = None
    """What the server's owner brings about."""
    then: Then | None = None
    """What the caller does when the call has met it."""


LOADING_REPLY = b"-LOADING Redis is loading the dataset in memory\r\n"
GONE = (FailureKind.BROKEN, FailureKind.UNREACHABLE)
_LATE = (FailureKind.TIMEOUT, FailureKind.UNREACHABLE)
HTTP_REPLY = b"HTTP/1.1 400 Bad Request\r\n\r\n"


def _early_and_warm(
    name: str,
    failure_kinds: tuple[FailureKind, ...],
    stage: Stage | None = None,
    action: Action = Action.CUT,
    text: bytes = b"",
) -> tuple[Failure, Failure]:
    return (
        Failure(f"{name}, at the first call", failure_kinds, stage, action, text, early=True, rounds=2),
        Failure(f"{name}, on a warm connection", failure_kinds, stage, action, text),
    )


def _held(name: str, stage: Stage, *, early: bool = False) -> Failure:
    return Failure(name, _LATE, stage, Action.HOLD, early=early, seconds=IMPATIENT, rounds=1)


REFUSED = _early_and_warm("nothing listens", (FailureKind.UNREACHABLE,))
SILENT = (
    _held("no greeting is answered", Stage.CONNECT, early=True),
    _held("the server goes silent", Stage.REQUEST),
)
LATE = (
    _held("the answer is late", Stage.REPLY),
    _held("half of the answer is late", Stage.MIDDLE),
)
LOST = (
    *_early_and_warm("the answer is lost", GONE, Stage.REPLY, Action.CUT),
    *_early_and_warm("half of the answer is lost", GONE, Stage.MIDDLE, Action.RESET),
    Failure("the connection breaks before the answer", GONE, Stage.REPLY, Action.RESET),
    Failure("the connection ends in the middle of the answer", GONE, Stage.MIDDLE, Action.CUT),
    Failure("the connection breaks before the request is read", GONE, Stage.REQUEST, Action.RESET),
    Failure("what accepts ends at once", GONE, Stage.CONNECT, Action.CUT, early=True, rounds=1),
)
NO_REDIS = (
    *_early_and_warm("a web server answers", GONE, Stage.REQUEST, Action.ANSWER, HTTP_REPLY),
    Failure("the answer is not Redis's", GONE, Stage.REPLY, Action.ANSWER, HTTP_REPLY),
)
_SAID = (
    (FailureKind.BUSY, "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE."),
    (FailureKind.REFUSED, "NOPERM this user has no permissions to run the command"),
    (FailureKind.REFUSED, "NOAUTH Authentication required."),
    (FailureKind.OUT_OF_MEMORY, "OOM command not allowed when used memory > 'maxmemory'."),
    (FailureKind.READ_ONLY, "READONLY You can't write against a read only replica."),
    (FailureKind.READ_ONLY, "MISCONF Redis is configured to save RDB snapshots, but cannot persist to disk."),
    (FailureKind.BROKEN, "ERR something else is wrong"),
)
SAYS_NO = (
    *_early_and_warm("the server says LOADING", (FailureKind.LOADING,), Stage.REQUEST, Action.ANSWER, LOADING_REPLY),
    *(
        Failure(
            f"the server says {said.split()[0]}", (failure_kind,), Stage.REQUEST, Action.ANSWER, f"-{said}\r\n".encode()
        )
        for failure_kind, said in _SAID
    ),
)
"""The server's words without the server, for it cannot be brought to say each of them here."""
BUSY, READ_ONLY, FULL = (
    Failure(f"the server is {failure_kind}", (failure_kind,), makes=failure_kind)
    for failure_kind in (FailureKind.BUSY, FailureKind.READ_ONLY, FailureKind.OUT_OF_MEMORY)
)
DENIED = tuple(
    Failure(f"the user's rules are {rule}", (FailureKind.REFUSED,), rule=rule, early=rule == "resetpass")
    for rule in (
        "resetpass",
        "-@write",
        "-@read",
        "-@scripting",
        "-set",
        "-zadd",
        "-zrem",
        "-unlink",
        "-del",
        "-pexpire",
    )
)
"""One has no password any more; the others may not call some commands."""
IDLE = tuple(Failure(f"the idle connection is {action}", (), action=action) for action in (Action.CUT, Action.RESET))

CANCELLED, CLOSED = (
    tuple(
        Failure(f"{then.value} in the middle of a {stage}", (), stage, Action.HOLD, rounds=1, then=then, early=early)
        for stage, early in ((Stage.CONNECT, True), (Stage.REQUEST, False), (Stage.REPLY, False), (Stage.MIDDLE, False))
    )
    for then in Then
)


@dataclass
class Seen:
    """What came of one cell."""

    failure: Failure
    operation: Operation
    target: Target
    address: str
    expected: Any
    answer: Any = None
    error: BaseException | None = None
    beside: Sequence[Any] = ()
    """What the other calls in flight got: each asked for `target.other`."""
    next: Any = None
    """What the next call got, which asked for the same."""
    again: Any = None
    """What came of the same operation afterwards, on another task: an exception, or whether it was right."""
    closed: bool = False
    """Whether the store could be closed while the calls were under way."""
    left: int = 0
    """Connections that are open and should not be."""
    met: bool = False
    """Whether an exchange was interrupted."""
    shown: str = ""
    """The text of the store."""
    changed: Mapping[str, tuple[Task | None, Task | None]] = field(default_factory=dict)
    """What the call wrote, by id: a task before and after."""
    said: list[str] = field(default_factory=list)
    """What was logged."""

    def take(self, outcome: Any) -> None:
        """Keep what came of the call."""
        if isinstance(outcome, BaseException):
            self.error = outcome
        else:
            self.answer = outcome

    def __str__(self) -> str:
        came = f"raised {self.error!r}" if self.error else f"returned {self.answer!r:.200}"
        return f"{self.operation.name}, when {self.failure.name}: {came}"


def is_right(seen: Seen) -> bool:
    """Whether an answer is this call's own, and says what is stored."""
    if not seen.operation.writes:
        return bool(seen.answer == seen.expected)
    ids = list(seen.changed)
    if seen.operation.method == "purge":
        return type(seen.answer) is int and seen.answer == len(ids) == 1
    if seen.operation.method == "restore":
        return seen.answer is None and ids == [seen.target.new.task_id]
    return len(ids) == 1 and bool(seen.changed[ids[0]][1] == seen.answer)


def unavailable(seen: Seen) -> StoreUnavailable:
    """What the call raised, if it is that."""
    if not isinstance(seen.error, StoreUnavailable):
        pytest.fail(f"no StoreUnavailable: {seen}")
    return seen.error


def is_answered(seen: Seen) -> bool:
    """Whether the call was answered, and then rightly; if not, it has to have raised StoreUnavailable."""
    if seen.error is None:
        assert is_right(seen), f"a wrong answer, or what it did is not there: {seen}"
        return True
    unavailable(seen)
    return False


def denies_nothing(seen: Seen) -> None:
    """What the call wrote is what it says: an answer, or an exception that does not deny it."""
    if not is_answered(seen):
        error = unavailable(seen)
        assert type(error.write_may_have_happened) is bool, seen
        assert error.write_may_have_happened or not seen.changed, f"a write that happened was denied: {seen}"
        assert seen.operation.writes or not error.write_may_have_happened, (
            f"a read says that it may have written: {seen}"
        )
        assert ("Nothing was written" in str(error)) is not error.write_may_have_happened, seen
        assert ("may have happened" in str(error)) is error.write_may_have_happened, seen
    assert len(seen.changed) <= 1, f"it took effect more than once: {seen}"


def says_what_failed(seen: Seen) -> None:
    """The exception names the kind of failure and the address."""
    error = unavailable(seen)
    assert error.failure_kind in seen.failure.failure_kinds, seen
    assert error.address.startswith(seen.address), seen
    assert error.address in str(error), seen


def says_what_failed_if_it_did(seen: Seen) -> None:
    """The same, where it need not have failed: the store may ask again, or need not ask what the server refuses."""
    if not is_answered(seen):
        says_what_failed(seen)


def others_are_served(seen: Seen) -> None:
    """Calls in flight end, rightly or as unavailable; the next ones are answered; no connection is left."""
    assert not isinstance(seen.error, HangsError), seen
    for answer in seen.beside:
        told = isinstance(answer, StoreUnavailable) and not answer.write_may_have_happened
        assert told or answer == seen.target.other, f"beside it somebody got {answer!r}: {seen}"
    assert seen.next == seen.target.other, f"the next call got {seen.next!r}: {seen}"
    assert seen.again is True or seen.operation.method == "purge", (
        f"the same call, made again, got {seen.again!r}: {seen}"
    )
    assert not seen.left, f"{seen.left} connections are left over: {seen}"


def keeps_the_secret(seen: Seen) -> None:
    """The password is in nothing that came out, and in nothing that was logged."""
    assert PASSWORD not in seen.shown, f"the store shows the password: {seen.shown}"
    assert not [line for line in seen.said if PASSWORD in line], f"the log shows the password: {seen}"
    found: list[BaseException | None] = [seen.error]
    while found:
        if (error := found.pop()) is not None:
            notes = getattr(error, "__notes__", ())
            assert PASSWORD not in f"{error} {error!r} {error.args!r} {vars(error)!r} {notes!r}", repr(seen)
            found += [error.__cause__, error.__context__]


class Bench:
    """Where one operation meets one failure after the other."""

    def __init__(self, namespace: Namespace, operation: Operation) -> None:
        self.operation = operation
        self._namespace = Namespace(namespace.harness, f"{namespace.name}-{secrets.token_hex(3)}")
        self._namespace.script = namespace.script
        self._interruption: Interruption | None = None

    async def set_up(self, stack: AsyncExitStack) -> None:
        """Open a healthy store, and one that has to go on after failures."""
        stack.callback(self._namespace.harness.discard, self._namespace.name)
        self._proxy = await stack.enter_async_context(Proxy(stack.enter_context(_credentials(self._namespace))))
        self._healthy: Any = await stack.enter_async_context(self._namespace.open())
        self._lasting = await self._open(stack, PATIENT)

    async def _open(self, stack: AsyncExitStack, seconds: float) -> Any:
        opened = self._namespace.harness.open_at(self._namespace.name, self._proxy.url, seconds)
        return await stack.enter_async_context(opened)

    async def play(self, failure: Failure, number: int) -> Seen:
        """Make a call that fails at its exchange of that number, if the failure is one of an exchange."""
        target = await self._make_target()
        expected = None if self.operation.writes else await self.operation.call(self._healthy, target)
        address = f"127.0.0.1:{urlsplit(self._proxy.url).port}"
        seen = Seen(failure, self.operation, target, address, expected)
        before = await self._stored(target)
        at_rest = self._proxy.connections
        lasts = not failure.early and failure.action is not Action.HOLD
        async with AsyncExitStack() as stack:
            opened = self._lasting if lasts else await self._open(stack, failure.seconds)
            seen.shown = f"{opened} {opened!r}"
            store = self._namespace.script.recorded(opened)
            if not failure.early:
                await connected(lambda: store.list_tasks(limit=1))
            await self._begin(failure, number)
            with self._namespace.harness.cause_failure(failure.makes) if failure.makes else nullcontext():
                await self._call(seen, store, stack)
            if self._interruption is not None:
                self._interruption.times = 0  # what has not met it by now is not to
            if failure.then is not Then.CLOSE:
                await self._end(seen, store)
        # What was held has arrived, and is done, when its connection has gone.
        self._proxy.release()
        most = BESIDE + 1 if lasts else at_rest
        await self._until(lambda: self._proxy.connections <= most)
        seen.left = max(0, self._proxy.connections - most)
        seen.changed = changed(before, await self._stored(target))
        seen.met = self._interruption is not None and self._interruption.met > 0
        return seen

    async def _begin(self, failure: Failure, number: int) -> None:
        """Let the next call fail."""
        self._interruption = None
        if failure.stage is not None:
            self._interruption = self._proxy.interrupt(failure.stage, failure.action, after=number, text=failure.text)
        elif failure in REFUSED:
            await self._proxy.refuse()
        elif failure.rule:
            self._namespace.harness.administer("ACL", "SETUSER", self._namespace.name, failure.rule)
        if failure in (*REFUSED, *IDLE):
            accepted = self._proxy.accepted
            self._proxy.break_all(failure.action)
            await self._until(lambda: self._proxy.accepted - self._proxy.connections >= accepted)

    async def _call(self, seen: Seen, store: Any, stack: AsyncExitStack) -> None:
        """Make the call, and others beside it on the same store."""
        failure = seen.failure
        call = asyncio.ensure_future(self.operation.call(store, seen.target))
        await asyncio.sleep(0)  # its request is the first
        # An answer in the server's place would come before those that the server still owes.
        beside = 0 if failure.action is Action.ANSWER else BESIDE
        others = [asyncio.ensure_future(store.get_task(seen.target.other.task_id)) for _ in range(beside)]
        if failure.then is not None:
            await self._until(lambda: call.done() or (self._interruption and self._interruption.met))
        if failure.then is Then.CLOSE:
            with suppress(TimeoutError):
                async with asyncio.timeout(LIMIT):
                    await stack.aclose()
                    seen.closed = True
        elif failure.then is Then.CANCEL:
            call.cancel()
            self._proxy.release()
        outcome, *seen.beside = await asyncio.gather(*map(outcome_of, (call, *others)))
        seen.take(outcome)

    async def _end(self, seen: Seen, store: Any) -> None:
        """Make the next calls. What is held stays so for the first of them: a connection that is silent is given up."""
        if seen.failure in REFUSED:
            await self._proxy.listen()
        elif seen.failure.rule:
            self._namespace.harness.administer("ACL", "SETUSER", self._namespace.name, f">{PASSWORD}", "+@all")
        seen.next = await connected(lambda: store.get_task(seen.target.other.task_id))
        self._proxy.release()
        if self.operation.method == "purge":  # which would do what this one was to do
            return
        target = await self._make_target()
        expected = None if self.operation.writes else await self.operation.call(self._healthy, target)
        again = Seen(seen.failure, self.operation, target, seen.address, expected)
        again.answer = await outcome_of(self.operation.call(store, target))
        again.changed = changed({target.task.task_id: target.task}, await self._stored(target))
        seen.again = again.answer if isinstance(again.answer, BaseException) else is_right(again)

    async def _until(self, condition: Callable[[], object]) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(LIMIT):
                await self._proxy.until(condition)

    async def _make_target(self) -> Target:
        request = a_request(video=secrets.token_hex(6))
        if self.operation.method == "purge":
            await self._healthy.purge(datetime.now(UTC))  # what an earlier one has left
            await self._healthy.restore((await old_task()).model_copy(update={"video_ids": request.video_ids}))
        task = await self._healthy.create_task(request)
        other = await self._healthy.create_task(a_request())
        async with MemoryTaskStore() as source:
            new = await source.create_task(request)
        return Target(request, task, other, await self._healthy.list_tasks(limit=1), new)

    async def _stored(self, target: Target) -> dict[str, Task]:
        status = TaskStatus.CANCELLED if self.operation.method == "purge" else None
        page = await self._healthy.list_tasks(status, limit=MANY)
        return {one.task_id: one for one in page.tasks if list(one.video_ids) == list(target.request.video_ids)}


def changed(before: Mapping[str, Task], after: Mapping[str, Task]) -> dict[str, tuple[Task | None, Task | None]]:
    """The tasks that differ, before and after."""
    pairs = {task_id: (before.get(task_id), after.get(task_id)) for task_id in {*before, *after}}
    return {task_id: pair for task_id, pair in pairs.items() if pair[0] != pair[1]}


async def connected(read: Callable[[], Awaitable[Any]]) -> Any:
    """What comes of a read. A busy machine may take longer to connect than an impatient store waits."""
    for _ in range(5):
        outcome = await outcome_of(read())
        if not (isinstance(outcome, StoreUnavailable) and outcome.failure_kind is FailureKind.TIMEOUT):
            break
    return outcome


async def outcome_of(call: Awaitable[Any]) -> Any:
    """What comes of a call within the limit: its answer, or what it raises."""
    started: asyncio.Future[Any] = asyncio.ensure_future(call)
    done, _ = await asyncio.wait([started], timeout=LIMIT)
    if not done:
        started.cancel()
        return HangsError(f"it still waits after {LIMIT} s")
    return asyncio.CancelledError() if started.cancelled() else started.exception() or started.result()


class HangsError(Exception):
    """A call did not end."""


Check = Callable[[Seen], object]


@dataclass
class Row:
    """What came of one failure: a round for each exchange of a call, with the script until its end."""

    rounds: list[tuple[str, Sequence[Seen]]] = field(default_factory=list)
    left: Sequence[Operation] = OPERATIONS
    """The operations of the next round."""


class _Known:
    """The rows that were played on the subject at hand: many cases look at the same ones, which take their time."""

    harness: Harness | None = None
    rows: dict[Failure, Row]

    @classmethod
    def rows_of(cls, harness: Harness) -> dict[Failure, Row]:
        if cls.harness is not harness:
            cls.harness, cls.rows = harness, {}
        return cls.rows


async def table(
    namespace: Namespace, failures: Sequence[Failure], *checks: Check, operations: Sequence[Operation] = OPERATIONS
) -> None:
    """Play each operation that the store has against each failure, at each exchange of it, and check what is seen.

    What another case has played is not played again. Operations that are not named are played, and not checked.
    """
    rows, script = _Known.rows_of(namespace.harness), namespace.script
    benches: list[Bench] = []
    async with AsyncExitStack() as stack:
        for failure in failures:
            row = rows.setdefault(failure, Row())
            for number in range(failure.rounds):
                if number == len(row.rounds):
                    if not row.left:
                        break
                    benches = benches or await _set_up(namespace, stack)
                    played = await _played([one for one in benches if one.operation in row.left], failure, number)
                    # If it was answered, the exchange may be that of a call beside it, and it has no more of them.
                    row.left = [one.operation for one in played if one.met and (one.error is not None or not number)]
                    row.rounds.append((str(script), played))
                shown, played = row.rounds[number]
                namespace.script = Script(shown.splitlines())
                for seen in played:
                    for check in checks if seen.operation in operations else ():
                        check(seen)
                assert number or failure.stage is None or any(seen.met for seen in played), "nobody asked the server"


async def _set_up(namespace: Namespace, stack: AsyncExitStack) -> list[Bench]:
    benches = [Bench(namespace, one) for one in OPERATIONS if applies(one, namespace)]
    for bench in benches:
        await bench.set_up(stack)
    return benches


async def away(namespace: Namespace, failure: Failure, port: int, *checks: Check) -> None:
    """Make each call the first one of a store whose server should be at that port; nothing there answers."""
    async with MemoryTaskStore() as source:
        tasks = [await source.create_task(a_request()) for _ in range(3)]
        target = Target(a_request(), tasks[0], tasks[1], await source.list_tasks(limit=1), tasks[2])
    url = f"redis://:{PASSWORD}@127.0.0.1:{port}/0"

    async def play(operation: Operation) -> Seen:
        seen = Seen(failure, operation, target, f"127.0.0.1:{port}", None)
        async with namespace.harness.open_at(namespace.name, url, failure.seconds) as store:
            seen.shown = f"{store} {store!r}"
            seen.take(await outcome_of(operation.call(store, target)))
        return seen

    with logged() as said:
        played = await asyncio.gather(*(play(one) for one in OPERATIONS if applies(one, namespace)))
    for seen in played:
        seen.said = said
        for check in checks:
            check(seen)


def applies(operation: Operation, namespace: Namespace) -> bool:
    """Whether stores of this namespace can be called so."""
    return operation.needs is None or operation.needs in namespace.harness.capabilities


async def _played(benches: Sequence[Bench], failure: Failure, number: int) -> Sequence[Seen]:
    """Play the cells of a failure together; if the whole server fails, one by one."""
    with logged() as said:
        plays = [bench.play(failure, number) for bench in benches]
        if failure.makes:
            return [await play for play in plays]
        played = await asyncio.gather(*plays, return_exceptions=True)
    found = []
    for seen in played:
        if isinstance(seen, BaseException):
            raise seen
        seen.said = said
        found.append(seen)
    return found


@contextmanager
def logged() -> Iterator[list[str]]:
    """Give what is logged meanwhile, at every level."""
    said: list[str] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(f"{record.name} {record.levelname} {logging.Formatter().format(record)}")

    with logging_to(Handler(), logging.DEBUG):
        yield said


@contextmanager
def _credentials(namespace: Namespace) -> Iterator[str]:
    """The server's URL, for a user of the namespace's with a password; as it is, where nobody may make one."""
    url = namespace.harness.url()
    if not url.startswith("redis://"):
        raise NotTestable("the proxy understands neither TLS nor sockets of files")
    try:
        namespace.harness.administer(
            "ACL", "SETUSER", namespace.name, "reset", "on", f">{PASSWORD}", "~*", "&*", "+@all"
        )
    except HookMissingError:
        yield url
        return
    try:
        yield f"redis://{namespace.name}:{PASSWORD}@{url.removeprefix('redis://').rpartition('@')[2]}"
    finally:
        namespace.harness.administer("ACL", "DELUSER", namespace.name)


@contextmanager
def silent_port() -> Iterator[int]:
    """A port of loopback that accepts connections, and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        yield listener.getsockname()[1]


def unused_port() -> int:
    """A port of loopback at which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port
