"""The tooling of the benchmarks: what its clock sees, how it fits into the time, and what it writes."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from time import perf_counter
from typing import Any

import docker
import pytest

from benchmarks import run as run_module
from benchmarks.cores import CLIENT, SERVER, core_of, on_core
from benchmarks.depth import DEPTHS
from benchmarks.run import PinnedContainerServer
from benchmarks.subjects import SUBJECTS
from conformance.measure.blocks import merge, run, run_block
from conformance.measure.claims import AUTO_CLIP, Latency, read_claims
from conformance.measure.clock import AwaitedClock
from conformance.measure.estimate import median_interval
from conformance.measure.loop import Loop
from conformance.measure.plan import NOOP
from conformance.measure.timing import FEWEST_ROUNDS, FEWEST_SINGLE, MOST_CALLS, Effort, Pace, Plan
from conformance.subjects.registry import REQUIRE_CONTAINER
from conformance.subjects.servers import find_binary

pytestmark = pytest.mark.once

ROOT = Path(__file__).parents[1]

EFFORT = Effort(rounds=100, seconds=1.0)


@pytest.fixture
def loop() -> Iterator[Loop]:
    """Run a loop of the test's own."""
    with Loop.running() as loop:
        yield loop


def test_the_clock_shows_the_seconds_that_were_awaited(loop: Loop) -> None:
    clock = AwaitedClock()
    loop.run(clock.time(asyncio.sleep, [(0.05,)]))
    assert 0.05 <= clock.read() < 0.1


def test_single_calls_show_the_one_that_a_mean_hides(loop: Loop) -> None:
    seconds = loop.run(AwaitedClock.time_each(asyncio.sleep, [(0.0,)] * 99 + [(0.05,)]))
    assert len(seconds) == 100
    assert sorted(seconds)[-2] < 0.05 <= seconds[-1]


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_ends_the_run_even_if_the_call_loses_it(loop: Loop) -> None:
    async def stubborn() -> None:
        with suppress(asyncio.CancelledError):
            signal.raise_signal(signal.SIGINT)
            await asyncio.sleep(1)

    with pytest.raises(KeyboardInterrupt):
        loop.run(stubborn())


def test_long_rounds_are_fitted_into_the_time() -> None:
    assert EFFORT.plan(Pace((0.025,) * 2, (0.05,) * 2), batched=False) == Plan(calls=1, rounds=20)


def test_calls_of_microseconds_share_a_round() -> None:
    assert EFFORT.plan(Pace((10e-6, 1.0, 10e-6), (60e-6,) * 3), batched=True).calls == 100
    assert EFFORT.plan(Pace((0.1e-6,), (50e-6,)), batched=True).calls == MOST_CALLS


def test_every_depth_has_blocks_enough_for_an_interval() -> None:
    assert all(median_interval([1.0] * depth.blocks) for depth in DEPTHS.values())


def test_every_depth_lists_what_a_claim_is_judged_at_and_the_deeper_ones_all_of_it() -> None:
    claims = [one for one in read_claims(AUTO_CLIP).claim if isinstance(one, Latency) and one.operation == "list"]
    assert len(claims) == 2
    for claim in claims:
        assert set(DEPTHS["quick"].sizes) <= set(claim.entries)
        assert DEPTHS["default"].sizes == DEPTHS["full"].sizes == claim.entries


RUN = """
import asyncio
from itertools import repeat

import pytest

from conformance.measure.clock import noop
from conformance.measure.loop import Loop
from conformance.measure.plan import NOOP
from conformance.measure.operations import Calls
from conformance.measure.timing import CLOCK, Effort, Timer

pytestmark = pytest.mark.benchmark(timer=CLOCK.read)

@pytest.fixture
def timer(benchmark):
    with Loop.running() as loop:
        yield Timer(benchmark, loop, Effort(rounds=50, seconds=0.006))

def test_right(timer):
    timer.time(Calls(noop, repeat(())), batched=True)

def test_wrong_after_the_warm_up(timer):
    timer.time(Calls(noop, repeat(()), lambda *_: timer.benchmark.stats is None), batched=True)

async def slow():
    bench_calls.append(1)
    await asyncio.sleep(0.01)

bench_calls = []

def test_long(timer):
    timer.time(Calls(slow, repeat(())), batched=False)
    assert len(bench_calls) == 1
"""


def test_a_block_keeps_its_data_and_leaves_out_what_was_wrong(tmp_path: Path) -> None:
    module = tmp_path / "test_run.py"
    module.write_text(RUN)
    # pytest-benchmark switches itself off in a worker of pytest-xdist, and takes what a worker starts for one.
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("PYTEST_XDIST")]:
            patch.delenv(name)
        result, said = run_block(module, tmp_path / "benchmark.json", f"--rootdir={tmp_path}")
    assert "WrongAnswerError: noop() answered None" in said
    by_name = {row["name"]: row for row in result["benchmarks"]}
    assert by_name.keys() == {"test_right", "test_long"}
    [single] = by_name["test_right"]["extra_info"].pop("single_calls")
    assert single["n"] >= FEWEST_SINGLE
    assert 0 < single["p99"] <= single["most"]
    assert by_name["test_right"]["extra_info"] == {"calls_per_round": MOST_CALLS, "ping_seconds": []}
    assert len(by_name["test_right"]["stats"]["data"]) >= FEWEST_ROUNDS
    assert by_name["test_right"]["stats"]["median"] < 2e-6
    [long] = by_name["test_long"]["stats"]["data"]
    assert 0.01 <= long < 0.05


@pytest.mark.parametrize(
    ("chosen", "row"),
    [
        ("memory and get", "test_operation[documented-memory-1000-get]"),
        ("noop or (ping and embedded)", "test_ping[embedded]"),
    ],
)
def test_pytest_alone_shows_a_table_and_starts_the_server_that_is_needed(chosen: str, row: str) -> None:
    command = [sys.executable, "-m", "pytest", "benchmarks", "--benchmark-only", "-p", "no:cacheprovider", "-k", chosen]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_XDIST")}
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == pytest.ExitCode.OK, ran.stdout
    table = ran.stdout.partition("- benchmark")[2]
    assert row in table
    assert "Median" in table


def row(name: str, *seconds: float) -> dict[str, Any]:
    """One benchmark of one block."""
    info = {"operation": "get", "ping_seconds": [one / 2 for one in seconds], "calls_per_round": 1}
    return {"fullname": name, "extra_info": info, "stats": {"data": list(seconds), "iterations": 1}}


def block(*rows: dict[str, Any], exit_status: int = 0) -> dict[str, Any]:
    return {"machine_info": {}, "version": "5.3.1", "benchmarks": list(rows), "exit_status": exit_status}


def test_blocks_are_merged_and_stay_apart() -> None:
    merged = merge(
        [block(row("a", 1, 2), row("b", 8)), block(row("a", 4), exit_status=1), block(row("b", 9), row("a", 3))]
    )
    first, second = merged["benchmarks"]
    assert (first["stats"]["data"], first["extra_info"]["blocks"]) == ([1, 2, 4, 3], [2, 1, 1])
    assert first["extra_info"]["ping_seconds"] == [0.5, 1, 2, 1.5]
    assert (second["stats"]["data"], second["extra_info"]["blocks"]) == ([8, 9], [1, 0, 1])
    assert (first["stats"]["median"], first["stats"]["rounds"], merged["exit_status"]) == (2.5, 4, 1)


def test_processes_that_are_timed_have_hash_seeds_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONHASHSEED", "0")  # as tox sets one for all that it starts
    assert len({run([sys.executable, "-c", "print(hash('task'))"], shown=False).stdout for _ in range(3)}) == 3


def test_a_figure_says_what_it_belongs_to_and_only_listings_are_kept_at_every_size() -> None:
    rows = [
        {"extra_info": {"store": store, "operation": operation, "entries": entries}}
        for store, operation, entries in (
            ("", NOOP, 0),
            ("memory", "get", 100),
            ("memory", "get", 1_000),
            ("memory", "list", 100),
            ("benchmarks.subjects:documented_embedded", "create", 1_000),
        )
    ]
    facts = {"embedded": {"server": "Redis 8"}}
    described = [row["extra_info"] for row in run_module.describe(rows, list(SUBJECTS), facts, 1_000)]
    assert [(info["subject"], info["operation"], info["tasks"], info["facts"]) for info in described] == [
        ("none", "noop", 0, {}),
        ("memory", "get", 1_000, {}),
        ("memory", "list", 100, {}),
        ("documented-redis", "create", 1_000, facts["embedded"]),
    ]


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("stage", [find_binary().name, "-m pytest"])
def test_ctrl_c_leaves_nothing_behind(tmp_path: Path, stage: str) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    environment = os.environ | {"TMPDIR": str(temporary), "DOCKER_HOST": "unix:///nowhere"}
    environment.pop("CONFORMANCE_REQUIRE_CONTAINER", None)
    command = [sys.executable, "-c", MEASURE, str(tmp_path / "benchmark.json")]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, start_new_session=True
    ) as measuring:
        assert measuring.stdout is not None
        while not any(stage in process for process in processes_of_session(measuring.pid)):
            assert measuring.poll() is None
        measuring.send_signal(signal.SIGINT)  # to the driver alone: it has to end the others
        measuring.stdout.read()  # it ends when nobody holds it open any more: the driver, and what it started
        assert measuring.wait(60) == -signal.SIGINT
    assert not list(temporary.iterdir())
    until = perf_counter() + 10  # who was started in the very moment of the signal ends with its standard input
    while processes_of_session(measuring.pid):
        assert perf_counter() < until


MEASURE = """
import sys
from pathlib import Path
from benchmarks.run import measure

class Silence:
    def tell(self, what):
        pass
    def advance(self):
        pass

measure("quick", 1, Path(sys.argv[1]), Silence())
"""


def processes_of_session(session: int) -> list[str]:
    listed = subprocess.run(["ps", "-ww", "-eo", "sid=,args="], capture_output=True, text=True, check=True).stdout  # noqa: S607  wherever ps is
    return [line for line in listed.splitlines() if line.split()[0] == str(session)]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a process say where it runs")
def test_what_is_started_on_a_core_stays_there_and_who_started_it_does_not() -> None:
    before = os.sched_getaffinity(0)
    ask = [sys.executable, "-c", "import os; print(*os.sched_getaffinity(0))"]
    with on_core(SERVER):
        server = subprocess.run(ask, capture_output=True, text=True, check=True).stdout.split()
    with on_core(CLIENT):
        client = subprocess.run(ask, capture_output=True, text=True, check=True).stdout.split()
    assert (len(server), len(client)) == (1, 1)
    assert (server == client) == (len(before) == 1)
    assert os.sched_getaffinity(0) == before


@pytest.mark.skipif(os.environ.get(REQUIRE_CONTAINER) != "1", reason="`tox -e engines` runs it")
def test_a_container_is_kept_on_the_core_of_the_servers() -> None:
    core = str(core_of(SERVER))
    with PinnedContainerServer() as server, closing(docker.from_env()) as client:
        assert server.facts()["core"] == core
        assert core in {container.attrs["HostConfig"]["CpusetCpus"] for container in client.containers.list()}
