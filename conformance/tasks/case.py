"""A case: one test that decides one or more requirements, on whatever backend it is given."""

import asyncio
import inspect
import secrets
import unittest
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pkgutil import resolve_name
from typing import Any

import pytest

from conformance.guard import HarnessFailedError, guarded
from conformance.harness import Capability, Harness, HookMissingError, Inspector
from conformance.text import cut, shown
from taskstore import TaskCreateRequest, TaskStore

_SECONDS = 60
_LONGEST = 500
_Function = Callable[..., Awaitable[None]]


class NotApplicable(pytest.skip.Exception):  # type: ignore[misc, name-defined]  # pytest types it as a variable
    """The backend does not declare the capability that the case needs."""


class NotTestable(pytest.skip.Exception):  # type: ignore[misc, name-defined]  # pytest types it as a variable
    """The harness has no hook for the case, or a prerequisite failed."""

    def __init__(self, reason: str, hook: str = "") -> None:
        super().__init__(reason)
        self.hook = hook


class NoVerdictError(AssertionError):
    """Something that is not the suite skipped or excused a test, or ended the run. That decides nothing."""


@contextmanager
def showing(*requirements: str) -> Iterator[None]:
    """Let a failure in the block break these of the case's requirements. What the others are was not seen."""
    try:
        yield
    except Exception as fault:
        vars(fault)["conformance_requirements"] = requirements  # for who judges the case
        raise


ENDINGS = (pytest.skip.Exception, pytest.xfail.Exception, pytest.exit.Exception, unittest.SkipTest, SystemExit)
"""Exceptions that skip or excuse a test, or end the run."""


@contextmanager
def only_own_verdicts() -> Iterator[None]:
    """Let out failures and the verdicts of the suite.

    Raises:
        NoVerdictError: if a store, a harness or another plugin raised one of `ENDINGS`.
    """
    try:
        yield
    except (NotApplicable, NotTestable):
        raise
    except ENDINGS as fault:
        raise NoVerdictError(f"{type(fault).__name__} was raised, which is no verdict of the suite: {fault}") from fault


@dataclass(frozen=True)
class Case:
    """A case before it runs."""

    id: str
    """Module and function: `sharing.test_…`."""
    requirements: tuple[str, ...]
    doc: str


def is_selected(only: Collection[str], name: str, numbers: Iterable[str]) -> bool:
    """Whether a case or scenario of this name, which is about these requirements, is played if names are selected."""
    return not only or not {name, *numbers}.isdisjoint(only)


@dataclass
class Backend:
    """The store that a case is run on, with its harness."""

    name: str
    harness: Harness
    facts: dict[str, str]
    broken: str = ""
    """Why nothing can be decided on it."""
    depth: str = "default"
    """How much is played: `smoke`, `default` or `full`."""
    coverages: dict[str, Any] = field(default_factory=dict)
    """By group its findings, a `conformance.engine.finding.Coverage`."""
    only: Collection[str] = ()
    """Names of requirements, cases and scenarios: nothing else is played, if there are any."""
    stops_early: bool = True
    """Whether a failure of what was named is enough. It is not if it may be a known one, which must hide no other."""


Run = Callable[[Backend], None]
"""A test as pytest calls it."""


class Namespace:
    """An empty place for one case: opens stores on it, and reaches behind them through the hooks of the harness."""

    def __init__(self, harness: Harness, depth: str = "default") -> None:
        self.harness = guarded(harness)
        self.depth = depth
        self.name = f"conformance-{secrets.token_hex(6)}"
        self.open = partial(self.harness.open, self.name)
        self.advance = partial(self.harness.advance, self.name)

    def has(self, capability: Capability) -> bool:
        """Whether the backend declares it."""
        return capability in self.harness.capabilities

    @property
    def inspector(self) -> Inspector:
        """A look behind the store's back."""
        return self.harness.inspector(self.name)

    @property
    def opener(self) -> str:
        """The function that opens the store as the application does, as `module:function`."""
        if not self.harness.opener:
            raise HookMissingError("opener")
        return self.harness.opener

    def open_from_environment(self) -> AbstractAsyncContextManager[TaskStore]:
        """The store as the application opens it, in the surroundings of this moment."""
        name = self.opener
        try:
            opener = resolve_name(name)
        except Exception as fault:
            raise HarnessFailedError(f"the opener cannot be imported: {type(fault).__name__}: {fault}") from fault
        opened: AbstractAsyncContextManager[TaskStore] = opener()
        return opened


PREREQUISITE = "API-02"
"""The requirement that is decided even on a backend that is broken."""


def probe(harness: Harness) -> str:
    """Say why a task cannot be created and read, or nothing if it can.

    Raises:
        HarnessFailedError: if the store cannot even be opened, or does not reach its server.
    """

    async def create_and_read(store: TaskStore) -> None:
        if not hasattr(store, "create_task"):
            raise HarnessFailedError(f"`open` of the harness gave {shown(store)}, which has no `create_task`")
        await store.get_task((await store.create_task(TaskCreateRequest(video_ids=("probe",)))).task_id)

    try:
        with only_own_verdicts():
            asyncio.run(run_on(create_and_read, Namespace(harness)))
    except HarnessFailedError:
        raise
    except Exception as fault:  # whatever the store raises is the answer
        reason = f"a task cannot be created and read: {type(fault).__name__}: {cut(str(fault), _LONGEST)}"
        if "ConnectionError" in str(type(fault).__mro__):  # Python's, or that of a client
            raise HarnessFailedError(f"{reason} (start its server, or let RedisServerHarness start one)") from fault
        return reason
    return ""


def case(*requirements: str, needs: str = "", mode: str = "") -> Callable[[_Function], Run]:
    """Make a case of an async function that takes a `store` (open, empty), a `namespace` to open stores on, or both.

    It decides `requirements`, on backends that declare the capabilities `needs` and are of that `mode`: `memory`,
    `redis`, or `memory or redis`, which is one that settings select.
    """
    needed = [*map(Capability, needs.split())]

    def make(function: _Function) -> Run:
        module = function.__module__.rpartition(".")[2]
        known = Case(f"{module}.{function.__name__}", requirements, inspect.cleandoc(function.__doc__ or ""))

        def run(conformance_backend: Backend) -> None:
            backend, harness = conformance_backend, conformance_backend.harness
            if backend.broken and PREREQUISITE not in requirements:
                raise NotTestable(backend.broken)
            for capability in needed:
                if capability not in harness.capabilities:
                    raise NotApplicable(f"the backend does not declare {capability}")
            if mode and harness.mode not in mode.split(" or "):
                raise NotApplicable(f"the backend is not a {mode} mode")
            try:
                with only_own_verdicts():
                    asyncio.run(run_on(function, Namespace(harness, depth=backend.depth)))
            except HookMissingError as missing:
                raise NotTestable(str(missing), missing.hook) from None

        run.__name__ = function.__name__
        run.conformance_case = known  # type: ignore[attr-defined]
        return run

    return make


async def run_on(function: _Function, namespace: Namespace) -> None:
    """Call a function with an open `store`, its `namespace`, or both, and discard the namespace."""
    names = inspect.signature(function).parameters
    try:
        async with asyncio.timeout(_SECONDS) as limit, AsyncExitStack() as stack:
            given: dict[str, Any] = {"namespace": namespace} if "namespace" in names else {}
            if "store" in names:
                given["store"] = await stack.enter_async_context(namespace.open())
            await function(**given)
    except TimeoutError as error:
        if limit.expired():
            raise TimeoutError(f"the case has not ended after {_SECONDS} s") from error
        raise
    finally:
        namespace.harness.discard(namespace.name)
