"""The goals of this project for its own store, on the machine of its CI.

Each has its figure, whether it is met, and by how much it is missed.

A figure with an interval is undecided while the limit lies inside, and where there are too few blocks for an interval.
Counts and bytes are what they are, and have none. A longest wait is a single call, so its event is
made several times: its interval is their spread, and one event decides nothing.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from statistics import median
from typing import Literal

from benchmarks.document import Benchmark, Design, Mode, Operation
from benchmarks.studies.document import GLIDE, PLAIN, Called, Made, Offered, Page, What
from conformance.measure.estimate import Estimate, compare, estimate, ratios
from reports import figures
from reports.analyse.growth import gather_curves
from reports.analyse.latency import near_operations
from reports.analyse.removals import gather_removals

Relation = Literal["exactly", "at most", "below", "at least", "above"]
GoalVerdict = Literal["met", "missed", "undecided", "not-measured"]

KEEPS: Mapping[Relation, Callable[[float, float], bool]] = {
    "exactly": operator.eq,
    "at most": operator.le,
    "below": operator.lt,
    "at least": operator.ge,
    "above": operator.gt,
}
FLOOR = "dict + "
"""What the name of a floor begins with: it isolates its values, and has nothing else of a store."""
REQUESTS = 1.0
PINGS = {"get": 1.2, "create": 1.6, "update": 1.5, "cancel": 1.5}
PINGS_OF_LIST = 4.0
LISTED: Mapping[Page, tuple[int, ...]] = {
    "first": (100, 10_000, 1_000_000),
    "filtered": (100, 10_000, 1_000_000),
    "deep": (100, 10_000, 1_000_000),
    "deep filtered": (10_000, 1_000_000),  # half of 100 tasks match, and no page but the first is a full one
}
EXPONENT = 0.05
COMPARED = 10_000
TIMES_FASTER = 1_000.0
CALLERS = (4, 16, 64)
MANY = CALLERS[-1]
HALF = 0.5
TIMES_PLAIN = 2.0
IN_MEMORY = 100_000
"""Tasks of which a page is listed in memory mode."""
MICROSECONDS: Mapping[Operation, float] = {"get": 2.0, "create": 12.0, "update": 8.0, "list": 120.0}
BYTES: Mapping[Mode, float] = {"redis": 1_200.0, "memory": 1_500.0}
IMPORT_MS = 120.0
EXPIRED = 1_000_000
EVENTS = 3
"""With fewer a longest wait has no spread, and decides nothing."""
TWICE = 2
WAIT_MS = 20.0

OWN_PING = "of a PING through the store’s own client"
UVLOOP = "on uvloop, of redis-py’s PING there"
ELSEWHERE = "The limit was set on another machine."
SWEEPS = "the listing that sweeps"
GONE = "until they are gone"
LAZY = "Most of pydantic is loaded when it is first used, so it counts here."


@dataclass(frozen=True)
class Goal:
    """A figure, and what it is held to."""

    name: str
    relation: Relation
    limit: float
    unit: str
    value: float | None
    interval: tuple[float, float] | None
    verdict: GoalVerdict
    missed_by: float | None
    """As a share of the limit; None where it is not missed."""
    beside: Mapping[str, float]
    """In the same unit, for information: nothing is decided by them."""
    remark: str

    @property
    def excess(self) -> str:
        """Say how far the figure lies from a limit that it misses."""
        return "" if self.value is None else compare_with_limit(self.value, self.limit)


@dataclass(frozen=True)
class _Figure:
    """What was found: exact, or estimated."""

    found: float | Estimate | None
    beside: Mapping[str, float | Estimate | None] = field(default_factory=dict)
    remark: str = ""


_NONE = _Figure(None)


def gather_goals(benchmark: Benchmark, studies: Made) -> tuple[Goal, ...]:
    """Hold every figure to its goal; what was not measured has its place too."""
    started = _Figure(studies.start.beyond_ms if studies.start else None, remark=LAZY)
    return (
        *_goals_of_calls(studies),
        *_goals_of_listings(benchmark, studies),
        *_goals_of_load(studies),
        *_goals_of_memory_mode(benchmark, studies),
        *_goals_of_weight(studies),
        _hold("import of taskstore, beyond `import pydantic`", "at most", IMPORT_MS, "ms", started),
        *_goals_of_waits(studies),
    )


def judge(relation: Relation, limit: float, found: float | Estimate | None) -> GoalVerdict:
    """Hold a figure to its limit; all of its interval must lie on one side."""
    if found is None:
        return "not-measured"
    ends = (found.interval or ()) if isinstance(found, Estimate) else (found,)
    kept = {KEEPS[relation](end, limit) for end in ends}
    return "undecided" if len(kept) != 1 else "met" if kept == {True} else "missed"


def compare_with_limit(value: float, limit: float) -> str:
    """Say how far a figure lies from a limit: as a multiple where it is twice the limit or more."""
    if value >= TWICE * limit:
        return f"{figures.figure(value / limit)} times the limit"
    return f"{figures.percent(abs(value - limit) / limit)} {'above' if value > limit else 'below'} the limit"


def _goals_of_calls(studies: Made) -> Iterator[Goal]:
    calls = studies.calls
    for operation in ("create", "get", "list", "update", "cancel"):
        requests = calls.requests.get(operation) if calls else None
        yield _hold(f"requests of one {operation}, Redis mode", "exactly", REQUESTS, "", _Figure(requests))
    for operation, limit in PINGS.items():
        figure = _NONE
        if calls and (timed := calls.timed.get(operation)):
            on_uvloop = calls.timed_on_uvloop.get(operation)
            beside = {OWN_PING: timed.times_own_ping, UVLOOP: on_uvloop.times_ping if on_uvloop else None}
            figure = _Figure(timed.times_ping, beside)
        yield _hold(f"{operation}, awaited", "at most", limit, "× PING", figure)


def _goals_of_listings(benchmark: Benchmark, studies: Made) -> Iterator[Goal]:
    curves = {
        curve.page: curve for curve in gather_curves(studies.growth) if (curve.design, curve.mode) == ("ours", "redis")
    }
    for page, numbers in LISTED.items():
        points = {point.tasks: point for point in curves[page].points} if page in curves else {}
        for tasks in numbers:
            point = points.get(tasks)
            figure = _Figure(point.times_ping, {OWN_PING: point.times_own_ping}) if point else _NONE
            yield _hold(f"{page} page of 50, of {tasks:,} tasks", "at most", PINGS_OF_LIST, "× PING", figure)
    for page in LISTED:
        figure, curve = _NONE, curves.get(page)
        if curve and curve.exponent is not None:
            few, many = curve.points[0].tasks, curve.points[-1].tasks
            exponent = Estimate(curve.exponent, curve.interval, len(curve.points))
            figure = _Figure(exponent, remark=f"From {few:,} to {many:,} tasks.")
        yield _hold(f"growth exponent of a {page} page", "below", EXPONENT, "", figure)
    documented, ours = (
        _find_medians(benchmark, design, "redis", "list", COMPARED) for design in ("documented", "ours")
    )
    faster = estimate(ratios(documented, ours)) if documented and ours else None
    name = f"page of 50, of {COMPARED:,} tasks, against the documented design, Redis mode"
    yield _hold(name, "at least", TIMES_FASTER, "× as fast", _Figure(faster))


def _goals_of_load(studies: Made) -> Iterator[Goal]:
    rates = {
        (cell.operation, cell.subject, cell.callers): cell.rates
        for cell in (studies.load.cells if studies.load else ())
    }
    operations: tuple[Called, ...] = ("get", "update")
    for operation, callers in product(operations, CALLERS):
        ours, plain, glide = (rates.get((operation, subject, callers)) for subject in ("ours", PLAIN, GLIDE))
        name = f"{operation} by {callers} callers, beside redis-py alone: calls per second"
        figure = _NONE
        if ours and plain and all(plain):
            times = median(ours) / median(glide) if glide and all(glide) else None
            figure = _Figure(compare(ours, plain), {"× valkey-glide alone": times})
        yield _hold(name, "at least", TIMES_PLAIN, "× redis-py", figure)
    halves: dict[tuple[str, str], Offered] = {
        (one.operation, one.subject): one
        for one in (studies.arrivals.offered if studies.arrivals else ())
        if one.share == HALF
    }
    for operation in operations:
        theirs, mine = halves.get((operation, PLAIN)), halves.get((operation, "ours"))
        figure = _NONE
        if theirs and mine and theirs.p99_ms and mine.p99_ms and not (theirs.saturated or mine.saturated):
            late = mine.lateness_p99_ms.value / mine.p99_ms.value if mine.lateness_p99_ms else None
            p99 = compare(mine.p99_ms.values, theirs.p99_ms.values)
            figure = _Figure(p99, {"lateness of the generator, as a share of our p99": late})
        name = f"{operation} that comes at half of what {MANY} callers get through: p99, redis-py at half of its own"
        yield _hold(name, "at most", 1.0, "× redis-py", figure)


def _goals_of_memory_mode(benchmark: Benchmark, studies: Made) -> Iterator[Goal]:
    for operation in MICROSECONDS:
        name = f"{_in_memory(operation)}, beside the fastest that isolates its values"
        yield _hold(name, "above", 1.0, "× as fast", _find_times_fastest(studies, operation))
    points = [
        point.us
        for point in (studies.growth.points if studies.growth else ())
        if (point.design, point.mode, point.page, point.tasks) == ("ours", "memory", "first", IN_MEMORY)
    ]
    for operation, limit in MICROSECONDS.items():
        us = points[0] if points else None
        if operation != "list":
            medians = _find_medians(benchmark, "ours", "memory", operation)
            us = estimate(ms and ms * 1000 for ms in medians)
        yield _hold(_in_memory(operation), "at most", limit, "µs", _Figure(us, remark=ELSEWHERE))


def _goals_of_weight(studies: Made) -> Iterator[Goal]:
    for mode, limit in BYTES.items():
        sizes = studies.memory.sizes if studies.memory else ()
        ours = [one for one in sizes if (one.design, one.mode) == ("ours", mode)]
        most = {one.part: one for one in sorted(ours, key=lambda one: one.tasks)}
        task, metadata = most.get("task"), most.get("metadata")
        figure = _NONE
        if task:
            beside = {"if its metadata alone are 400 bytes": metadata.bytes_per_task if metadata else None}
            figure = _Figure(task.bytes_per_task, beside, f"Of {task.tasks:,} tasks.")
        yield _hold(f"a task of 400 bytes of JSON, {mode} mode", "at most", limit, "bytes", figure)


def _goals_of_waits(studies: Made) -> Iterator[Goal]:
    found = {one.what: one for one in gather_removals(studies.expiry) if one.tasks == EXPIRED}
    plain = found.get("plain keys, nobody sweeps")
    waits: tuple[tuple[What, str, str], ...] = (
        ("expire", f"longest wait but for the listing that sweeps, while {EXPIRED:,} tasks expire", SWEEPS),
        ("expire, nobody writes", f"longest wait while {EXPIRED:,} tasks expire and nobody writes", SWEEPS),
        (
            "indexes, nobody calls",
            f"longest wait while indexes of {EXPIRED:,} tasks expire, uncalled for a lifetime",
            GONE,
        ),
    )
    for what, name, took in waits:
        figure = _NONE
        if one := found.get(what):
            beside: dict[str, float | None] = {
                "while Redis alone removes as many plain keys": plain.wait_ms if plain else None,
                "when nothing goes on": one.quiet_ms,
                took: one.ms,
            }
            decides = one.events >= EVENTS
            remark = (
                f"Median, least and most of {one.events} events."
                if decides
                else f"Fewer than {EVENTS} events decide nothing."
            )
            figure = _Figure(Estimate(one.wait_ms, one.between_ms if decides else None, one.events), beside, remark)
        yield _hold(name, "at most", WAIT_MS, "ms", figure)


def _hold(name: str, relation: Relation, limit: float, unit: str, figure: _Figure) -> Goal:
    found = figure.found
    value = found.value if isinstance(found, Estimate) else found
    verdict = judge(relation, limit, found)
    return Goal(
        name=name,
        relation=relation,
        limit=limit,
        unit=unit,
        value=value,
        interval=found.interval if isinstance(found, Estimate) else None,
        verdict=verdict,
        missed_by=abs(value - limit) / limit if value is not None and verdict == "missed" else None,
        beside={
            what: one.value if isinstance(one, Estimate) else one
            for what, one in figure.beside.items()
            if one is not None
        },
        remark=figure.remark,
    )


def _find_medians(
    benchmark: Benchmark, design: Design, mode: Mode, operation: Operation, tasks: int | None = None
) -> list[float | None]:
    """Find the milliseconds of each block, in Redis mode on the private server over loopback."""
    way = "none" if mode == "memory" else "embedded"
    return next(
        (
            row.medians()
            for info, row in near_operations(benchmark)
            if (info.design, info.transport, info.operation) == (design, way, operation) and tasks in (None, info.tasks)
        ),
        [],
    )


def _find_times_fastest(studies: Made, operation: Operation) -> _Figure:
    isolating = {one.peer for one in (studies.peers.portraits if studies.peers else ()) if one.isolates}
    timings = {
        one.peer: one
        for one in (studies.peers.timings if studies.peers else ())
        if one.operation == operation and one.peer in isolating
    }
    ours = timings.pop("ours", None)
    stores = [name for name in timings if not name.startswith(FLOOR)]
    if ours is None or not stores or (operation == "list" and ours.tasks != IN_MEMORY):
        return _NONE
    times = {name: compare(one.seconds, ours.seconds) for name, one in timings.items()}
    fastest = min(stores, key=lambda name: median(timings[name].seconds))
    floors = {f"the floor {name}": one for name, one in times.items() if name.startswith(FLOOR)}
    return _Figure(times[fastest], floors, f"The fastest is {fastest}.")


def _in_memory(operation: Operation) -> str:
    return f"{operation}{f' of 50 of {IN_MEMORY:,} tasks' if operation == 'list' else ''}, memory mode"
