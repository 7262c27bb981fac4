"""The report: everything that the page shows, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import TypeAdapter

from reports.claims import Behaviour, Claim, Identity, LatencyRange, Ratio, Tail, documented_ranges, load_claims
from reports.environment import Environment, describe_environment
from reports.findings import ClaimVerdict, Finding, judge_behaviour, judge_identity
from reports.floors import FloorCost, Place, gather_floors, gather_places
from reports.inputs import Benchmark, Conformance, Design, Mode, Operation
from reports.latency import Latency, gather_latencies
from reports.noise import Difference, Pair, gather_differences, gather_pairs
from reports.parity import (
    DESIGNS,
    Case,
    Comparison,
    Passes,
    Requirement,
    compare,
    count_passes,
    gather_cases,
    gather_requirements,
)
from reports.roundtrips import Distance, ProxyCost, RoundTrips, find_proxy_cost, gather_distances, gather_round_trips
from reports.timings import judge_latency, judge_ratio, judge_tail
from reports.verdicts import RULE


@dataclass(frozen=True)
class Row:
    """One claim with its findings. Its verdict is the one on the described design, or ours where there is none."""

    claim: Claim
    verdict: ClaimVerdict
    decided_on: Design | None
    findings: Mapping[Design, Finding]


@dataclass(frozen=True)
class Report:
    """What was proven and what was measured."""

    schema: Literal["taskstore-report/1"]
    breaches: tuple[str, ...]
    """What fails the gate."""
    comparisons: Mapping[Design, Comparison]
    passes: tuple[Passes, ...]
    claims: tuple[Row, ...]
    rule: tuple[str, ...]
    latencies: tuple[Latency, ...]
    floors: tuple[FloorCost, ...]
    places: tuple[Place, ...]
    pairs: tuple[Pair, ...]
    differences: tuple[Difference, ...]
    round_trips: tuple[RoundTrips, ...]
    distances: tuple[Distance, ...]
    proxy_cost: ProxyCost | None
    requirements: tuple[Requirement, ...]
    cases: Mapping[str, Case]
    environment: Environment

    def deciding(self, design: Design, mode: Mode, operation: Operation) -> list[Latency]:
        """Select the measurements that a documented latency is decided on."""
        return [
            row
            for row in self.latencies
            if row.decides and (row.design, row.mode, row.operation) == (design, mode, operation)
        ]

    @property
    def redis_places(self) -> tuple[str, ...]:
        """Name where the latencies of Redis mode are decided, for either design."""
        return tuple(dict.fromkeys(row.place for row in self.latencies if row.decides and row.mode == "redis"))

    @property
    def ping_ms(self) -> float | None:
        """A PING on the server that decides for our Redis mode."""
        subjects = {
            row.subject for row in self.latencies if row.decides and (row.design, row.mode) == ("ours", "redis")
        }
        return next((one.median_ms for one in self.floors if one.operation == "ping" and one.subject in subjects), None)

    @property
    def floor_ms(self) -> float | None:
        """An awaited no-op."""
        return next((one.median_ms for one in self.floors if one.operation == "noop"), None)

    def to_json(self) -> bytes:
        """Write the report as JSON: the same bytes for the same inputs."""
        return TypeAdapter(Report).dump_json(self, indent=2) + b"\n"


def make_report(conformance: Conformance, benchmark: Benchmark) -> Report:
    """Draw every conclusion from the two inputs."""
    cases = gather_cases(conformance.results)
    requirements = gather_requirements(conformance, cases)
    passes = count_passes(conformance, requirements)
    comparisons = {design: compare(design, cases) for design in DESIGNS}
    latencies = gather_latencies(benchmark, documented_ranges())
    pairs = gather_pairs(benchmark)

    def find(claim: Claim, design: Design) -> Finding:
        deciding = [row for row in latencies if row.design == design and row.decides]
        match claim:
            case Behaviour():
                return judge_behaviour(claim, design, passes, requirements, cases)
            case Identity():
                return judge_identity(comparisons[design], passes)
            case LatencyRange():
                return judge_latency(claim, deciding)
            case Ratio():
                return judge_ratio(claim, deciding)
            case Tail():
                return judge_tail(claim, deciding)

    return Report(
        schema="taskstore-report/1",
        breaches=find_breaches(passes, requirements, comparisons["ours"]),
        comparisons=comparisons,
        passes=passes,
        claims=tuple(_row(claim, {design: find(claim, design) for design in DESIGNS}) for claim in load_claims()),
        rule=RULE,
        latencies=latencies,
        floors=gather_floors(benchmark),
        places=gather_places(benchmark),
        pairs=pairs,
        differences=gather_differences(benchmark, latencies, pairs),
        round_trips=gather_round_trips(benchmark, documented_ranges()),
        distances=gather_distances(benchmark),
        proxy_cost=find_proxy_cost(benchmark),
        requirements=requirements,
        cases={case.id: case for case in cases},
        environment=describe_environment(conformance, benchmark),
    )


def find_breaches(
    passes: tuple[Passes, ...], requirements: tuple[Requirement, ...], ours: Comparison
) -> tuple[str, ...]:
    """Say what fails the gate: a MUST that failed or broke on a subject of ours, or modes that were not compared."""
    breaches = [] if ours.compared else ["no case was decided on both of our modes"]
    for subject in passes:
        if subject.subject.startswith("described-"):
            continue
        if subject.error is not None:
            breaches.append(f"{subject.subject} could not be set up: {' '.join(subject.error.split())}")
        broken = [
            f"{row.id} ({row.verdicts[subject.subject]})"
            for row in requirements
            if row.level == "MUST" and row.verdicts[subject.subject] in ("fail", "harness-error")
        ]
        if broken:
            breaches.append(f"{subject.subject} does not keep {len(broken)} MUST: {', '.join(broken)}")
    return tuple(breaches)


def _row(claim: Claim, findings: Mapping[Design, Finding]) -> Row:
    decided = next((design for design in DESIGNS if findings[design].verdict != "not-yet-checked"), None)
    return Row(claim, findings[decided].verdict if decided else "not-yet-checked", decided, findings)
