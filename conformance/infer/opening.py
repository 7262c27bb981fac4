"""How a store is opened: from its class, or from a function that makes it."""

import asyncio
import datetime as dt
import inspect
import re
import sys
import typing
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from functools import lru_cache, partial
from typing import Any
from urllib.parse import urlsplit

from conformance.backends.server_harness import RedisServerHarness
from conformance.files import CommandFailedError
from conformance.harness import Capability, Harness, HookMissingError
from conformance.infer.clock import ProcessClock
from conformance.operations.operation import Operation
from conformance.operations.parts import awaited

_URL = "(.+_)?(url|uri|dsn)|conn_string"
_HOST = "(.+_)?(host|hostname|endpoint)"
_PORT = "(.+_)?port"
OPENS = ("connect", "open", "initialize", "setup", "start", "startup")
CLOSES = ("aclose", "close", "disconnect", "shutdown", "stop")


@lru_cache(64)  # a store is opened thousands of times, and none is kept for that
def parameters_of(make: Callable[..., Any]) -> Sequence[inspect.Parameter]:
    """Return the parameters of a class or function, with annotations where they can be resolved."""
    own = getattr(make.__init__, "__globals__", getattr(make, "__globals__", {}))  # of a class, or a function
    known = vars(typing) | vars(dt) | own  # what is often imported for type checkers only
    parameters = []
    for each in inspect.signature(make).parameters.values():
        annotation = each.annotation
        with suppress(Exception):  # what is no text stays as it is
            annotation = eval(annotation, known)  # noqa: S307
        parameters.append(each.replace(annotation=annotation))
    return parameters


def _required(make: Callable[..., Any]) -> list[str]:
    """Return the names of the arguments without which a call fails."""
    return [each.name for each in parameters_of(make) if each.default is each.empty and str(each)[0] != "*"]


def _address(make: Callable[..., Any], url: str = "redis://127.0.0.1:1") -> dict[str, Any]:
    """Return the arguments that lead to the server at a URL: the URL itself, a client, a host and a port.

    Raises:
        CommandFailedError: if another argument is required.
    """
    place = urlsplit(url)
    parts = {_URL: url, _HOST: place.hostname, _PORT: place.port}
    given: dict[str, Any] = {}
    for parameter in parameters_of(make):
        for kind in (parameter.annotation, *typing.get_args(parameter.annotation)):
            if "Redis" in str(kind) and hasattr(kind, "from_url"):
                given[parameter.name] = kind.from_url(url)
        for pattern, part in parts.items():
            if parameter.default is not None and re.fullmatch(pattern, parameter.name):
                given[parameter.name] = part

    missing = ", ".join(name for name in _required(make) if name not in given)
    if missing:
        raise CommandFailedError(f"{make.__name__} requires {missing}: {advice(make)}")
    return given


def advice(make: Callable[..., Any]) -> str:
    """Say how a store is opened of which only its user knows how it gets an address."""
    return (
        f"write a function, such as `def opened(url): return {make.__name__}(...)`, or without url for a "
        "store that needs no server, and name that"
    )


class LocalStore(Harness):
    """A store that needs no server, made by a class or function, which gives it or a context manager."""

    is_one_place = True
    """Whether its namespaces are one place: nobody tells the store of them."""

    def __init__(self, make: Callable[..., Any], operations: Collection[Operation], *, has_clock: bool) -> None:
        super().__init__()
        self.make = make
        self.has_clock = has_clock
        self.operations = lambda: operations
        self._clock = ProcessClock()

    def advance(self, namespace: str, by: dt.timedelta) -> None:
        """Put the clock of this process forward, if the store goes by it, and let as much pass for keys."""
        if not self.has_clock:
            raise HookMissingError("advance")
        self._clock.advance(by)
        with suppress(HookMissingError):
            super().advance(namespace, by)

    def discard(self, namespace: str) -> None:
        """Set the clock back, and remove every key."""
        self._clock.set_back()
        super().discard(namespace)

    def open(self, namespace: str) -> AbstractAsyncContextManager[Any]:
        """Open the store, empty."""
        return self._opened()

    def _opened(self, **address: Any) -> AbstractAsyncContextManager[Any]:
        if self.has_clock:
            self._clock.advance(dt.timedelta(0))  # it begins before the first call
        return _opened(self.make, **address)


class ServedStore(LocalStore, RedisServerHarness):
    """A store on a private server, which is empty for each namespace."""

    capabilities = frozenset({Capability.PERSISTENT, Capability.SHARED})
    prefix = record = ""
    open = RedisServerHarness.open

    def open_at(self, namespace: str, url: str, seconds: float) -> AbstractAsyncContextManager[Any]:
        """Open the store on the server at a URL."""
        return self._opened(**_address(self.make, url))


@asynccontextmanager
async def _opened(make: Callable[..., Any], **address: Any) -> AsyncIterator[Any]:
    """Make a store, enter or connect it, and close it, whichever of these it has."""
    call = _call_in_thread if address else _call
    store = await call(make, **address)
    async with AsyncExitStack() as stack:
        for kept in _kept_for_all(type(store)):
            stack.callback(kept.clear)
        entered = None
        if hasattr(store, "__aenter__"):
            entered = await stack.enter_async_context(store)
        elif hasattr(store, "__enter__"):
            entered = await call(store.__enter__)
            stack.push(store)
        else:
            await call(_first_of(store, OPENS))
            stack.push_async_callback(call, _first_of(store, CLOSES))
        yield store if entered is None else entered


def _kept_for_all(kind: type) -> Iterator[Any]:
    """Yield the dictionaries of a class and its modules in which nothing is yet: what all its stores share."""
    for each in kind.__mro__:
        for place in (each, sys.modules[each.__module__]):
            for kept in vars(place).values():
                if isinstance(kept, dict) and not any(kept.values()):
                    yield kept


def _first_of(store: Any, names: Sequence[str]) -> Callable[..., Any]:
    """Return the first of these methods that the store has and that needs no argument; else what does nothing."""
    methods = [getattr(store, name) for name in names if hasattr(store, name)]
    return next((method for method in methods if not _required(method)), object)


async def _call(function: Callable[..., Any], **given: Any) -> Any:
    return await awaited(function(**given))


async def _call_in_thread(function: Callable[..., Any], **given: Any) -> Any:
    """Call a function that may wait for a server, which may be behind a proxy in this loop."""
    try:
        result = await asyncio.to_thread(function, **given)
    except RuntimeError:  # it asks for the loop that runs
        result = function(**given)
    return await awaited(result)


def modes(
    operations: Collection[Operation], *makers: Callable[..., Any], has_clock: bool = True
) -> list[Callable[[], LocalStore]]:
    """Return what makes the harness of each store, from its class or a function that makes it.

    `has_clock` says that lifetimes end when the clock of this process is put forward.

    Raises:
        CommandFailedError: if one requires an argument that says nothing about a server.
    """
    made = list[Callable[[], LocalStore]]()
    for name, make in zip(("FirstMode", "SecondMode"), makers, strict=False):
        kind = ServedStore if _address(make) else LocalStore
        mode = partial(kind, make, operations, has_clock=has_clock)
        vars(mode)["__name__"] = name  # a test calls it so, as the command does
        made.append(mode)
    return made
