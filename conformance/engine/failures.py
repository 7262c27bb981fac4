"""Calls while something fails: how it is brought about, and what may come out of the calls then."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from conformance.engine.finding import Finding, complaint
from conformance.engine.judge import CANCELLED, SILENT, Made
from conformance.engine.scenario import Failure, Race
from conformance.harness import Harness, HookMissingError
from conformance.subjects.proxy import Action as Does
from conformance.subjects.proxy import Interruption, Proxy
from conformance.tasks.observe import describe
from conformance.tasks.spec.model import READS, Raised
from conformance.text import printed
from taskstore import FailureKind, StoreUnavailable

SOON = 2.0
"""Seconds in which what needs no time has happened."""


@asynccontextmanager
async def in_trouble(
    harness: Harness, namespace: str, stores: Mapping[int, Any], seconds: float
) -> AsyncIterator[Trouble]:
    """Put a proxy before the server, for the stores of a namespace, and `seconds` as the time-outs of the first.

    Raises:
        HookMissingError: if there is no URL that a proxy can be put before.
    """
    url = harness.url()
    if not url.startswith("redis://"):
        raise HookMissingError("url (redis://)")
    async with AsyncExitStack() as stack:
        proxy = await stack.enter_async_context(Proxy(url))
        trouble = Trouble(harness, namespace, proxy, stores, seconds)
        with suppress(HookMissingError):
            trouble.set_up_user()
            stack.callback(harness.administer, "ACL", "DELUSER", namespace)
        yield trouble


@dataclass
class Trouble:
    """A proxy before the server, and a user with a password, with whom the first store goes through it."""

    harness: Harness
    namespace: str
    proxy: Proxy
    stores: Mapping[int, Any]
    """Those that are open."""
    seconds: float
    """The time-outs of the first."""
    interruption: Interruption | None = None
    """What a failure has told the proxy to do."""
    ends: AsyncExitStack = field(default_factory=AsyncExitStack)
    """How a failure ends."""
    secret: str = field(default_factory=secrets.token_hex)
    _user: str = ""
    _left: int = 0

    def open(self) -> Any:
        """Open a store that goes through the proxy."""
        scheme, _, rest = self.proxy.url.partition("://")
        url = f"{scheme}://{self._user}{rest.rpartition('@')[2]}" if self._user else self.proxy.url
        return self.harness.open_at(self.namespace, url, self.seconds)

    def set_up_user(self) -> None:
        """Make the user of the store. A server that restarts forgets it."""
        self.set_rules("reset", "on", f">{self.secret}", "~*", "&*", "+@all")
        self._user = f"{self.namespace}:{self.secret}@"

    def set_rules(self, *rules: str) -> None:
        """Change what the user of the store may do."""
        self.harness.administer("ACL", "SETUSER", self.namespace, *rules)

    async def disconnect(self) -> None:
        """End all connections, and wait until both sides have seen it."""
        self.proxy.break_all(Does.CUT)
        await self.proxy.until(lambda: not self.proxy.connections)

    def find_server(self) -> None:
        """Lead to the server where it is now. One that was started again knows no user."""
        self.proxy.point_at(self.harness.url())
        if self._user:
            self.set_up_user()

    async def warm_up(self, on: int, together: int) -> None:
        """Let a store open the connections that it needs for so many calls, and give up others that fail."""
        calls = (self.stores[on].list_tasks(limit=1) for _ in range(together))
        await asyncio.gather(*calls, return_exceptions=True)

    @asynccontextmanager
    async def failing(self, race: Race, failure: Failure) -> AsyncIterator[None]:
        """Let it fail in the block, for the calls that are made there."""
        used = {call.on for call in race.calls}
        for on in used if not failure.is_cold else ():
            await self.warm_up(on, len(race.calls))
        async with AsyncExitStack() as self.ends:
            await failure.cause(self)
            yield
            if not race.cancelled:  # what is silent is given up
                await _within(SOON, self.proxy.until(lambda: not self.proxy.held))
                self._left = self.proxy.held
        self.proxy.release()
        await _within(SOON, self.proxy.until(lambda: not self.proxy.leaving))  # what has been sent has been done
        for on in used if failure.patience else ():  # if it does not work then, the calls that follow show it
            await _within(failure.patience, _first_answer(self.stores[on]))

    async def until_met(self, calls: Sequence[asyncio.Future[Any]]) -> None:
        """Wait until one of the calls has met what the proxy does, or none is left."""

        def is_met() -> bool:
            return all(call.done() for call in calls) or bool(self.interruption and self.interruption.met)

        await _within(SOON, self.proxy.until(is_met))

    def leftover(self, failure: Failure) -> Finding | None:
        """What is wrong about the connections that are left."""
        actual = f"{self._left} on which nothing comes"
        return _wrong("FAIL-13", "no connection is left over", actual, failure) if self._left else None


def judged(race: Race, made: Made, trouble: Trouble | None = None) -> Finding | None:
    """Judge what came of a call as far as it can be by itself, and note whether it failed."""
    failure, operation, observed = race.failure, made.call.operation, made.observed
    error, facts = (observed.error, dict(observed.facts)) if isinstance(observed, Raised) else ("", {})
    is_unavailable, may = error == "StoreUnavailable", facts.get("write_may_have_happened", True)
    is_closed = race.closes and (is_unavailable or error == "StoreNotOpen")
    made.has_failed = observed in (CANCELLED, SILENT) or is_closed or (is_unavailable and failure is not None)
    may_write = operation not in READS and (failure is None or failure.may_write)
    made.may_have_happened = made.has_failed and may_write and bool(may)
    rules = [
        (observed != SILENT, "API-04" if race.closes else "FAIL-01" if failure else "ATOM-06", "an answer in time"),
        (observed != CANCELLED or race.cancelled, "ATOM-06", "an answer: nobody has cancelled the call"),
    ]
    if trouble and failure and is_unavailable:
        said, no_write = str(made.answer).lower(), operation in READS or failure.kinds == (FailureKind.UNREACHABLE,)
        task_id, given = facts.get("task_id"), made.invocation.arguments
        is_named = task_id is not None and given.get("task_id", task_id) == task_id
        if is_named:
            made.invocation.arguments = {**given, "task_id": task_id}
        is_said = ("nothing was written" in said) is not may and ("may have happened" in said) is may
        rules += [
            (failure.kinds, "", "no exception"),
            (facts.get("failure_kind") in failure.kinds, "FAIL-01", f"failure_kind {' or '.join(failure.kinds)}"),
            (type(may) is bool and not (may and no_write), "FAIL-11", "write_may_have_happened=False"),
            (is_said, "FAIL-11", "a message that says the same as write_may_have_happened"),
            (trouble.secret not in printed(made.answer), "FAIL-05", "an exception that does not show the password"),
            (is_named is (operation == "create_task"), "ID-02", "the id of the task of that creation, and no other"),
        ]
    elif failure and operation in failure.fails and not race.cancelled and not race.closes:
        rules.append((made.has_failed, "", "StoreUnavailable"))
    broken = next(((number, expected) for holds, number, expected in rules if not holds), None)
    said = describe(observed, ("failure_kind", "write_may_have_happened"))
    return _wrong(*broken, said, failure, operation) if broken else None


def _wrong(number: str, expected: str, actual: str, failure: Failure | None, operation: str = "") -> Finding:
    when = failure.name if failure else "nothing fails"
    return complaint(number, f"{expected}, when {when}", actual, f"{when} {operation}")


async def _first_answer(store: Any) -> None:
    while True:
        with suppress(StoreUnavailable):
            await store.list_tasks(limit=1)
            return
        await asyncio.sleep(0.05)


async def _within(seconds: float, awaited: Awaitable[Any]) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await awaited
