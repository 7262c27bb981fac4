"""One block of `conformance measure`, as a module that pytest runs in a process of its own.

What it measures is in the environment variable `PLAN`, since pytest's options are not this module's to add.
"""

from __future__ import annotations

import gc
import os
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import repeat
from random import Random
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from conformance.compare.checks import opening, running
from conformance.harness import Harness, HookMissingError
from conformance.measure.clock import noop
from conformance.measure.loop import Loop
from conformance.measure.operations import Calls, workload_of
from conformance.measure.plan import NOOP, PING, PLAN, Plan
from conformance.measure.timing import CLOCK, Timer
from conformance.subjects.registry import find_subject

pytestmark = pytest.mark.benchmark(timer=CLOCK.read, disable_gc=False)
_plan = Plan.model_validate_json(os.environ[PLAN])
_random = Random(_plan.seed)  # noqa: S311  an order that can be repeated, not a secret
_harnesses = {name: find_subject(name)() for name in _random.sample(_plan.stores, len(_plan.stores))}
_workloads = {name: workload_of(harness, name) for name, harness in _harnesses.items()}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Take all operations of a store before those of the next; the stores of a plan have the same operations."""
    if "filled" in metafunc.fixturenames:
        stores = [
            (name, entries) for name in _harnesses for entries in _random.sample(_plan.entries, len(_plan.entries))
        ]
        metafunc.parametrize("filled", stores, indirect=True, ids=lambda one: f"{one[0]}-{one[1]}")
        workload = _workloads[_plan.stores[0]]
        others = [(name, False) for name in workload.works if name != workload.maker]
        others += [(others[0][0], True)] if _plan.again else []
        order = [
            *_random.sample(others, len(others)),
            (workload.maker, False),
        ]  # what fills a store comes last: it grows
        names = [f"{operation}{'-again' * again}" for operation, again in order]
        metafunc.parametrize(("operation", "again"), order, ids=names)


@pytest.fixture(scope="module")
def loop() -> Iterator[Loop]:
    """One event loop for the block."""
    with Loop.running() as loop:
        yield loop


@pytest.fixture(scope="module")
def harness_of() -> Iterator[Callable[[str], Harness]]:
    """Give the harness of a store; whatever it keeps running ends with the block."""
    with ExitStack() as kept:

        @cache
        def started(name: str) -> Harness:
            kept.enter_context(running(_harnesses[name], name))
            return _harnesses[name]

        yield started


@contextmanager
def _opened(loop: Loop, harness: Harness, name: str) -> Iterator[Any]:
    namespace, stack = f"measure-{os.getpid()}-{_random.getrandbits(32):08x}", AsyncExitStack()
    try:
        yield loop.run(stack.enter_async_context(opening(harness, name, namespace)))
    finally:
        loop.run(stack.aclose())
        harness.discard(namespace)


@dataclass(frozen=True)
class Filled:
    """A store with so many entries, their keys, and what each added to the memory of this process."""

    name: str
    store: Any
    keys: Sequence[Any]
    bytes_per_entry: float | None


@pytest.fixture(scope="module")
def filled(loop: Loop, harness_of: Callable[[str], Harness], request: pytest.FixtureRequest) -> Iterator[Filled]:
    """A store of one size, for all operations."""
    name, entries = request.param
    with _opened(loop, harness_of(name), name) as store:
        gc.collect()
        if _plan.weigh:
            tracemalloc.start()
        try:
            keys = loop.run(_workloads[name].fill(store, entries))
            gc.collect()
            allocated, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        yield Filled(name, store, keys, allocated / len(keys) if _plan.weigh else None)


def test_operation(operation: str, filled: Filled, again: bool, loop: Loop, benchmark: BenchmarkFixture) -> None:
    """Time an operation of a store."""
    if again and not (filled.name in _plan.again and len(filled.keys) == max(_plan.entries)):
        pytest.skip("this is not measured twice")
    work = _workloads[filled.name].works[operation](filled.store, filled.keys, _random)
    harness = _harnesses[filled.name]
    ping = Calls(harness.ping, repeat((filled.store,))) if _plan.beside_ping and harness.mode == "redis" else None
    benchmark.extra_info.update(bytes_per_entry=filled.bytes_per_entry, again=again)
    _time(loop, benchmark, (filled.name, operation, len(filled.keys)), work, ping)


def test_noop(loop: Loop, benchmark: BenchmarkFixture) -> None:
    """Await a function that does nothing."""
    _time(loop, benchmark, ("", NOOP, 0), Calls(noop, repeat(())))


@pytest.mark.parametrize("name", _plan.stores)
def test_ping(name: str, loop: Loop, harness_of: Callable[[str], Harness], benchmark: BenchmarkFixture) -> None:
    """Make the shortest round trip that the store's own client can make."""
    harness = harness_of(name)
    with _opened(loop, harness, name) as store:
        try:
            loop.run(harness.ping(store))
        except HookMissingError:
            pytest.skip("the harness has no hook ping")
        _time(loop, benchmark, (name, PING, 0), Calls(harness.ping, repeat((store,))))


def _time(
    loop: Loop, benchmark: BenchmarkFixture, what: tuple[str, str, int], work: Calls, ping: Calls | None = None
) -> None:
    store, operation, entries = what
    benchmark.group = f"{operation}, {entries:,} entries"
    benchmark.extra_info.update(store=store, operation=operation, entries=entries)
    Timer(benchmark, loop, _plan.effort).time(work, batched=ping is None, ping=ping)
