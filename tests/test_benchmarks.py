"""The benchmarks: what they write, where they run, and that nothing of them is left."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from time import perf_counter

import pytest

from benchmarks.backends import BACKENDS
from benchmarks.cores import CLIENT, SERVER, on_core
from benchmarks.document import Block, Measured
from benchmarks.latencies import described
from conformance.backends.registry import REQUIRE_CONTAINER
from conformance.measure.figures import as_data
from conformance.measure.timing import Timed
from tests.processes import run

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]


def test_a_figure_says_what_it_belongs_to() -> None:
    memory, documented = BACKENDS[0].store, BACKENDS[3].store
    keys = [(documented, "ping", 1_000), (memory, "list", 100)]
    figures = as_data(dict.fromkeys(keys, [Timed((1.0, 2.0), (1.0, 2.0))] * 2))
    facts = {"embedded": {"server": "Redis 8"}}
    rows = [Measured.model_validate_json(json.dumps(described(figure, facts))).extra_info for figure in figures]
    assert [(info.backend, info.operation, info.tasks, info.facts) for info in rows] == [
        ("documented-redis", "ping", 1_000, {"server": "Redis 8"}),
        ("memory", "list", 100, {}),
    ]
    assert {info.blocks for info in rows} == {(Block(median=1.5), Block(median=1.5))}


@pytest.mark.parametrize("chosen", ["documented-memory", "embedded and get"])
def test_pytest_alone_shows_a_table_and_starts_the_server_that_is_needed(chosen: str) -> None:
    command = [sys.executable, "-m", "pytest", "benchmarks", "--benchmark-only", "-p", "no:cacheprovider", "-k", chosen]
    # pytest-benchmark switches itself off in a worker of pytest-xdist, and takes what a worker starts for one.
    ran = run(ROOT, *command)
    assert ran.returncode == pytest.ExitCode.OK, ran.stdout
    table = ran.stdout.partition("- benchmark")[2]
    assert f"test_operation[{chosen.partition(' ')[0]}-get]" in table
    assert "Median" in table


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_what_is_stopped_while_it_measures_leaves_nothing(tmp_path: Path, sent: signal.Signals) -> None:
    (folder := tmp_path / "temporary").mkdir()
    environment = os.environ | {"TMPDIR": str(folder), "DOCKER_HOST": "unix:///nowhere"}
    environment.pop(REQUIRE_CONTAINER, None)
    command = [sys.executable, "-m", "benchmarks", "--full", "--json", str(tmp_path / "benchmark.json")]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, start_new_session=True
    ) as measuring:
        assert measuring.stdout is not None
        while "spawn_main" not in processes_of_session(measuring.pid):
            assert measuring.poll() is None
        measuring.send_signal(sent)  # to the driver alone: it has to end the others
        measuring.stdout.read()  # it ends when nobody holds it open any more: the driver, and what it started
        assert measuring.wait(60) == 130
    assert not list(folder.iterdir())
    assert not (tmp_path / "benchmark.json").exists()
    until = perf_counter() + 10  # who was started in the very moment of the signal ends with its standard input
    while processes_of_session(measuring.pid):
        assert perf_counter() < until


def processes_of_session(session: int) -> str:
    return subprocess.run(["ps", "-ww", "-o", "args=", "--sid", str(session)], capture_output=True, text=True).stdout  # noqa: PLW1510, S607  wherever ps is; it fails if there is none


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a process say where it runs")
def test_what_is_started_on_a_core_stays_there_and_who_started_it_does_not() -> None:
    before = os.sched_getaffinity(0)
    ask = [sys.executable, "-c", "import os; print(*os.sched_getaffinity(0))"]
    found = []
    for core in (SERVER, CLIENT):
        with on_core(core):
            found.append(int(subprocess.run(ask, capture_output=True, check=True).stdout))
    assert len({*found}) == min(2, len(before))
    assert os.sched_getaffinity(0) == before
