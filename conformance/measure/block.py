"""One block of `conformance measure`, as a module that pytest runs in a process of its own.

What it measures is in the environment variable `PLAN`, since pytest's options are not this module's to add.
"""

from __future__ import annotations

import gc
import os
import tracemalloc
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from itertools import repeat
from random import Random
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from conformance.compare.check import opening, running
from conformance.harness import Harness, HookMissingError
from conformance.measure.clock import noop
from conformance.measure.loop import Loop
from conformance.measure.operations import Calls, workload_of
from conformance.measure.plan import NOOP, PING, PLAN, Plan
from conformance.measure.timing import CLOCK, Timer
from conformance.subjects.registry import find_subject

pytestmark = pytest.mark.benchmark(timer=CLOCK.read, disable_gc=False)
_plan = Plan.model_validate_json(os.environ[PLAN])
_harness = find_subject(_plan.store)()
_workload = workload_of(_harness, _plan.store)
_random = Random(_plan.seed)  # noqa: S311  an order that can be repeated, not a secret
_others = [name for name in _workload.works if name != _workload.maker]
_operations = [*_random.sample(_others, len(_others)), _workload.maker]  # what fills the store comes last: it grows


@pytest.fixture(scope="module")
def loop() -> Iterator[Loop]:
    """One event loop for the block."""
    with Loop.running() as loop:
        yield loop


@pytest.fixture(scope="module")
def harness() -> Iterator[Harness]:
    """The harness, and whatever it keeps running."""
    with running(_harness, _plan.store):
        yield _harness


@contextmanager
def _opened(loop: Loop, harness: Harness) -> Iterator[Any]:
    namespace, stack = f"measure-{os.getpid()}-{_random.getrandbits(32):08x}", AsyncExitStack()
    try:
        yield loop.run(stack.enter_async_context(opening(harness, _plan.store, namespace)))
    finally:
        loop.run(stack.aclose())
        harness.discard(namespace)


@dataclass(frozen=True)
class Filled:
    """A store with so many entries, their keys, and what each added to the memory of this process."""

    store: Any
    keys: Sequence[Any]
    bytes_per_entry: float


@pytest.fixture(scope="module", params=_plan.entries)
def filled(loop: Loop, harness: Harness, request: pytest.FixtureRequest) -> Iterator[Filled]:
    """A store of one size, for all operations."""
    with _opened(loop, harness) as store:
        gc.collect()
        tracemalloc.start()
        try:
            keys = loop.run(_workload.fill(store, request.param))
            gc.collect()
            allocated, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        yield Filled(store, keys, allocated / len(keys))


@pytest.mark.parametrize("operation", _operations)
def test_operation(operation: str, loop: Loop, filled: Filled, benchmark: BenchmarkFixture) -> None:
    """Time an operation of a store."""
    work = _workload.works[operation](filled.store, filled.keys, _random)
    benchmark.extra_info["bytes_per_entry"] = filled.bytes_per_entry
    _time(loop, benchmark, operation, len(filled.keys), work)


def test_noop(loop: Loop, benchmark: BenchmarkFixture) -> None:
    """Await a function that does nothing."""
    _time(loop, benchmark, NOOP, 0, Calls(noop, repeat(())))


def test_ping(loop: Loop, harness: Harness, benchmark: BenchmarkFixture) -> None:
    """Make the shortest round trip that the store's own client can make."""
    with _opened(loop, harness) as store:
        try:
            loop.run(harness.ping(store))
        except HookMissingError:
            pytest.skip("the harness has no hook ping")
        _time(loop, benchmark, PING, 0, Calls(harness.ping, repeat((store,))))


def _time(loop: Loop, benchmark: BenchmarkFixture, operation: str, entries: int, work: Calls) -> None:
    benchmark.group = f"{operation}, {entries:,} entries"
    benchmark.extra_info.update(operation=operation, entries=entries)
    Timer(benchmark, loop, _plan.effort).time(work, batched=True)
