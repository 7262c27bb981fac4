"""How a store is opened: from its class, or from a function that makes it."""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from conformance.backends.server_harness import RedisServerHarness
from conformance.files import CommandFailedError
from conformance.harness import Capability, Harness
from conformance.operations.operation import Operation

_ADDRESSES: Sequence[tuple[str, Callable[[str], Any]]] = (
    ("(.+_)?(url|uri|dsn)|conn_string", lambda url: url),
    ("(.+_)?(host|hostname|endpoint)", lambda url: urlsplit(url).hostname),
    ("(.+_)?port", lambda url: urlsplit(url).port),
)
"""What a parameter of such a name is given."""
OPENS = ("connect", "open", "initialize", "setup", "start", "startup")
CLOSES = ("aclose", "close", "disconnect", "shutdown", "stop")


class Opener:
    """Makes a store, on a server if it takes the address of one.

    Args:
        name: the store's, as a user gave it.
        make: a class, or a function that gives a store or a context manager.

    Raises:
        CommandFailedError: if it requires an argument that says nothing about a server.
    """

    def __init__(self, name: str, make: Callable[..., Any]) -> None:
        self.name = name
        self.make = make
        parameters = parameters_of(make)
        found = {parameter.name: _place(parameter) for parameter in parameters}
        places = {argument: place for argument, place in found.items() if place}
        urls = [argument for argument, place in places.items() if place is _ADDRESSES[0][1]]
        self._places = {urls[0]: places[urls[0]]} if urls else places

        unknown = [parameter.name for parameter in parameters if is_required(parameter)]
        unknown = [argument for argument in unknown if argument not in self._places]
        if unknown:
            raise self.refused(f"requires {', '.join(unknown)}")

    @property
    def is_served(self) -> bool:
        """Whether it takes the address of a server."""
        return bool(self._places)

    def refused(self, reason: str) -> CommandFailedError:
        """Return the error that says what to write for a store that cannot be opened as it is."""
        kind = self.name.rpartition(":")[2]
        return CommandFailedError(
            f"{self.name} {reason}: write a function, such as `def store(url): return {kind}(...)`, or without url "
            "for a store that needs no server, and name that"
        )

    @asynccontextmanager
    async def open(self, url: str = "") -> AsyncIterator[Any]:
        """Make a store, enter or connect it, and close it, whichever of these it has."""
        store = self.make(**{argument: place(url) for argument, place in self._places.items()})
        if inspect.isawaitable(store):
            store = await store
        async with AsyncExitStack() as stack:
            if hasattr(store, "__aenter__"):
                store = await stack.enter_async_context(store) or store
            elif hasattr(store, "__enter__"):
                store = stack.enter_context(store) or store
            else:
                await _call_first(store, OPENS)
                stack.push_async_callback(_call_first, store, CLOSES)
            yield store


def _place(parameter: inspect.Parameter) -> Callable[[str], Any] | None:
    """Return what gives a parameter its part of the address of a server, or a client of it."""
    for pattern, place in _ADDRESSES:
        if re.fullmatch(pattern, parameter.name):
            return place
    classes = (parameter.annotation, *typing.get_args(parameter.annotation))
    return next((kind.from_url for kind in classes if "Redis" in str(kind) and hasattr(kind, "from_url")), None)


def parameters_of(make: Callable[..., Any]) -> list[inspect.Parameter]:
    """Return the parameters of a class or function, with annotations where they can be resolved."""
    found = inspect.signature(make).parameters.values()
    function: Any = getattr(make, "__init__") if isinstance(make, type) else make  # noqa: B009  mypy
    try:
        hints = typing.get_type_hints(function)
    except Exception:  # noqa: BLE001  a name that is imported for type checkers only
        hints = {}
    return [parameter.replace(annotation=hints.get(parameter.name, parameter.empty)) for parameter in found]


def is_required(parameter: inspect.Parameter) -> bool:
    """Whether a call without it fails."""
    is_one = parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    return is_one and parameter.default is parameter.empty


async def _call_first(store: Any, names: Sequence[str]) -> None:
    """Call the first of these methods that the store has, if it needs no argument."""
    found = [getattr(store, name) for name in names if hasattr(store, name)]
    if found and not any(map(is_required, parameters_of(found[0]))):
        result = found[0]()
        if inspect.isawaitable(result):
            await result


class LocalStore(Harness):
    """A store that needs no server, as a user named it."""

    def __init__(self, opener: Opener, operations: Collection[Operation] = ()) -> None:
        super().__init__()
        self.store = opener
        self.operations = lambda: operations

    def open(self, namespace: str) -> AbstractAsyncContextManager[Any]:
        """Open the store, empty."""
        return self.store.open()


class ServedStore(LocalStore, RedisServerHarness):
    """A store on a private server, which is empty for each namespace."""

    capabilities = frozenset({Capability.PERSISTENT, Capability.SHARED})
    prefix = record = ""
    open = RedisServerHarness.open

    def open_at(self, namespace: str, url: str, seconds: float) -> AbstractAsyncContextManager[Any]:
        """Open the store on the server at a URL."""
        return self.store.open(url)


def harness_of(opener: Opener, operations: Collection[Operation] = ()) -> LocalStore:
    """Return the harness of a store with these operations."""
    return ServedStore(opener, operations) if opener.is_served else LocalStore(opener, operations)


def modes(operations: Collection[Operation], *makers: Callable[..., Any]) -> list[Callable[[], Harness]]:
    """Return what makes the harness of each store, from its class or a function that makes it."""
    return [partial(harness_of, Opener(make.__name__, make), operations) for make in makers]
