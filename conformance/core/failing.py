"""Calls while something fails: how they are made, and what may come out of them."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from typing import Any, NamedTuple, Self, TypeAlias
from urllib.parse import urlsplit

from conformance.core.scenario import Call, Fail
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


class Named(NamedTuple):
    """What is known of a task whose creation failed."""

    task_id: str


class Complaint(NamedTuple):
    """What a call should have done, and the requirement that says so."""

    number: str
    expected: str
    actual: str = ""


class Verdict(NamedTuple):
    """What is wrong about a result, whether the call failed, and whether what it was to write may have happened."""

    complaint: Complaint | None
    has_failed: bool = False
    may_have_happened: bool = False


def is_late(observed: object) -> bool:
    """Whether a call ran into the time-out of its store."""
    return is_unavailable(observed) and dict(observed.facts).get("failure_kind") == "timeout"  # type: ignore[attr-defined]


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
        self.left = 0
        """Connections on which nothing comes, and which the store has not given up."""
        self._user = ""

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

    async def disconnect(self, does: Does = Does.CUT) -> None:
        """End all connections, and wait until both sides have seen it."""
        self.proxy.break_all(does)
        await self.proxy.until(lambda: not self.proxy.connections)

    def find_server(self) -> None:
        """Lead to the server where it is now. One that was started again knows no user."""
        self.proxy.point_at(self.harness.url())
        if self._user:
            self.set_up_user()

    def set_rules(self, *rules: str) -> None:
        """Change what the user of the store may do."""
        self.harness.administer("ACL", "SETUSER", self.namespace, *rules)

    @property
    def url(self) -> str:
        """The server's URL, through the proxy."""
        scheme, _, rest = self.proxy.url.partition("://")
        return f"{scheme}://{self._user}{rest.rpartition('@')[2]}" if self._user else self.proxy.url

    def open(self) -> Any:
        """Open a store that goes through the proxy."""
        return self.harness.open_at(self.namespace, self.url, self._seconds)

    async def meet(
        self,
        fail: Fail,
        made: Sequence[tuple[Call, Begin]],
        stores: Sequence[Any],
        close: Begin | None,
        seconds: float,
    ) -> list[Any]:
        """Make the calls while it fails. Return what each returns, or the exception that ended it.

        They may take some `seconds`; those that wait when the store is closed, much less than its time-outs.
        """
        self._stores, used = stores, {call.on for call, _ in made}
        for on in used if not fail.failure.is_cold else ():
            await self.warm_up(on, len(made))
        async with fail.failure.cause(self):
            calls: list[asyncio.Future[Any]] = [asyncio.ensure_future(begin()) for _, begin in made]
            waited = list(calls)
            if fail.cancelled or close:
                await _within(self.proxy.until(lambda: self.is_met or all(call.done() for call in calls)))
            if close:
                waited.append(asyncio.ensure_future(close()))
            elif fail.cancelled:
                for place in fail.cancelled:
                    calls[place].cancel()
                self.proxy.release()
            _, hanging = await asyncio.wait(waited, timeout=_SOON if close else seconds + _SOON)
            if not hanging and not fail.cancelled:  # what is silent is given up
                await _within(self.proxy.until(lambda: not self.proxy.held))
                self.left = self.proxy.held
        self.proxy.release()
        await _within(self.proxy.until(lambda: not self.proxy.leaving))  # what has been sent has been done
        for call in hanging:
            call.cancel()
        ended = await asyncio.gather(*waited, return_exceptions=True)
        for on in used if fail.failure.patience else ():  # if it does not work then, the calls that follow show it
            await _within(self._first_answer(on), fail.failure.patience)
        is_stuck = close is not None and waited[-1] in hanging
        return [
            TimeoutError("still waits") if is_stuck or call in hanging else one
            for call, one in zip(calls, ended, strict=False)
        ]

    @property
    def is_met(self) -> bool:
        """Whether a call has met what the proxy does."""
        return self.interruption is not None and self.interruption.met > 0

    async def warm_up(self, on: int, together: int) -> None:
        """Let a store open the connections that it needs for so many calls, and give up others that fail."""
        for _ in range(_ATTEMPTS):
            calls = (self._stores[on].list_tasks(limit=1) for _ in range(together))
            if not any(isinstance(one, Exception) for one in await asyncio.gather(*calls, return_exceptions=True)):
                return

    async def _first_answer(self, on: int) -> None:
        while True:
            try:
                await self._stores[on].list_tasks(limit=1)
            except StoreUnavailable:
                await asyncio.sleep(0.05)
            else:
                return

    def verdict(self, fail: Fail, call: Call, observed: Any) -> Verdict:
        """Judge a result as far as it can be by itself."""
        writes, name = call.operation not in READS, fail.failure.name
        if isinstance(observed, asyncio.CancelledError):
            wrong = None if fail.cancelled else Complaint("ATOM-06", "an answer: nobody has cancelled the call")
            return Verdict(wrong, True, writes)
        if isinstance(observed, TimeoutError):
            number = "API-04" if fail.closes else "FAIL-01"
            return Verdict(Complaint(number, f"an answer or StoreUnavailable, when {name}"), True)
        if fail.closes and isinstance(observed, Raised) and observed.error == "StoreNotOpen":
            return Verdict(None, True, writes)
        if not is_unavailable(observed):
            is_wrong = call.operation in fail.failure.fails and not fail.cancelled and not fail.closes
            return Verdict(Complaint("", f"StoreUnavailable, when {name}") if is_wrong else None)
        facts = dict(observed.facts)
        may = facts.get("write_may_have_happened")
        return Verdict(self._complaint_about(fail, call, facts), True, bool(may) and fail.failure.may_write)

    def _complaint_about(self, fail: Fail, call: Call, facts: Mapping[str, Any]) -> Complaint | None:
        """What is wrong about the facts of a `StoreUnavailable`."""
        kinds, may = fail.failure.kinds, facts.get("write_may_have_happened")
        place = f"127.0.0.1:{urlsplit(self.proxy.url).port}"
        task_id = facts.get("task_id")
        if not kinds:
            return Complaint("", f"no exception, when {fail.failure.name}")
        if facts.get("failure_kind") not in kinds:
            return Complaint("FAIL-01", f"failure_kind {' or '.join(kinds)}, when {fail.failure.name}")
        if call.on == 0 and not str(facts.get("address")).startswith(place):
            return Complaint("FAIL-01", f"the address {place}")
        if type(may) is not bool or (may and (call.operation in READS or kinds == (FailureKind.UNREACHABLE,))):
            return Complaint("FAIL-11", f"write_may_have_happened=False, when {fail.failure.name}")
        is_named = task_id is not None and call.arguments.get("task_id", task_id) == task_id
        if is_named is not (call.operation == "create_task"):
            return Complaint("ID-02", "the id of the task that was to be created, and none of another call")
        return None

    def complaint(self, errors: Sequence[Exception]) -> Complaint | None:
        """What is wrong about the words of exceptions, or about the connections that are left."""
        for error in errors:
            texts = "\n".join(_texts_of(error))
            if self.secret in texts:
                return Complaint("FAIL-05", "an exception that does not show the password", type(error).__name__)
            if isinstance(error, StoreUnavailable):
                text, may = str(error).lower(), error.write_may_have_happened
                if ("nothing was written" in text) is may or ("may have happened" in text) is not may:
                    return Complaint("FAIL-11", "a message that says what write_may_have_happened says", str(error))
                if error.address not in str(error):
                    return Complaint("FAIL-01", "a message that states the address", str(error))
        left, self.left = self.left, 0
        return Complaint("FAIL-13", "no connection is left over", f"{left} on which nothing comes") if left else None


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
