"""Create, get, list and update on every subject; PING stands in the middle, so that none of them is far from it."""

from __future__ import annotations

from itertools import repeat

import pytest

from benchmarks.bench import CLOCK, Bench, Running
from benchmarks.clock import noop
from benchmarks.subjects import NOTHING, SUBJECTS
from benchmarks.workload import Work, creating, getting, listing, pinging, updating

TASKS = 10_000
"""In the store before anything but a listing is timed: what D42 names."""

pytestmark = pytest.mark.benchmark(timer=CLOCK.read, disable_gc=False)

on_every_subject = pytest.mark.parametrize("running", SUBJECTS, indirect=True)
on_every_server = pytest.mark.parametrize(
    "running", [name for name, subject in SUBJECTS.items() if subject.mode == "redis"], indirect=True
)


def test_noop(bench: Bench) -> None:
    """Await a function that does nothing: the floor."""
    bench.label(NOTHING, "noop", 0, {})
    bench.time(Work(noop, repeat(()), lambda *_: True), batched=True)


@on_every_subject
def test_create(running: Running, bench: Bench) -> None:
    """Create a task."""
    bench.measure(running, "create", TASKS, creating)


@on_every_subject
def test_get(running: Running, bench: Bench) -> None:
    """Get a task."""
    bench.measure(running, "get", TASKS, getting)


@on_every_server
def test_ping(running: Running, bench: Bench) -> None:
    """Ask the server for a sign of life, through the store's own client."""
    bench.measure(running, "ping", TASKS, pinging)


@on_every_subject
def test_update(running: Running, bench: Bench) -> None:
    """Update a task that is not final."""
    bench.measure(running, "update", TASKS, updating)


@on_every_subject
@pytest.mark.parametrize("tasks", [100, 1_000, 10_000])
def test_list(running: Running, bench: Bench, tasks: int) -> None:
    """List the newest 50 tasks of many."""
    bench.measure(running, "list", tasks, listing)
