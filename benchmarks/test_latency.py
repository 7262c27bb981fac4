"""Both designs in both modes for a look, and for `--benchmark-compare`: `pytest benchmarks --benchmark-only`.

pytest-benchmark cannot await: given a function that starts an event loop it would time the loop. So the calls are timed
before, inside a running loop, and it is given their seconds by a clock that stands still in between.
"""

from collections.abc import Mapping
from random import Random

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.latencies import SCALES
from conformance.backends.registry import find_backend
from conformance.measure.block import time_store
from conformance.measure.timing import Timed


class Clock:
    """A clock that others move."""

    seconds = 0.0

    def read(self) -> float:
        """Return the seconds so far."""
        return self.seconds


CLOCK = Clock()


@pytest.fixture(scope="module", params=["memory", "documented-memory", "embedded", "documented-redis"])
def timed(request: pytest.FixtureRequest) -> Mapping[str, Timed]:
    """The operations of a store with a thousand tasks; one of Redis mode starts a private server."""
    harness = find_backend(request.param)()
    with harness.running():
        return time_store(harness, 1_000, SCALES["default"].effort, Random(0))  # noqa: S311  an order


@pytest.mark.benchmark(timer=CLOCK.read)
@pytest.mark.parametrize("operation", ["create", "get", "list", "update"])
def test_operation(operation: str, timed: Mapping[str, Timed], benchmark: BenchmarkFixture) -> None:
    """Hand over the seconds of a call in each round."""
    rounds = iter(timed[operation].rounds)

    def move() -> None:
        CLOCK.seconds += next(rounds)

    benchmark.group = operation
    benchmark.pedantic(move, rounds=len(timed[operation].rounds))  # type: ignore[no-untyped-call]
