"""Create, get, list and update on every subject, and what they are compared with."""

from __future__ import annotations

from itertools import repeat

import pytest

from benchmarks.bench import Bench, Stores
from benchmarks.subjects import NOTHING, SUBJECTS, Subject
from benchmarks.workload import Work, creating, getting, listing, pinging, updating
from conformance.measure.clock import noop
from conformance.measure.timing import CLOCK

pytestmark = pytest.mark.benchmark(timer=CLOCK.read, disable_gc=False)


def _on(*names: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("subject", [SUBJECTS[name] for name in names], ids=names)


on_every_subject = _on(*SUBJECTS)
on_every_server = _on(*(name for name, subject in SUBJECTS.items() if subject.place))


def test_noop(bench: Bench) -> None:
    """Await a function that does nothing: the floor."""
    bench.label(NOTHING, "noop", 0, {})
    bench.time(Work(noop, repeat(()), lambda *_: True), batched=True)


@on_every_subject
def test_create(subject: Subject, stores: Stores, bench: Bench) -> None:
    """Create a task."""
    bench.measure(stores, subject, "create", creating)


@on_every_subject
def test_get(subject: Subject, stores: Stores, bench: Bench) -> None:
    """Get a task."""
    bench.measure(stores, subject, "get", getting)


@_on("memory", "embedded", "container")
def test_get_again(subject: Subject, stores: Stores, bench: Bench) -> None:
    """Get a task, as above and as a benchmark of its own: what it differs by is the noise of this machine today."""
    bench.benchmark.extra_info["again"] = True
    bench.measure(stores, subject, "get", getting)


@on_every_server
def test_ping(subject: Subject, stores: Stores, bench: Bench) -> None:
    """Ask the server for a sign of life, through the store's own client."""
    bench.measure(stores, subject, "ping", pinging)


@on_every_subject
def test_update(subject: Subject, stores: Stores, bench: Bench) -> None:
    """Update a task that is not final."""
    bench.measure(stores, subject, "update", updating)


@on_every_subject
@pytest.mark.parametrize("tasks", [100, 1_000, 10_000])
def test_list(subject: Subject, tasks: int, stores: Stores, bench: Bench) -> None:
    """List the newest 50 tasks of many."""
    bench.measure(stores, subject, "list", listing, tasks)
