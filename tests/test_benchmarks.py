"""The tooling of the benchmarks: what its clock sees, how it fits into the time, and what it writes."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from time import perf_counter

import pytest

from benchmarks.clock import AwaitedClock, noop
from benchmarks.depth import FEWEST_ROUNDS, MOST_CALLS, Depth, Pace, Plan
from benchmarks.loop import Loop
from benchmarks.workload import METADATA, STEPS

DEPTH = Depth(rounds=100, seconds=1.0)


@pytest.fixture
def loop() -> Iterator[Loop]:
    """Run a loop of the test's own."""
    with Loop.running() as loop:
        yield loop


def test_the_clock_shows_the_seconds_that_were_awaited(loop: Loop) -> None:
    clock = AwaitedClock()
    loop.run(clock.time(asyncio.sleep, [(0.05,)]))
    assert 0.05 <= clock.read() < 0.1


def test_the_clock_stands_still_while_the_loop_starts(loop: Loop) -> None:
    clock, rounds = AwaitedClock(), 200
    started = perf_counter()
    for _ in range(rounds):
        loop.run(clock.time(noop, [()]))
    assert clock.read() < (perf_counter() - started) / 5


def test_the_clock_divides_by_the_calls_of_a_batch(loop: Loop) -> None:
    clock = AwaitedClock()
    loop.run(clock.time(asyncio.sleep, [(0.01,), (0.03,)]))
    assert 0.02 <= clock.read() < 0.04


def test_every_argument_is_used_and_the_last_answer_returned(loop: Loop) -> None:
    seen = []

    async def square(number: int) -> int:
        seen.append(number)
        return number * number

    assert loop.run(AwaitedClock().time(square, [(2,), (3,)])) == 9
    assert seen == [2, 3]


def test_ctrl_c_ends_the_run_even_if_the_call_loses_it(loop: Loop) -> None:
    async def stubborn() -> None:
        with suppress(asyncio.CancelledError):
            signal.raise_signal(signal.SIGINT)
            await asyncio.sleep(1)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background has it ignored
    try:
        with pytest.raises(KeyboardInterrupt):
            loop.run(stubborn())
    finally:
        signal.signal(signal.SIGINT, before)


def test_short_rounds_are_made_as_often_as_the_depth_asks() -> None:
    assert DEPTH.plan(Pace((0.001,), 0.001), batched=False) == Plan(calls=1, rounds=100)


def test_long_rounds_are_fitted_into_the_time() -> None:
    assert DEPTH.plan(Pace((0.025, 0.025), 0.1), batched=False) == Plan(calls=1, rounds=20)


def test_rounds_that_do_not_fit_are_made_a_few_times_all_the_same() -> None:
    assert DEPTH.plan(Pace((2.0,), 2.0), batched=False) == Plan(calls=1, rounds=FEWEST_ROUNDS)


def test_calls_of_microseconds_share_a_round() -> None:
    assert DEPTH.plan(Pace((10e-6, 1.0, 10e-6), 3 * 60e-6), batched=True).calls == 100
    assert DEPTH.plan(Pace((0.1e-6,), 50e-6), batched=True).calls == MOST_CALLS


def test_calls_of_milliseconds_do_not() -> None:
    assert DEPTH.plan(Pace((0.003,), 0.003), batched=True).calls == 1


def test_metadata_is_about_400_bytes_of_json() -> None:
    assert 350 <= len(json.dumps(METADATA)) <= 450


def test_updates_change_the_status_each_time_and_never_to_a_final_one() -> None:
    statuses = [status for status, *_ in STEPS]
    assert all(before is not after for before, after in zip(statuses, statuses[1:] + statuses[:1], strict=True))
    assert not any(status.is_final for status in statuses)


RUN = """
from itertools import repeat

import pytest

from benchmarks.bench import CLOCK
from benchmarks.clock import noop
from benchmarks.subjects import NOTHING
from benchmarks.loop import Loop
from benchmarks.workload import Work

pytestmark = pytest.mark.benchmark(timer=CLOCK.read)

def test_right(bench):
    bench.label(NOTHING, "noop", 0, {})
    bench.time(Work(noop, repeat(()), lambda *_: True), batched=True)

def test_wrong_after_the_warm_up(bench):
    bench.time(Work(noop, repeat(()), lambda *_: not bench.benchmark.extra_info), batched=True)
"""


def test_a_run_keeps_its_data_and_leaves_out_what_was_wrong(tmp_path: Path) -> None:
    module, written = tmp_path / "test_run.py", tmp_path / "new" / "benchmark.json"
    module.write_text(RUN)
    command = [sys.executable, "-m", "pytest", "-p", "benchmarks.conftest", f"--rootdir={tmp_path}", str(module)]
    command += ["--quick", f"--benchmark-json={written}"]
    ran = subprocess.run(command, cwd=Path(__file__).parents[1], capture_output=True, text=True, check=False)
    assert "WrongAnswerError: noop() answered None" in ran.stdout
    assert ran.returncode == pytest.ExitCode.TESTS_FAILED

    result = json.loads(written.read_text())
    assert (result["depth"], result["exit_status"]) == ("quick", ran.returncode)
    assert "node" not in result["machine_info"]
    [benchmark] = result["benchmarks"]
    assert benchmark["name"] == "test_right"
    assert benchmark["extra_info"] == {
        "operation": "noop",
        "subject": "none",
        "design": "none",
        "mode": "none",
        "transport": "none",
        "tasks": 0,
        "facts": {},
        "calls_per_round": MOST_CALLS,
        "ping_seconds": [],
    }
    assert len(benchmark["stats"]["data"]) >= FEWEST_ROUNDS
    assert benchmark["stats"]["median"] < 2e-6
