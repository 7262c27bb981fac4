"""From which distance to which a documented figure of Redis mode holds.

The distance is what a PING takes through the store's own client. In each process the time of an operation is taken for
a straight line between two measured distances; where this line enters and leaves the documented range, which is widened
by the margin of `reports/RULE.md`, is the value of that process. An estimate is drawn from these as everywhere.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from benchmarks.document import Design
from benchmarks.studies.document import DISTANT_TASKS, Series, Studies
from conformance.measure.claims import Latency
from conformance.measure.estimate import Estimate, LatencyVerdict, estimate, judge, widened
from reports.analyse.parity import DESIGNS

Answer = LatencyVerdict | Literal["holds"]
Line = Sequence[tuple[float, float]]
"""Of one process: what a PING took at each distance, and what the operation took there."""


@dataclass(frozen=True)
class Point:
    """An operation at one distance. Times are milliseconds."""

    added: float
    """What the proxy was asked to add to a round trip."""
    ping: Estimate
    ms: Estimate
    verdict: LatencyVerdict


@dataclass(frozen=True)
class Reach:
    """A documented figure at all distances. Times are milliseconds."""

    claim: str
    design: Design
    operation: str
    tasks: int
    low_ms: float
    high_ms: float
    points: tuple[Point, ...]
    answer: Answer
    """`slower`: too slow at the nearest distance already. `faster`: too fast at the farthest still.

    `inconclusive`: so it seems, and the interval there does not say so, or there is none.
    """
    nearest: Estimate | None
    """The PING from which it holds; None: from the nearest that was measured."""
    farthest: Estimate | None
    """The PING up to which it holds; None: beyond the farthest that was measured."""


def gather_reaches(studies: Studies | None, claims: Sequence[Latency]) -> tuple[Reach, ...]:
    """Say of each documented figure of Redis mode where it holds, for each design that was measured."""
    reaches: list[Reach] = []
    if studies is None:
        return ()
    for claim in claims:
        for what, tasks in DISTANT_TASKS.items():
            for design in DESIGNS:
                is_about = claim.mode == "redis" and claim.operation == what.split()[0]
                measured = [*_with_pings(studies, studies.select("distance", backend=design, what=what))]
                if is_about and measured:
                    reaches.append(_reach(claim, design, tasks, measured))
    return tuple(reaches)


def _with_pings(studies: Studies, measured: Sequence[Series]) -> Iterator[tuple[Series, Series]]:
    """Put the PING at the same distance before each series, from near to far."""
    for series in sorted(measured, key=lambda series: series.at):
        ping = studies.find("distance", backend=series.backend, what="ping", at=series.at)
        if ping:
            yield ping, series


def _reach(claim: Latency, design: Design, tasks: int, measured: Sequence[tuple[Series, Series]]) -> Reach:
    points = tuple(_point(claim, ping, series) for ping, series in measured)
    # Few processes time a long listing, and these are the first of those that time a PING.
    distances = [zip(_ms(ping), _ms(series), strict=False) for ping, series in measured]
    lines: list[Line] = [*zip(*distances, strict=True)]
    least, most = widened(*claim.range_ms)
    first, last = points[0].ms.value, points[-1].ms.value
    answer: Answer = "holds"
    nearest = farthest = None
    if first > most:
        answer = points[0].verdict
    elif last < least:
        answer = points[-1].verdict
    else:
        if first < least:
            nearest = estimate([_crossing(line, least) for line in lines])
        if last > most:
            farthest = estimate([_crossing(line, most) for line in lines])
    return Reach(
        claim=claim.id,
        design=design,
        operation=claim.operation,
        tasks=tasks,
        low_ms=claim.range_ms[0],
        high_ms=claim.range_ms[1],
        points=points,
        answer=answer,
        nearest=nearest,
        farthest=farthest,
    )


def _point(claim: Latency, ping: Series, series: Series) -> Point:
    found = estimate(_ms(series))
    verdict = judge(found.interval, *claim.range_ms)
    return Point(series.at, estimate(_ms(ping)), found, verdict)


def _ms(series: Series) -> list[float]:
    return [seconds * 1e3 for seconds in series.figures["seconds"]]


def _crossing(line: Line, height: float) -> float:
    """Find the PING at which an operation first takes this long; an end of the line if it is nowhere between."""
    if line[0][1] >= height:
        return line[0][0]
    for (ping, taken), (farther_ping, farther_taken) in pairwise(line):
        if farther_taken >= height:
            share = (height - taken) / (farther_taken - taken)
            return ping + share * (farther_ping - ping)
    return line[-1][0]
