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
from typing import Literal, Protocol

from benchmarks.document import Benchmark, Design, Mode, Operation
from benchmarks.studies.document import COMES, FLOORS, GLIDE, ON_UVLOOP, PLAIN, Name, Series, Studies
from conformance.measure.estimate import Estimate, compare, estimate, ratios
from reports import figures
from reports.analyse.growth import gather_curves
from reports.analyse.latency import operations

Relation = Literal["exactly", "at most", "below", "at least", "above"]
GoalVerdict = Literal["met", "missed", "undecided", "not-measured"]

KEEPS: Mapping[Relation, Callable[[float, float], bool]] = {
    "exactly": operator.eq,
    "at most": operator.le,
    "below": operator.lt,
    "at least": operator.ge,
    "above": operator.gt,
}
REQUESTS = 1.0
PINGS = {"get": 1.2, "create": 1.6, "update": 1.5, "cancel": 1.5}
PINGS_OF_LIST = 4.0
LISTED: Mapping[str, tuple[int, ...]] = {
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


class Find(Protocol):
    """Finds what a study measured."""

    def __call__(self, study: Name, **of: object) -> Series | None: ...  # noqa: D102


def gather_goals(benchmark: Benchmark, studies: Studies | None) -> tuple[Goal, ...]:
    """Hold every figure to its goal; what was not measured has its place too."""
    find: Find = studies.find if studies else lambda *_, **__: None
    return (
        *_goals_of_calls(find),
        *_goals_of_listings(benchmark, studies, find),
        *_goals_of_load(find),
        *_goals_of_memory_mode(benchmark, find),
        *_goals_of_weight(studies),
        _hold("import of taskstore, beyond `import pydantic`", "at most", IMPORT_MS, "ms", _import(find)),
        *_goals_of_waits(find),
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


def _goals_of_calls(find: Find) -> Iterator[Goal]:
    for operation in ("create", "get", "list", "update", "cancel"):
        counted = find("calls", subject="ours", what=operation)
        requests = counted.figures["requests"][0] if counted and "requests" in counted.figures else None
        yield _hold(f"requests of one {operation}, Redis mode", "exactly", REQUESTS, "", _Figure(requests))
    for operation, limit in PINGS.items():
        timed = find("calls", subject="ours", what=operation)
        on_uvloop = find("calls", subject="ours", what=operation + ON_UVLOOP)
        figure = _NONE
        if timed and timed.estimate():
            beside = {OWN_PING: timed.times("own ping"), UVLOOP: on_uvloop.times("ping") if on_uvloop else None}
            figure = _Figure(timed.times("ping"), beside)
        yield _hold(f"{operation}, awaited", "at most", limit, "× PING", figure)


def _goals_of_listings(benchmark: Benchmark, studies: Studies | None, find: Find) -> Iterator[Goal]:
    for page, numbers in LISTED.items():
        for tasks in numbers:
            point = find("growth", subject="ours", mode="redis", what=page, at=tasks)
            figure = _Figure(point.times("ping"), {OWN_PING: point.times("own ping")}) if point else _NONE
            yield _hold(f"{page} page of 50, of {tasks:,} tasks", "at most", PINGS_OF_LIST, "× PING", figure)
    curves = {
        curve.page: curve
        for curve in gather_curves(studies)
        if (curve.design, curve.mode) == ("ours", "redis") and curve.exponent is not None
    }
    for page in LISTED:
        figure = _NONE
        if curve := curves.get(page):
            remark = f"From {curve.points[0].at:,g} to {curve.points[-1].at:,g} tasks."
            figure = _Figure(Estimate(curve.exponent or 0.0, curve.interval, len(curve.points)), remark=remark)
        yield _hold(f"growth exponent of a {page} page", "below", EXPONENT, "", figure)
    documented, ours = (
        _find_medians(benchmark, design, "redis", "list", COMPARED) for design in ("documented", "ours")
    )
    faster = estimate(ratios(documented, ours)) if documented and ours else None
    name = f"page of 50, of {COMPARED:,} tasks, against the documented design, Redis mode"
    yield _hold(name, "at least", TIMES_FASTER, "× as fast", _Figure(faster))


def _goals_of_load(find: Find) -> Iterator[Goal]:
    for operation, callers in product(("get", "update"), CALLERS):
        ours, plain, glide = (
            one.figures["rate"] if (one := find("load", subject=subject, what=operation, at=callers)) else ()
            for subject in ("ours", PLAIN, GLIDE)
        )
        name = f"{operation} by {callers} callers, beside redis-py alone: calls per second"
        figure = _NONE
        if ours and plain and all(plain):
            times = median(ours) / median(glide) if glide and all(glide) else None
            figure = _Figure(compare(ours, plain), {"× valkey-glide alone": times})
        yield _hold(name, "at least", TIMES_PLAIN, "× redis-py", figure)
    for operation in ("get", "update"):
        theirs, mine = (find("load", subject=subject, what=operation + COMES, at=HALF) for subject in (PLAIN, "ours"))
        figure = _NONE
        if mine and theirs and not (mine.saturated or theirs.saturated) and mine.estimate("p99"):
            waits, late = mine.figures["p99"], median(mine.figures["late p99"])
            beside = {"lateness of the generator, as a share of our p99": late / median(waits)}
            figure = _Figure(compare(waits, theirs.figures["p99"]), beside)
        name = f"{operation} that comes at half of what {MANY} callers get through: p99, redis-py at half of its own"
        yield _hold(name, "at most", 1.0, "× redis-py", figure)


def _goals_of_memory_mode(benchmark: Benchmark, find: Find) -> Iterator[Goal]:
    for operation in MICROSECONDS:
        name = f"{_in_memory(operation)}, beside the fastest that isolates its values"
        yield _hold(name, "above", 1.0, "× as fast", _find_times_fastest(find, operation))
    for operation, limit in MICROSECONDS.items():
        if operation == "list":
            point = find("growth", subject="ours", mode="memory", what="first", at=IN_MEMORY)
            us = point.estimate(scale=1e6) if point else None
        else:
            us = estimate(ms and ms * 1000 for ms in _find_medians(benchmark, "ours", "memory", operation))
        yield _hold(_in_memory(operation), "at most", limit, "µs", _Figure(us, remark=ELSEWHERE))


def _goals_of_weight(studies: Studies | None) -> Iterator[Goal]:
    for mode, limit in BYTES.items():
        ours = studies.select("memory", subject="ours", mode=mode) if studies else ()
        most = {one.what: one for one in ours}  # they are sorted by the number of tasks
        task, metadata = most.get("task"), most.get("metadata")
        figure = _NONE
        if task:
            beside = {"if its metadata alone are 400 bytes": metadata.figures["bytes"][0] if metadata else None}
            figure = _Figure(task.figures["bytes"][0], beside, f"Of {task.at:,g} tasks.")
        yield _hold(f"a task of 400 bytes of JSON, {mode} mode", "at most", limit, "bytes", figure)


def _import(find: Find) -> _Figure:
    """Find how long the import takes beyond that of pydantic, pair by pair."""
    started = find("start")
    if started is None:
        return _NONE
    pairs = zip(started.figures["seconds"], started.figures["pydantic"], strict=True)
    return _Figure(estimate((both - alone) * 1e3 for both, alone in pairs), remark=LAZY)


def _goals_of_waits(find: Find) -> Iterator[Goal]:
    plain = find("expiry", what="plain keys, nobody sweeps", at=EXPIRED)
    waits = (
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
        if one := find("expiry", what=what, at=EXPIRED):
            ms = [wait * 1e3 for wait in one.figures["wait"]]
            beside = {
                "while Redis alone removes as many plain keys": median(plain.figures["wait"]) * 1e3 if plain else None,
                "when nothing goes on": median(one.figures["quiet"]) * 1e3,
                took: median(one.figures["seconds"]) * 1e3,
            }
            if len(ms) >= EVENTS:
                remark, interval = f"Median, least and most of {len(ms)} events.", (min(ms), max(ms))
            else:
                remark, interval = f"Fewer than {EVENTS} events decide nothing.", None
            figure = _Figure(Estimate(median(ms), interval, len(ms)), beside, remark)
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
            for info, row in operations(benchmark)
            if (info.design, info.transport, info.operation) == (design, way, operation) and tasks in (None, info.tasks)
        ),
        [],
    )


def _find_times_fastest(find: Find, operation: Operation) -> _Figure:
    """Compare with the peers that isolate their values: of those that are measured only the floors do."""

    def seconds(subject: str) -> tuple[float, ...]:
        of = {"at": IN_MEMORY} if operation == "list" else {}
        one = find("peers", subject=subject, mode="memory", what=operation, **of)
        return one.figures["seconds"] if one else ()

    floors = {name: taken for name in FLOORS if (taken := seconds(name))}
    if not floors or not (ours := seconds("ours")):
        return _NONE
    fastest = min(floors, key=lambda name: median(floors[name]))
    beside = {name: compare(taken, ours) for name, taken in floors.items() if name != fastest}
    return _Figure(compare(floors[fastest], ours), beside, f"The fastest is {fastest}: a floor, and no store.")


def _in_memory(operation: Operation) -> str:
    return f"{operation}{f' of 50 of {IN_MEMORY:,} tasks' if operation == 'list' else ''}, memory mode"
