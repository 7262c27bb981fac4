"""Calls while something fails: how they are made, and what may come out of them."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, suppress
from typing import Any, NamedTuple, Self
from urllib.parse import quote, urlsplit

from conformance.core.observe import Raised
from conformance.core.scenario import Call, Fail
from conformance.harness import Harness, HookMissingError
from conformance.subjects.proxy import Interruption, Proxy
from taskstore import StoreUnavailable

READS = ("get_task", "list_tasks")
_SECONDS = 5.0
"""That a call may take beside the time-outs of its store."""
_ATTEMPTS = 4


class Named(NamedTuple):
    """What is known of a task whose creation failed."""

    task_id: str


class Complaint(NamedTuple):
    """What a call should have done, and the requirement that says so."""

    number: str
    expected: str
    actual: str = ""


def is_late(observed: object) -> bool:
    """Whether a call ran into the time-out of its store."""
    return is_unavailable(observed) and dict(observed.facts).get("failure_kind") == "timeout"  # type: ignore[attr-defined]


def is_unavailable(observed: object) -> bool:
    """Whether a call raised `StoreUnavailable`."""
    return isinstance(observed, Raised) and observed.error == "StoreUnavailable"


class Trouble:
    """A proxy before the server, through which the store of a namespace goes, with a password of its own if possible."""

    def __init__(self, harness: Harness, namespace: str, seconds: float) -> None:
        self.harness, self.namespace, self._seconds = harness, namespace, seconds
        self.secret = f"s3cret-{secrets.token_hex(4)}"
        self.interruption: Interruption | None = None
        """What a failure has told the proxy to do."""
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
        made: Sequence[tuple[Call, Awaitable[Any]]],
        stores: Sequence[Any],
        close: Callable[[], Awaitable[None]] | None,
    ) -> list[Any]:
        """Make the calls while it fails. Return what each returns, or the exception that ended it."""
        used = sorted({call.on for call, _ in made})
        if not fail.failure.is_cold:
            for on in used:
                await self._until_it_works(stores[on], len(made))
        async with fail.failure.cause(self):
            calls: list[asyncio.Future[Any]] = [asyncio.ensure_future(one) for _, one in made]
            if fail.cancelled or close:
                for call in calls:
                    call.add_done_callback(lambda _: self.proxy.notify())
                await _within(self.proxy.until(lambda: all(one.done() for one in calls) or self._is_met(len(calls))))
            if close:
                await _within(close())
            elif fail.cancelled:
                for place in fail.cancelled:
                    calls[place].cancel()
                self.proxy.release()
            await asyncio.wait(calls, timeout=_SECONDS + 2 * min(self._seconds, 1))
            hanging = [call for call in calls if not call.done()]
            if not hanging and not fail.cancelled:  # what is silent is given up
                await _within(self.proxy.until(lambda: not self.proxy.held))
            self.left = 0 if fail.cancelled else self.proxy.held
        self.proxy.release()
        await _within(self.proxy.until(lambda: not self.proxy.leaving))  # what has been sent has been done
        for call in hanging:
            call.cancel()
        ended = await asyncio.gather(*calls, return_exceptions=True)
        if not fail.closes:
            for on in used:
                await self._until_it_works(stores[on], 1, fail.failure.patience)
        return [TimeoutError("still waits") if call in hanging else one for call, one in zip(calls, ended, strict=True)]

    def _is_met(self, calls: int) -> bool:
        """Whether the failure was met: by as many exchanges as it is told, or by all that will come."""
        return self.interruption is not None and self.interruption.met > 0

    async def _until_it_works(self, store: Any, together: int, seconds: float = 0) -> None:
        """Let a store open its connections. What it raises is seen by the calls that follow."""
        end = asyncio.get_running_loop().time() + seconds
        for _ in range(_ATTEMPTS):
            came = await asyncio.gather(*(store.list_tasks(limit=1) for _ in range(together)), return_exceptions=True)
            failed = [one for one in came if isinstance(one, StoreUnavailable)]
            while failed and asyncio.get_running_loop().time() < end:
                await asyncio.sleep(0.05)
                failed = [one for one in await _outcomes(store) if isinstance(one, StoreUnavailable)]
            if not any(one.failure_kind == "timeout" for one in failed):
                return

    def verdict(self, fail: Fail, call: Call, observed: Any) -> tuple[Complaint | None, bool, bool]:
        """What is wrong about a result by itself, whether the call failed, and whether what it writes may have happened."""
        failure = fail.failure
        if isinstance(observed, asyncio.CancelledError):
            return (None if fail.cancelled else Complaint("ATOM-06", "no cancellation")), True, call.operation not in READS
        if isinstance(observed, TimeoutError):
            return Complaint("API-04" if fail.closes else "ATOM-06", f"an answer or StoreUnavailable, when {failure.name}"), True, True
        if fail.closes and isinstance(observed, Raised) and observed.error == "StoreNotOpen":
            return None, True, call.operation not in READS
        if not is_unavailable(observed):
            is_wrong = failure.is_sure and not fail.cancelled
            return (Complaint("FAIL-01", f"StoreUnavailable, when {failure.name}") if is_wrong else None), False, False
        facts = dict(observed.facts)
        may, kind = facts.get("write_may_have_happened"), facts.get("failure_kind")
        host = f"127.0.0.1:{urlsplit(self.proxy.url).port}"
        expected = ""
        number = "FAIL-01"
        if not failure.kinds and not fail.closes:
            number, expected = "FAIL-14", f"no exception, when {failure.name}"
        elif failure.kinds and kind not in failure.kinds:
            expected = f"failure_kind {' or '.join(failure.kinds)}, when {failure.name}"
        elif call.on == 0 and not str(facts.get("address")).startswith(host):
            expected = f"the address {host}"
        elif type(may) is not bool or (may and (call.operation in READS or failure.kinds == ("unreachable",))):
            number, expected = "FAIL-11", "write_may_have_happened=False"
        elif call.operation == "create_task" and facts.get("task_id") != call.arguments.get("task_id", facts.get("task_id") or ""):
            number, expected = "ID-02", "the id of the task that was to be created"
        return (Complaint(number, expected) if expected else None), True, bool(may) and failure.may_write

    def complaint(self, errors: Sequence[Exception]) -> Complaint | None:
        """What is wrong about the words of exceptions, or about the connections that are left."""
        for error in errors:
            texts = "\n".join(_texts_of(error))
            if self.secret in texts or quote(self.secret) in texts:
                return Complaint("FAIL-05", "an exception that does not show the password", type(error).__name__)
            if isinstance(error, StoreUnavailable):
                text, may = str(error).lower(), error.write_may_have_happened
                if ("nothing was written" in text) is may or ("may have happened" in text) is not may:
                    return Complaint("FAIL-11", "a message that says what write_may_have_happened says", str(error))
                if error.address not in str(error):
                    return Complaint("FAIL-01", "a message that states the address", str(error))
        if self.left:
            return Complaint("FAIL-13", "no connection is left over", f"{self.left} on which nothing comes")
        return None


async def _outcomes(store: Any) -> list[Any]:
    return await asyncio.gather(store.list_tasks(limit=1), return_exceptions=True)


async def _within(awaited: Awaitable[Any], seconds: float = 2.0) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await awaited


def _texts_of(error: BaseException | None) -> list[str]:
    """All that is printed of an exception and of its causes, and what it holds."""
    if error is None:
        return []
    own = f"{error} {error!r} {error.args!r} {vars(error)!r} {getattr(error, '__notes__', ())!r}"
    return [own, *_texts_of(error.__cause__), *_texts_of(error.__context__)]
