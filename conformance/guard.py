"""A harness whose hooks are told apart from the store: what a hook raises is no verdict about the store."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from functools import partial
from inspect import iscoroutine
from typing import Any, cast

from conformance.files import CommandFailedError
from conformance.harness import Harness, HookMissingError, Inspector
from conformance.text import described, shown


class HarnessFailedError(CommandFailedError):
    """A hook of the harness raised: it could not open the store, or do what it promises."""


def guarded(harness: Harness) -> Harness:
    """The harness; what its hooks raise, but for `HookMissingError`, comes out as `HarnessFailedError`."""
    return harness if isinstance(harness, _Guarded) else cast(Harness, _Guarded(harness))


class _Guarded:
    def __init__(self, inside: Any) -> None:
        self._inside = inside

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inside, name)
        return partial(_call, name, found) if callable(found) else found


def _call(name: str, hook: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    with _blamed(name):
        result = hook(*arguments, **named)
    if iscoroutine(result):
        result.close()
        raise HarnessFailedError(f"`{name}` of the harness has to be a plain function, not `async`")
    if isinstance(result, Inspector):
        return _Guarded(result)
    if hasattr(result, "__aenter__"):
        return _opened(name, result)
    if name in ("open", "open_at"):
        raise HarnessFailedError(f"`{name}` of the harness gave {shown(result)}, no async context manager")
    return _entered(name, result) if hasattr(result, "__enter__") else result


@contextmanager
def _blamed(name: str) -> Iterator[None]:
    try:
        yield
    except (HookMissingError, HarnessFailedError):
        raise
    except Exception as fault:
        raise HarnessFailedError(f"`{name}` of the harness raised {described(fault)}") from fault


@asynccontextmanager
async def _opened(name: str, opened: Any) -> AsyncIterator[Any]:
    async with AsyncExitStack() as stack:
        with _blamed(name):
            store = await stack.enter_async_context(opened)
        yield store


@contextmanager
def _entered(name: str, entered: Any) -> Iterator[Any]:
    with ExitStack() as stack:
        with _blamed(name):
            value = stack.enter_context(entered)
        yield value
