"""What a block shares: the depth, the loop and the setting; the order of its benchmarks; what is added to its JSON.

`python -m benchmarks` prepares the setting and starts the blocks (`benchmarks.run`). `pytest benchmarks
--benchmark-only` is a single block, for a look: it starts the private server if a chosen benchmark needs one, and
leaves the container out.
"""

from __future__ import annotations

import warnings
from collections.abc import Generator, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture
from pytest_benchmark.logger import PytestBenchmarkWarning

from benchmarks.bench import Bench, Stores
from benchmarks.cores import CLIENT, on_core
from benchmarks.depth import DEPTHS, Depth
from benchmarks.environment import describe_environment
from benchmarks.setting import Setting
from benchmarks.workload import ORDER
from conformance.measure.loop import Loop

_ENVIRONMENT = pytest.StashKey[dict[str, Any]]()
_EXIT_STATUS = pytest.StashKey[int]()
_SETTING = pytest.StashKey[Setting | None]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add what the driver says to a block."""
    parser.addoption("--depth", choices=DEPTHS, default="quick", help="how many rounds, of what sizes")
    parser.addoption("--setting", type=Path, metavar="FILE", help="where the driver wrote the servers and namespaces")
    parser.addoption("--order", default="", metavar="SEED", help="what decides the order of the benchmarks")


def pytest_configure(config: pytest.Config) -> None:
    """Read the setting, and see now that the JSON can be written when all is done."""
    # After Ctrl-C pytest-benchmark warns of what has no figure; as an error that would break off the end of the run, in
    # which clients are closed. Said twice: for tests, and for the rest, whose filters pytest has set already.
    config.addinivalue_line("filterwarnings", "ignore::pytest_benchmark.logger.PytestBenchmarkWarning")
    warnings.simplefilter("ignore", PytestBenchmarkWarning)
    config.stash[_ENVIRONMENT] = dict(describe_environment())
    path = config.getoption("setting")
    config.stash[_SETTING] = None if path is None else Setting.read(path)
    if path := config.getoption("benchmark_json"):
        path.parent.mkdir(parents=True, exist_ok=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out places that there are not and sizes that the depth has not, and shuffle the rest."""
    depth, setting = DEPTHS[config.getoption("depth")], config.stash[_SETTING]
    places = {"", *(("embedded",) if setting is None else setting.places)}
    wanted = [item for item in items if _place(item) in places and _has_size(item, depth)]
    config.hook.pytest_deselected(items=[item for item in items if item not in wanted])
    seed = f"{config.getoption('order')}"
    ORDER.seed(seed)
    Random(seed).shuffle(wanted)  # noqa: S311  an order that can be repeated, not a secret
    items[:] = wanted


def _place(item: pytest.Item) -> str:
    return subject.place if (subject := _params(item).get("subject")) else ""


def _has_size(item: pytest.Item, depth: Depth) -> bool:
    return _params(item).get("tasks", depth.sizes[0]) in depth.sizes


def _params(item: pytest.Item) -> dict[str, Any]:
    callspec: Any = getattr(item, "callspec", None)
    return callspec.params if callspec else {}


@pytest.fixture(scope="session")
def loop() -> Iterator[Loop]:
    """One event loop for the whole block."""
    with Loop.running() as loop:
        yield loop


@pytest.fixture(scope="session")
def setting(loop: Loop, request: pytest.FixtureRequest) -> Iterator[Setting]:
    """The servers and namespaces of the run; without a driver the private server, if any benchmark needs it."""
    if (given := request.config.stash[_SETTING]) is not None:
        yield given
    elif any(_place(item) for item in request.session.items):
        depth = DEPTHS[request.config.getoption("depth")]
        with Setting.prepared(loop, depth, container=False, tell=lambda _: None) as prepared, on_core(CLIENT):
            yield prepared
    else:
        yield Setting({})


@pytest.fixture(scope="session")
def stores(loop: Loop, setting: Setting, request: pytest.FixtureRequest) -> Iterator[Stores]:
    """One warm client for each place and namespace."""
    with Stores.opened(loop, setting) as stores:
        stores.warm_up(DEPTHS[request.config.getoption("depth")])
        yield stores


@pytest.fixture
def bench(loop: Loop, benchmark: BenchmarkFixture, request: pytest.FixtureRequest) -> Bench:
    """Time one benchmark on the loop of the block."""
    depth = DEPTHS[request.config.getoption("depth")]
    return Bench(benchmark, loop, depth.effort, depth)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> Generator[None]:
    """Keep the exit status: pytest-benchmark writes its JSON after an interrupted or failed run too."""
    session.config.stash[_EXIT_STATUS] = int(exitstatus)
    return (yield)


def pytest_benchmark_update_machine_info(config: pytest.Config, machine_info: dict[str, Any]) -> None:
    """Add what the figures may depend on; take out the name of the machine."""
    machine_info.pop("node", None)
    environment = config.stash[_ENVIRONMENT]
    machine_info.update(environment)


def pytest_benchmark_update_json(config: pytest.Config, output_json: dict[str, Any]) -> None:
    """Add the exit status: 0 means that nothing is missing."""
    output_json.update(exit_status=config.stash[_EXIT_STATUS])
