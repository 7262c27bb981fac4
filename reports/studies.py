"""The studies: their JSON in, one `Studies` out, with the goals that a later version is held to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import AwareDatetime, Field

from reports.costs import (
    ExpiryInput,
    MemoryInput,
    Removal,
    Weight,
    gather_removals,
    gather_weights,
)
from reports.growth import Curve, GrowthInput, gather_curves
from reports.inputs import Mode, Seconds, Strict, read_document
from reports.load import (
    LoadInput,
    OpenInput,
    ResponseCurve,
    ThroughputCurve,
    gather_responses,
    gather_throughput,
)
from reports.peers import Peer, PeersInput, gather_peers

PINGS = 4.0
EXPONENT = 0.05
LISTED = (100, 10_000, 1_000_000)
BYTES: Mapping[Mode, float] = {"memory": 1_500.0, "redis": 1_200.0}
WAIT_MS = 20.0
EXPIRED = 1_000_000
CALLERS = 64

GoalVerdict = Literal["met", "missed", "undecided", "not-measured"]


class StudiesMade(Strict):
    """Each study that was made."""

    growth: GrowthInput | None = None
    load: LoadInput | None = None
    arrivals: OpenInput | None = None
    memory: MemoryInput | None = None
    expiry: ExpiryInput | None = None
    peers: PeersInput | None = None


class StudiesInput(Strict):
    """What `python -m benchmarks.studies` wrote."""

    version: Literal["benchmark-studies/1"] = Field(alias="schema")
    started: AwareDatetime
    depth: Literal["quick", "default", "full"]
    seed: int
    environment: dict[str, Any]
    seconds: dict[str, Seconds]
    failures: dict[str, str]
    """Why a study that was to be made is not there."""
    studies: StudiesMade


@dataclass(frozen=True)
class Goal:
    """A figure and its limit. Undecided: the interval of the figure holds the limit."""

    name: str
    unit: str
    value: float | None
    interval: tuple[float, float] | None
    limit: float
    verdict: GoalVerdict


@dataclass(frozen=True)
class Studies:
    """Everything that the studies say. What was not made is empty."""

    started: str
    depth: str
    seed: int
    seconds: Mapping[str, float]
    failures: Mapping[str, str]
    growth: tuple[Curve, ...]
    throughput: tuple[ThroughputCurve, ...]
    responses: tuple[ResponseCurve, ...]
    weights: tuple[Weight, ...]
    removals: tuple[Removal, ...]
    peers: tuple[Peer, ...]
    goals: tuple[Goal, ...]


def read_studies(path: Path) -> StudiesInput:
    """Read the studies.

    Raises:
        InputError: naming the file and its first fault.
    """
    return read_document(path, StudiesInput, "the JSON of the studies")


def gather_studies(given: StudiesInput) -> Studies:
    """Draw every conclusion from the studies."""
    made = given.studies
    growth = gather_curves(made.growth) if made.growth else ()
    throughput = gather_throughput(made.load) if made.load else ()
    weights = gather_weights(made.memory) if made.memory else ()
    removals = gather_removals(made.expiry) if made.expiry else ()
    peers = gather_peers(made.peers) if made.peers else ()
    return Studies(
        started=given.started.isoformat(),
        depth=given.depth,
        seed=given.seed,
        seconds=given.seconds,
        failures=given.failures,
        growth=growth,
        throughput=throughput,
        responses=gather_responses(made.arrivals) if made.arrivals else (),
        weights=weights,
        removals=removals,
        peers=peers,
        goals=(
            *_goals_of_growth(growth),
            *_goals_of_load(throughput),
            *_goals_of_peers(peers),
            *_goals_of_weight(weights),
            _goal_of_expiry(removals),
        ),
    )


def _goals_of_growth(curves: Iterable[Curve]) -> Iterable[Goal]:
    for curve in curves:
        if (curve.design, curve.mode) != ("ours", "redis"):
            continue
        by_tasks = {point.tasks: point.times_ping for point in curve.points}
        for tasks in LISTED:
            times = by_tasks.get(tasks)
            value, interval = (times.value, times.interval) if times else (None, None)
            yield _goal(f"{curve.page} page of 50 at {tasks:,} tasks", "times PING", value, PINGS, interval)
        yield _goal(f"growth exponent of a {curve.page} page", "", curve.exponent, EXPONENT, curve.interval)


def _goals_of_load(curves: Iterable[ThroughputCurve]) -> Iterable[Goal]:
    at = {
        (curve.operation, curve.subject): point
        for curve in curves
        for point in curve.points
        if point.callers == CALLERS
    }
    for (operation, subject), plain in at.items():
        ours = at.get((operation, "ours"))
        if subject != "redis-py" or ours is None:
            continue
        name = f"{operation} by {CALLERS} callers"
        yield _goal(f"{name}: seconds per call", "times redis-py", plain.per_second.value / ours.per_second.value, 1.0)
        if plain.waits and ours.waits and plain.waits.p99_ms and ours.waits.p99_ms:
            yield _goal(f"{name}: p99", "times redis-py", ours.waits.p99_ms / plain.waits.p99_ms, 1.0)


def _goals_of_peers(peers: Iterable[Peer]) -> Iterable[Goal]:
    in_memory = [peer for peer in peers if peer.mode == "memory" and peer.isolates]
    for operation in ("create", "get", "update", "list"):
        times = {peer.name: peer.timings[operation] for peer in in_memory if operation in peer.timings}
        ours = times.pop("ours", None)
        if ours is None or not times:
            continue
        fastest = min(times, key=lambda name: times[name].us.value)
        what = f"{operation} in memory mode" + (f" of {ours.tasks:,} tasks" if operation == "list" else "")
        yield _goal(
            f"{what}, against {fastest}",
            "times the fastest that isolates",
            ours.us.value / times[fastest].us.value,
            1.0,
        )


def _goals_of_weight(weights: Iterable[Weight]) -> Iterable[Goal]:
    for mode, limit in BYTES.items():
        ours = [weight for weight in weights if (weight.design, weight.mode) == ("ours", mode)]
        if ours:
            heaviest = max(ours, key=lambda weight: weight.tasks)
            yield _goal(f"a task in {mode} mode, of {heaviest.tasks:,}", "bytes", heaviest.bytes_per_task, limit)


def _goal_of_expiry(removals: Iterable[Removal]) -> Goal:
    waits = [
        removal.longest_wait_ms
        for removal in removals
        if removal.mode == "redis" and removal.what != "purge" and removal.tasks == EXPIRED
    ]
    return _goal(f"longest wait while {EXPIRED:,} tasks expire", "ms", max(waits, default=None), WAIT_MS)


def _goal(name: str, unit: str, value: float | None, limit: float, interval: tuple[float, float] | None = None) -> Goal:
    verdict: GoalVerdict
    if value is None:
        verdict = "not-measured"
    else:
        low, high = interval or (value, value)
        verdict = "met" if high <= limit else "missed" if low > limit else "undecided"
    return Goal(name, unit, value, interval, limit, verdict)
