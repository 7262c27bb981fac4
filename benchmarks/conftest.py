"""The depth, the loop and the subjects that a run shares, and what is added to pytest-benchmark's JSON."""

from __future__ import annotations

import os
import warnings
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture
from pytest_benchmark.logger import PytestBenchmarkWarning

from benchmarks.bench import Bench, Running
from benchmarks.depth import DEPTHS
from benchmarks.environment import describe_environment
from benchmarks.loop import Loop
from benchmarks.subjects import SUBJECTS
from conformance.servers import ContainerServer, ServerError
from conformance.subjects import REQUIRE_CONTAINER

_ENVIRONMENT = pytest.StashKey[dict[str, Any]]()
_EXIT_STATUS = pytest.StashKey[int]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--quick` and `--full`."""
    for depth in ("quick", "full"):
        parser.addoption(
            f"--{depth}", dest="depth", action="store_const", const=depth, default="default", help=f"measure in {depth}"
        )


def pytest_configure(config: pytest.Config) -> None:
    """Describe the machine before we are its load, and see now that the JSON can be written when all is done."""
    # After Ctrl-C pytest-benchmark warns of what has no figure; as an error that would break off the end of the run, in
    # which servers are stopped. Said twice: for tests, and for the rest, whose filters pytest has set already.
    config.addinivalue_line("filterwarnings", "ignore::pytest_benchmark.logger.PytestBenchmarkWarning")
    warnings.simplefilter("ignore", PytestBenchmarkWarning)
    config.stash[_ENVIRONMENT] = {**describe_environment(), "load_average": {"start": os.getloadavg()}}
    if path := config.getoption("benchmark_json"):
        path.parent.mkdir(parents=True, exist_ok=True)


@pytest.fixture(scope="session")
def loop() -> Iterator[Loop]:
    """One event loop for the whole run."""
    with Loop.running() as loop:
        yield loop


@pytest.fixture(scope="session")
def container() -> Iterator[ContainerServer]:
    """One Redis container for all subjects that need it; without one they are skipped, or fail if it is required."""
    with ExitStack() as running:
        try:
            server = running.enter_context(ContainerServer())
        except ServerError as fault:
            (pytest.fail if os.environ.get(REQUIRE_CONTAINER) == "1" else pytest.skip)(str(fault))
        yield server


@pytest.fixture(scope="session")
def running(request: pytest.FixtureRequest) -> Iterator[Running]:
    """Keep a subject's server while it is measured."""
    subject = SUBJECTS[request.param]
    harness = subject.harness(lambda: request.getfixturevalue("container"))
    with harness.running():
        yield Running(subject, harness, harness.facts())


@pytest.fixture
def bench(loop: Loop, benchmark: BenchmarkFixture, request: pytest.FixtureRequest) -> Bench:
    """Time one benchmark on the loop of the run."""
    return Bench(benchmark, loop, DEPTHS[request.config.getoption("depth")])


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> Generator[None]:
    """Keep the exit status: pytest-benchmark writes its JSON after an interrupted or failed run too."""
    session.config.stash[_EXIT_STATUS] = int(exitstatus)
    return (yield)


def pytest_benchmark_update_machine_info(config: pytest.Config, machine_info: dict[str, Any]) -> None:
    """Add what the figures may depend on; take out the name of the machine."""
    machine_info.pop("node", None)
    environment = config.stash[_ENVIRONMENT]
    environment["load_average"]["end"] = os.getloadavg()
    machine_info.update(environment)


def pytest_benchmark_update_json(config: pytest.Config, output_json: dict[str, Any]) -> None:
    """Add the depth and the exit status: 0 means that nothing is missing but what was skipped."""
    output_json.update(depth=config.getoption("depth"), exit_status=config.stash[_EXIT_STATUS])
