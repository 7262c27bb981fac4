"""The report: everything that the page shows, as data."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter

from conformance.mutants.document import MutantsDocument
from conformance.production.document import Production
from conformance.reading import read_file
from conformance.results.document import Results
from conformance.verify import document
from reports.build import Sameness, compare_builds, find_reason, studies_without_ours, without_ours
from reports.claims import (
    Behaviour,
    Claim,
    Identity,
    LatencyRange,
    Overhead,
    Ratio,
    Reading,
    Tail,
    documented_ranges,
    load_claims,
)
from reports.coverage import Coverage, ExpectedVerdict, gather_coverage, gather_expected
from reports.distributions import Distribution, gather_distributions
from reports.environment import Environment, describe_environment
from reports.findings import ORDER, ClaimVerdict, Finding, judge_behaviour, judge_identity
from reports.floors import FloorCost, Place, gather_floors, gather_places
from reports.goals import Goal, gather_goals
from reports.inputs import Benchmark, Design, Mode, Operation
from reports.latency import Latency, gather_latencies
from reports.mutants import Mutants, gather_mutants
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
from reports.studies import Studies, StudiesInput, gather_studies
from reports.timings import judge_latency, judge_overhead, judge_ratio, judge_tail
from reports.verdicts import RULE
from reports.verification import Verification, gather_verification

MOMENTS = 60
"""Of a picture of waits."""


@dataclass(frozen=True)
class Row:
    """One claim with its findings. Its verdict is the one on the described design, or ours where there is none."""

    claim: Claim
    verdict: ClaimVerdict
    decided_on: Design | None
    findings: Mapping[Design, Finding]


@dataclass(frozen=True)
class Report:
    """What was verified and what was measured."""

    schema: Literal["taskstore-report/1"]
    breaches: tuple[str, ...]
    """What fails the gate."""
    withheld: str | None
    """Why no latency of ours is here; None if they are."""
    studies_withheld: str | None
    """The same of the studies."""
    comparisons: Mapping[Design, Comparison]
    passes: tuple[Passes, ...]
    claims: tuple[Row, ...]
    rule: tuple[str, ...]
    latencies: tuple[Latency, ...]
    distributions: tuple[Distribution, ...]
    floors: tuple[FloorCost, ...]
    places: tuple[Place, ...]
    pairs: tuple[Pair, ...]
    differences: tuple[Difference, ...]
    round_trips: tuple[RoundTrips, ...]
    distances: tuple[Distance, ...]
    proxy_cost: ProxyCost | None
    requirements: tuple[Requirement, ...]
    cases: Mapping[str, Case]
    coverage: tuple[Coverage, ...]
    expected: tuple[ExpectedVerdict, ...]
    environment: Environment
    goals: tuple[Goal, ...]
    """Empty unless they were asked for: they say nothing of the machine of somebody else."""
    studies: Studies | None
    verification: Verification | None
    mutants: Mutants | None
    """None where the file was not there."""
    production: Production | None = None
    production_build: Sameness = "unknown"

    def deciding(self, design: Design, mode: Mode, operation: Operation) -> list[Latency]:
        """Select the measurements that a documented latency is decided on."""
        return [
            row
            for row in self.latencies
            if row.decides and (row.design, row.mode, row.operation) == (design, mode, operation)
        ]

    @property
    def statements(self) -> tuple[Row, ...]:
        """Select the claims that are statements of the document."""
        return tuple(row for row in self.claims if not isinstance(row.claim, Reading))

    @property
    def readings(self) -> tuple[Row, ...]:
        """Select our readings of vague sentences."""
        return tuple(row for row in self.claims if isinstance(row.claim, Reading))

    @property
    def verdicts(self) -> tuple[tuple[str, ClaimVerdict], ...]:
        """Give the verdict on each statement by its number."""
        return tuple((row.claim.id, row.verdict) for row in self.statements)

    @property
    def tally(self) -> Mapping[ClaimVerdict, int]:
        """Count the statements with each verdict that there is."""
        counts = Counter(row.verdict for row in self.statements)
        return {verdict: counts[verdict] for verdict in ORDER if counts[verdict]}

    @property
    def subjects_of_ours(self) -> tuple[str, ...]:
        """Name the subjects that the gate is about."""
        return tuple(one.subject for one in self.passes if not one.subject.startswith("described-"))

    def count_musts(self, subject: str) -> tuple[int, int]:
        """Count the MUSTs that a subject keeps, and those that apply to it."""
        musts = next(one.musts for one in self.passes if one.subject == subject)
        return musts["pass"], sum(musts.values()) - musts["not-applicable"]

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
        """Write the report as JSON, a line for each part: the same bytes for the same inputs."""
        parts = ADAPTER.dump_python(self, mode="json")
        lines = (f"{json.dumps(name)}: {json.dumps(part, ensure_ascii=False)}" for name, part in parts.items())
        return ("{\n" + ",\n".join(lines) + "\n}\n").encode()


ADAPTER = TypeAdapter(Report)
"""Writes a report as JSON, reads it back, and knows its schema."""


def read_report(path: Path) -> Report:
    """Read a report that was written before.

    Raises:
        FileError: naming the file and its first fault.
    """
    return read_file(path, ADAPTER.validate_json, "a report")


def make_report(
    conformance: Results,
    benchmark: Benchmark,
    studies: StudiesInput | None = None,
    verification: document.Verification | None = None,
    mutants: MutantsDocument | None = None,
    topologies: Results | None = None,
    production: Production | None = None,
    *,
    goals: bool = False,
) -> Report:
    """Draw every conclusion from the inputs. Latencies of ours are left out where their build is not known to pass.

    `topologies` has a few cases on further subjects, which decide claims and are counted nowhere else. `goals` holds
    our store to what this project wants of it, on the machine of its CI.
    """
    cases = gather_cases(conformance.results)
    requirements = gather_requirements(conformance, cases)
    passes = count_passes(conformance, requirements)
    comparisons = {design: compare(design, cases) for design in DESIGNS}
    breaches = find_breaches(passes, requirements, comparisons["ours"])
    checked = conformance.suite.fingerprint
    withheld = find_reason("measurements", compare_builds(checked, benchmark.fingerprint), breaches)
    if withheld:
        benchmark = without_ours(benchmark)
    studied = compare_builds(checked, studies.environment.get("fingerprint")) if studies else "same"
    studies_withheld = find_reason("studies", studied, breaches) if studies else None
    if studies and studies_withheld:
        studies = studies_without_ours(studies)
    latencies = gather_latencies(benchmark, documented_ranges())
    pairs = gather_pairs(benchmark)
    gathered = gather_studies(studies) if studies else None

    everywhere = _join(conformance, topologies)
    all_cases = gather_cases(everywhere.results)
    all_requirements = gather_requirements(everywhere, all_cases)
    all_passes = count_passes(everywhere, all_requirements)

    def find(claim: Claim, design: Design) -> Finding:
        deciding = [row for row in latencies if row.design == design and row.decides]
        match claim:
            case Behaviour():
                return judge_behaviour(claim, design, all_passes, all_requirements, all_cases)
            case Identity():
                return judge_identity(comparisons[design], passes)
            case LatencyRange():
                return judge_latency(claim, deciding)
            case Ratio():
                return judge_ratio(claim, deciding)
            case Overhead():
                return judge_overhead(claim, deciding)
            case Tail():
                return judge_tail(claim, deciding)

    return Report(
        schema="taskstore-report/1",
        breaches=breaches,
        withheld=withheld,
        studies_withheld=studies_withheld,
        comparisons=comparisons,
        passes=passes,
        claims=tuple(_row(claim, {design: find(claim, design) for design in DESIGNS}) for claim in load_claims()),
        rule=RULE,
        latencies=latencies,
        distributions=gather_distributions(benchmark, latencies),
        floors=gather_floors(benchmark),
        places=gather_places(benchmark),
        pairs=pairs,
        differences=gather_differences(benchmark, latencies, pairs),
        round_trips=gather_round_trips(benchmark, documented_ranges()),
        distances=gather_distances(benchmark),
        proxy_cost=find_proxy_cost(benchmark),
        requirements=requirements,
        cases={case.id: case for case in all_cases},
        coverage=gather_coverage(conformance),
        expected=gather_expected(conformance),
        environment=describe_environment(conformance, benchmark),
        goals=gather_goals(benchmark, gathered) if goals else (),
        studies=_coarsen(gathered) if gathered else None,
        verification=gather_verification(verification, checked) if verification else None,
        mutants=gather_mutants(mutants, checked) if mutants else None,
        production=production,
        production_build=compare_builds(checked, production.fingerprint) if production else "unknown",
    )


def _join(conformance: Results, further: Results | None) -> Results:
    """Add the subjects of a second file, if it is of the same build."""
    if further is None or further.suite.fingerprint != conformance.suite.fingerprint:
        return conformance
    known = {subject.name for subject in conformance.subjects}
    subjects = (*conformance.subjects, *(one for one in further.subjects if one.name not in known))
    results = (*conformance.results, *(one for one in further.results if one.subject not in known))
    return conformance.model_copy(update={"subjects": subjects, "results": results})


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


def _coarsen(studies: Studies) -> Studies:
    """Keep the longest waits of fewer moments, so that the file stays small. No longest wait is lost."""
    removals = tuple(
        replace(one, longest={kind: _keep_longest(waits) for kind, waits in one.longest.items()})
        for one in studies.removals
    )
    return replace(studies, removals=removals)


def _keep_longest(waits: Sequence[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    size = -(-len(waits) // MOMENTS) or 1
    groups = (waits[start : start + size] for start in range(0, len(waits), size))
    return tuple((group[0][0], max(wait for _, wait in group)) for group in groups)


def _row(claim: Claim, findings: Mapping[Design, Finding]) -> Row:
    decided = next((design for design in DESIGNS if findings[design].verdict != "not-yet-checked"), None)
    return Row(claim, findings[decided].verdict if decided else "not-yet-checked", decided, findings)
