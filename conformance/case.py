"""A case: one test that decides one or more requirements, on whatever subject it is given."""

from __future__ import annotations

import asyncio
import inspect
import secrets
import unittest
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from importlib import import_module
from typing import Any

import pytest

from conformance import standalone
from conformance.harness import Capability, Harness, HookMissingError, Inspector
from conformance.script import Script
from conformance.spec.requirements import REQUIREMENTS
from taskstore import TaskCreateRequest, TaskStore

_SECONDS = 60


class NotApplicable(pytest.skip.Exception):  # type: ignore[misc, name-defined]  # pytest types it as a variable
    """The subject does not declare the capability that the case needs."""


class NotTestable(pytest.skip.Exception):  # type: ignore[misc, name-defined]  # pytest types it as a variable
    """The harness has no hook for the case, or a prerequisite failed."""

    def __init__(self, reason: str, hooks: tuple[str, ...] = ()) -> None:
        super().__init__(reason)
        self.hooks = hooks


class NoVerdictError(AssertionError):
    """Something that is not the suite skipped or excused a test, or ended the run. That decides nothing."""


@contextmanager
def only_own_verdicts() -> Iterator[None]:
    """Let out the verdicts of the suite and failures. What else skips a test or ends the run becomes a failure.

    Raises:
        NoVerdictError: if a store, a harness or another plugin raised `pytest.skip`, `pytest.xfail`, `pytest.exit`,
            `unittest.SkipTest` or `SystemExit`.
    """
    try:
        yield
    except (NotApplicable, NotTestable):
        raise
    except ENDINGS as fault:
        raise NoVerdictError(f"{type(fault).__name__} was raised, which is no verdict of the suite: {fault}") from fault


ENDINGS: tuple[type[BaseException], ...] = (
    pytest.skip.Exception,
    pytest.xfail.Exception,
    pytest.exit.Exception,
    unittest.SkipTest,
    SystemExit,
)
"""What skips or excuses a test, or ends the run, when something raises it."""


@dataclass(frozen=True)
class Case:
    """What is known of a case before it runs."""

    id: str
    """`requirement_LIST-07`: what the tour found about a requirement; `listing.test_…`: a readable case."""
    requirements: tuple[str, ...]
    doc: str


@dataclass(frozen=True)
class Subject:
    """What a case is run on."""

    name: str
    harness: Harness
    facts: dict[str, str]
    seed: int
    broken: str = ""
    """Why nothing can be decided on it: a task cannot even be created and read."""
    alive: Callable[[], None] = lambda: None
    """Tells the watchdog that the run goes on."""
    depth: str = "default"
    """How much is played: `smoke`, `default` or `full`."""
    unjudged: Mapping[str, NotTestable] = field(default_factory=dict)
    """Why a test of a requirement cannot pass on it, for example because an adapter hides what it is about."""
    tallies: dict[str, Any] = field(default_factory=dict)
    """What each chapter found, a `conformance.core.finding.Tally`."""

    passed: set[str] = field(default_factory=set)
    """The ids of the tests that came to their end, whatever else is reported of them."""

    def end(self, case: Case) -> None:
        """End a test that found nothing wrong; as not testable, if it could not have found it."""
        for number in case.requirements:
            if number in self.unjudged:
                raise self.unjudged[number]
        self.passed.add(case.id)


PREREQUISITE = "API-02"
"""The requirement that is decided even on a subject that is broken, by its case for all subjects."""


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
        with only_own_verdicts():
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

    @contextmanager
    def beside(self, end: str) -> Iterator[Namespace]:
        """Another namespace, whose name continues this one's. It is discarded at the end of the block."""
        other = Namespace(self.harness, self.name + end)
        try:
            yield other
        finally:
            self.harness.discard(other.name)

    def neighbours(self) -> list[Namespace]:
        """Other namespaces: the name of the second is the beginning of this one's, and those of the others continue it.

        Where the store takes the name as `TASK_KEY_PREFIX`, they do so with separators and patterns, too.
        """
        names = [f"{self.name}bar", self.name[:-1], f"{self.name}-0"]
        with suppress(HookMissingError):
            if self.harness.mode == "redis" and "TASK_KEY_PREFIX" in self.harness.environment(self.name):
                names += [self.name + end for end in (":x", ":task", ":0", "*", "?", "[a]")]
                first, dash, rest = self.name.partition("-")  # a user may have no right to another first part
                names.append(first + dash + rest.upper())
        return [Namespace(self.harness, name) for name in names if name != self.name]


def case(
    *requirements: str,
    needs: tuple[Capability, ...] | Capability = (),
    lacks: Capability | None = None,
    mode: str | None = None,
) -> Callable[[Callable[..., Awaitable[None]]], Callable[[Subject], None]]:
    """Make a case of an async function that takes a `store` (open, empty), a `namespace` to open stores on, or both.

    It decides `requirements`, on subjects that declare `needs`, do not declare `lacks`, and are of that `mode`: memory,
    redis, or either.
    """
    unknown = set(requirements) - REQUIREMENTS.keys()
    if unknown or not requirements:
        raise ValueError(f"a case decides known requirements, not {unknown or 'none'}")

    def make(function: Callable[..., Awaitable[None]]) -> Callable[[Subject], None]:
        module = function.__module__.rpartition(".")[2]
        known = Case(f"{module}.{function.__name__}", requirements, inspect.cleandoc(function.__doc__ or ""))

        def run(conformance_subject: Subject) -> None:
            harness = conformance_subject.harness
            if conformance_subject.broken and (needs or PREREQUISITE not in requirements):
                raise NotTestable(conformance_subject.broken)
            _check_applies(harness, (needs,) if isinstance(needs, Capability) else needs, lacks, mode)
            try:
                asyncio.run(in_a_namespace(function, harness, alive=conformance_subject.alive))
            except HookMissingError as missing:
                raise NotTestable(str(missing), (missing.hook,)) from None
            except BaseException as fault:  # pytest's own failures are no Exception, and it shows no notes on them
                if not isinstance(fault, NotApplicable | NotTestable):
                    write = partial(standalone.of_case, function, conformance_subject.name)
                    fault.conformance_script = write  # type: ignore[attr-defined]  # for `results` to show
                raise
            conformance_subject.end(known)

        run.__name__, run.__qualname__, run.__module__ = function.__name__, function.__qualname__, function.__module__
        run.__doc__ = function.__doc__
        run.conformance_case = known  # type: ignore[attr-defined]
        return run

    return make


async def in_a_namespace(
    function: Callable[..., Awaitable[None]],
    harness: Harness,
    script: Script | None = None,
    alive: Callable[[], None] = lambda: None,
) -> None:
    """Await a function that takes a `store`, a `namespace`, or both. Calls are written to `script`, if it is given."""
    alive()  # in the event loop, so that the watchdog can say where its tasks wait
    namespace = Namespace(harness)
    namespace.script = script or namespace.script
    try:
        with only_own_verdicts():
            limit = asyncio.timeout(_SECONDS)
            try:
                async with limit:
                    names = inspect.signature(function).parameters
                    given: dict[str, Any] = {"namespace": namespace} if "namespace" in names else {}
                    if "store" in names:
                        async with namespace.open() as store:
                            await function(store=store, **given)
                    else:
                        await function(**given)
            except TimeoutError as error:
                if limit.expired():
                    raise TimeoutError(f"the case has not ended after {_SECONDS} s") from error
                raise
            finally:
                harness.discard(namespace.name)
    except BaseException as fault:
        fault.conformance_calls = str(namespace.script)  # type: ignore[attr-defined]  # for `results` to show
        raise


def _check_applies(harness: Harness, needs: tuple[Capability, ...], lacks: Capability | None, mode: str | None) -> None:
    for capability in needs:
        if capability not in harness.capabilities:
            raise NotApplicable(f"the subject does not declare {capability}")
    if lacks is not None and lacks in harness.capabilities:
        raise NotApplicable(f"the subject declares {lacks}")
    if mode == "either" and not harness.mode:
        raise NotApplicable("the subject is no mode that settings select")
    if mode not in (None, "either", harness.mode):
        raise NotApplicable(f"the subject is not a {mode} mode")
