"""Calls while something fails: how they are made, and what may come out of them."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, suppress
from typing import Any, NamedTuple, Self, TypeAlias
from urllib.parse import urlsplit

from conformance.core.finding import Complaint
from conformance.core.scenario import Call, Failure, Race
from conformance.harness import Harness, HookMissingError
from conformance.spec.model import Raised
from conformance.subjects.proxy import Action as Does
from conformance.subjects.proxy import Interruption, Proxy
from taskstore import FailureKind, StoreUnavailable

Begin: TypeAlias = Callable[[], Awaitable[Any]]
READS = ("get_task", "list_tasks")
_SOON = 2.0
"""Seconds in which what needs no time has happened."""
_ATTEMPTS = 4


class Verdict(NamedTuple):
    """What is wrong about a result, whether the call failed, and whether what it was to write may have happened."""

    complaint: Complaint | None = None
    has_failed: bool = False
    may_have_happened: bool = False


def is_unavailable(observed: object) -> bool:
    """Whether a call raised `StoreUnavailable`."""
    return isinstance(observed, Raised) and observed.error == "StoreUnavailable"


class Trouble:
    """A proxy before the server, and a user with a password, with whom the store of a namespace goes through it."""

    def __init__(self, harness: Harness, namespace: str, seconds: float) -> None:
        self.harness, self.namespace, self._seconds = harness, namespace, seconds
        self.secret = f"s3cret-{secrets.token_hex(4)}"
        self.interruption: Interruption | None = None
        """What a failure has told the proxy to do."""
        self._left = 0
        """Connections on which nothing comes, and which the store has not given up."""
        self._user = ""
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        url = self.harness.url()
        if not url.startswith("redis://"):
            raise HookMissingError("url (redis://)")
        async with AsyncExitStack() as stack:
            with suppress(HookMissingError):
                self.set_up_user()
                stack.callback(self.harness.administer, "ACL", "DELUSER", self.namespace)
                self._user = f"{self.namespace}:{self.secret}@"
            self.proxy = await stack.enter_async_context(Proxy(url))
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    def set_up_user(self) -> None:
        """Make the user of the store. A server that restarts forgets it."""
        self.set_rules("reset", "on", f">{self.secret}", "~*", "&*", "+@all")

    def set_rules(self, *rules: str) -> None:
        """Change what the user of the store may do."""
        self.harness.administer("ACL", "SETUSER", self.namespace, *rules)

    async def disconnect(self, does: Does = Does.CUT) -> None:
        """End all connections, and wait until both sides have seen it."""
        self.proxy.break_all(does)
        await self.proxy.until(lambda: not self.proxy.connections)

    def find_server(self) -> None:
        """Lead to the server where it is now. One that was started again knows no user."""
        self.proxy.point_at(self.harness.url())
        if self._user:
            self.set_up_user()

    @property
    def url(self) -> str:
        """The server's URL, through the proxy."""
        scheme, _, rest = self.proxy.url.partition("://")
        return f"{scheme}://{self._user}{rest.rpartition('@')[2]}" if self._user else self.proxy.url

    def open(self) -> Any:
        """Open a store that goes through the proxy."""
        return self.harness.open_at(self.namespace, self.url, self._seconds)

    @property
    def is_met(self) -> bool:
        """Whether a call has met what the proxy does."""
        return self.interruption is not None and self.interruption.met > 0

    async def meet(
        self,
        race: Race,
        failure: Failure,
        begins: Sequence[Begin],
        stores: Sequence[Any],
        close: Begin | None,
        seconds: float,
    ) -> list[Any]:
        """Make the calls while it fails. Return what each returns, or the exception that ended it.

        They may take some `seconds`; those that wait when the store is closed, much less than its time-outs.
        """
        self._stores, used = stores, {call.on for call in race.calls}
        for on in used if not failure.is_cold else ():
            await self.warm_up(on, len(begins))
        async with AsyncExitStack() as self.ends:
            await failure.cause(self)
            calls: list[asyncio.Future[Any]] = [asyncio.ensure_future(begin()) for begin in begins]
            waited = list(calls)
            if race.cancelled or close:
                await _within(self.proxy.until(lambda: self.is_met or all(call.done() for call in calls)))
            if close:
                waited.append(asyncio.ensure_future(close()))
            elif race.cancelled:
                for place in race.cancelled:
                    calls[place].cancel()
                self.proxy.release()
            _, hanging = await asyncio.wait(waited, timeout=_SOON if close else seconds + _SOON)
            if not hanging and not race.cancelled:  # what is silent is given up
                await _within(self.proxy.until(lambda: not self.proxy.held))
                self._left = self.proxy.held
        self.proxy.release()
        await _within(self.proxy.until(lambda: not self.proxy.leaving))  # what has been sent has been done
        for call in hanging:
            call.cancel()
        ended = await asyncio.gather(*waited, return_exceptions=True)
        for on in used if failure.patience else ():  # if it does not work then, the calls that follow show it
            await _within(_first_answer(stores[on]), failure.patience)
        is_stuck = close is not None and waited[-1] in hanging
        return [
            TimeoutError("still waits") if is_stuck or call in hanging else one
            for call, one in zip(calls, ended, strict=False)
        ]

    async def warm_up(self, on: int, together: int) -> None:
        """Let a store open the connections that it needs for so many calls, and give up others that fail."""
        for _ in range(_ATTEMPTS):
            calls = (self._stores[on].list_tasks(limit=1) for _ in range(together))
            if not any(isinstance(one, Exception) for one in await asyncio.gather(*calls, return_exceptions=True)):
                return

    @property
    def place(self) -> str:
        """The address of the proxy."""
        return f"127.0.0.1:{urlsplit(self.proxy.url).port}"

    def complaint(self, errors: Sequence[Exception]) -> Complaint | None:
        """What is wrong about the words of exceptions, or about the connections that are left."""
        for error in errors:
            if self.secret in "\n".join(_texts_of(error)):
                return Complaint("FAIL-05", "an exception that does not show the password", type(error).__name__)
            if isinstance(error, StoreUnavailable):
                text, may = str(error).lower(), error.write_may_have_happened
                if ("nothing was written" in text) is may or ("may have happened" in text) is not may:
                    return Complaint("FAIL-11", "a message that says what write_may_have_happened says", str(error))
                if error.address not in str(error):
                    return Complaint("FAIL-01", "a message that states the address", str(error))
        left, self._left = self._left, 0
        return Complaint("FAIL-13", "no connection is left over", f"{left} on which nothing comes") if left else None


def verdict(race: Race, call: Call, observed: Any, place: str = "") -> Verdict:
    """Judge a result as far as it can be by itself. `place` is the address that the store was opened at."""
    writes, failure = call.operation not in READS, race.failure
    is_unavailable_now = is_unavailable(observed)
    if isinstance(observed, asyncio.CancelledError):
        wrong = None if race.cancelled else Complaint("ATOM-06", "an answer: nobody has cancelled the call")
        return Verdict(wrong, True, writes)
    if isinstance(observed, TimeoutError):
        number = "API-04" if race.closes else "FAIL-01"
        return Verdict(Complaint(number, "an answer or StoreUnavailable"), has_failed=True)
    is_closed = isinstance(observed, Raised) and observed.error == "StoreNotOpen"
    if race.closes and (is_closed or (is_unavailable_now and failure is None)):
        return Verdict(None, True, writes)
    if failure is None:
        return Verdict()
    if not is_unavailable_now:
        is_wrong = call.operation in failure.fails and not race.cancelled and not race.closes
        return Verdict(Complaint("", "StoreUnavailable") if is_wrong else None)
    facts = dict(observed.facts)
    may, task_id = facts.get("write_may_have_happened"), facts.get("task_id")
    is_named = task_id is not None and call.arguments.get("task_id", task_id) == task_id
    no_write = not writes or failure.kinds == (FailureKind.UNREACHABLE,)
    rules = (
        (bool(failure.kinds), "", "no exception"),
        (facts.get("failure_kind") in failure.kinds, "FAIL-01", f"failure_kind {' or '.join(failure.kinds)}"),
        (call.on != 0 or str(facts.get("address")).startswith(place), "FAIL-01", f"the address {place}"),
        (type(may) is bool and not (may and no_write), "FAIL-11", "write_may_have_happened=False"),
        (is_named is (call.operation == "create_task"), "ID-02", "the id of the task of that creation, and no other"),
    )
    broken = (Complaint(number, expected) for holds, number, expected in rules if not holds)
    return Verdict(next(broken, None), True, bool(may) and failure.may_write)


async def _first_answer(store: Any) -> None:
    while True:
        try:
            await store.list_tasks(limit=1)
        except StoreUnavailable:
            await asyncio.sleep(0.05)
        else:
            return


async def _within(awaited: Awaitable[Any], seconds: float = _SOON) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await awaited


def _texts_of(error: BaseException | None) -> list[str]:
    """All that is printed of an exception and of its causes, and what it holds."""
    if error is None:
        return []
    own = f"{error} {error!r} {error.args!r} {vars(error)!r} {getattr(error, '__notes__', ())!r}"
    return [own, *_texts_of(error.__cause__), *_texts_of(error.__context__)]
