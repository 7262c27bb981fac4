"""A case: one test that decides one or more requirements, on whatever subject it is given."""

from __future__ import annotations

import asyncio
import inspect
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from importlib import import_module
from typing import Any, NoReturn

import pytest

from conformance.harness import Capability, Harness, HookMissingError, Inspector
from conformance.requirements import REQUIREMENTS
from conformance.script import Script
from taskstore import TaskCreateRequest, TaskStore

_SECONDS = 60


def not_applicable(reason: str) -> NoReturn:
    """End the case: the subject declares that it has not what the case is about."""
    pytest.skip(f"not-applicable: {reason}")


def not_testable(reason: str) -> NoReturn:
    """End the case: the harness has no hook for it, or a prerequisite failed."""
    pytest.skip(f"not-testable: {reason}")


@dataclass(frozen=True)
class Subject:
    """What a case is run on."""

    name: str
    harness: Harness
    facts: dict[str, str]
    seed: int
    broken: str = ""
    """Why nothing can be decided on it: a task cannot even be created and read."""
    tour: Callable[[], Any] = lambda: None
    """What the tour found, a `conformance.tour.run.Tour`. The first call runs it."""

    coverage: dict[str, Any] = field(default_factory=dict)
    """What the tour reached, once it was run."""

    def describe(self) -> dict[str, Any]:
        """What the results say about it."""
        capabilities = sorted(one.value for one in self.harness.capabilities)
        return {"name": self.name, "mode": self.harness.mode, "capabilities": capabilities, "facts": self.facts}


PREREQUISITE = "API-02"
"""The requirement that is decided even on a subject that is broken."""


def probe(harness: Harness) -> str:
    """Say why a task cannot be created and read, or nothing if it can.

    Raises:
        HarnessFailedError: if the store cannot even be opened.
    """
    namespace = Namespace(harness)

    async def create_and_read() -> None:
        async with namespace.open() as store, asyncio.timeout(_SECONDS):
            task = await store.create_task(TaskCreateRequest(video_ids=("probe",)))
            await store.get_task(task.task_id)

    try:
        asyncio.run(create_and_read())
    except HarnessFailedError:
        raise
    except Exception as fault:  # noqa: BLE001  whatever the store raises is the answer
        return f"a task cannot be created and read: {type(fault).__name__}: {fault}"
    finally:
        harness.discard(namespace.name)
    return ""


class HarnessFailedError(Exception):
    """The harness could not open the subject."""


class Namespace:
    """An empty place for one case: opens stores on it, and reaches behind them through the harness's hooks."""

    def __init__(self, harness: Harness, name: str | None = None) -> None:
        self.harness = harness
        self.script = Script()
        self.name = f"conformance-{secrets.token_hex(6)}" if name is None else name

    @asynccontextmanager
    async def open(self) -> AsyncIterator[TaskStore]:
        """A store on this namespace; again, for a second instance."""
        async with AsyncExitStack() as stack:
            try:
                store = await stack.enter_async_context(self.harness.open(self.name))
            except Exception as fault:
                raise HarnessFailedError(f"open raised {type(fault).__name__}: {fault}") from fault
            yield self.script.recorded(store)

    @property
    def opener(self) -> str:
        """The name of the function that opens the store as the application does."""
        if not self.harness.opener:
            raise HookMissingError("opener")
        return self.harness.opener

    def open_from_environment(self) -> AbstractAsyncContextManager[TaskStore]:
        """The store as the application opens it, in the surroundings of this moment."""
        module, _, function = self.opener.partition(":")
        opened: AbstractAsyncContextManager[TaskStore] = getattr(import_module(module), function)()
        return opened

    def advance(self, by: timedelta) -> None:
        """Let time pass."""
        self.harness.advance(self.name, by)

    @property
    def inspector(self) -> Inspector:
        """A look behind the store's back."""
        return self.harness.inspector(self.name)

    def neighbour(self) -> Namespace:
        """Another namespace, whose name begins with this one's."""
        return Namespace(self.harness, f"{self.name}bar")


@dataclass(frozen=True)
class Case:
    """What is known of a case before it runs."""

    requirements: tuple[str, ...]
    doc: str
    function: Callable[..., Awaitable[None]]


def case(
    *requirements: str,
    needs: tuple[Capability, ...] | Capability = (),
    lacks: Capability | None = None,
    mode: str | None = None,
) -> Callable[[Callable[..., Awaitable[None]]], Callable[[Subject], None]]:
    """Make a case of an async function that takes a `store` (open, empty), or a `namespace` to open stores on.

    It decides `requirements`, on subjects that declare `needs`, do not declare `lacks`, and are of that `mode`: memory,
    redis, or either.
    """
    unknown = set(requirements) - REQUIREMENTS.keys()
    if unknown or not requirements:
        raise ValueError(f"a case decides known requirements, not {unknown or 'none'}")

    def make(function: Callable[..., Awaitable[None]]) -> Callable[[Subject], None]:
        def run(conformance_subject: Subject) -> None:
            harness = conformance_subject.harness
            if conformance_subject.broken and PREREQUISITE not in requirements:
                not_testable(conformance_subject.broken)
            _check_applies(harness, (needs,) if isinstance(needs, Capability) else needs, lacks, mode)
            try:
                asyncio.run(_in_a_namespace(function, harness))
            except HookMissingError as missing:
                not_testable(str(missing))

        run.__name__, run.__qualname__, run.__module__ = function.__name__, function.__qualname__, function.__module__
        run.__doc__ = function.__doc__
        run.conformance_case = Case(requirements, inspect.cleandoc(function.__doc__ or ""), function)  # type: ignore[attr-defined]
        return run

    return make


async def _in_a_namespace(function: Callable[..., Awaitable[None]], harness: Harness) -> None:
    namespace = Namespace(harness)
    try:
        async with asyncio.timeout(_SECONDS):
            if "store" in inspect.signature(function).parameters:
                async with namespace.open() as store:
                    await function(store)
            else:
                await function(namespace)
    except BaseException as fault:  # pytest's own failures are no Exception, and it shows no notes on them
        fault.conformance_script = str(namespace.script)  # type: ignore[attr-defined]  # for `results` to show
        raise
    finally:
        harness.discard(namespace.name)


def _check_applies(harness: Harness, needs: tuple[Capability, ...], lacks: Capability | None, mode: str | None) -> None:
    for capability in needs:
        if capability not in harness.capabilities:
            not_applicable(f"the subject does not declare {capability}")
    if lacks is not None and lacks in harness.capabilities:
        not_applicable(f"the subject declares {lacks}")
    if mode == "either" and not harness.mode:
        not_applicable("the subject is no mode that settings select")
    if mode not in (None, "either", harness.mode):
        not_applicable(f"the subject is not a {mode} mode")


def calls(*operations: Callable[[], Awaitable[object]]) -> tuple[Callable[[], Awaitable[object]], ...]:
    """Calls to be made one after the other, each only when its turn has come."""
    return operations
