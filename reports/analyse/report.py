"""The report: everything that the page shows, as data."""

from __future__ import annotations

import json
import textwrap
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter

from benchmarks.document import Benchmark, Design
from benchmarks.studies.document import Studies
from conformance.files import read_file
from conformance.measure import claims as form
from conformance.measure.claims import Behaviour, Claim, Claims, Identity, Overhead, Ratio, Reading, Tail
from conformance.measure.estimate import estimate
from conformance.results.document import Result, Results
from reports.analyse.findings import (
    ORDER,
    ClaimVerdict,
    Finding,
    judge_behaviour,
    judge_identity,
    judge_latency,
    judge_overhead,
    judge_ratio,
    judge_tail,
)
from reports.analyse.latency import Latency, gather_latencies
from reports.analyse.parity import (
    DESIGNS,
    NOT_RUN,
    Case,
    Comparison,
    Passes,
    Requirement,
    compare,
    count_passes,
    gather_cases,
    gather_requirements,
)
from reports.analyse.peers import Peer, gather_peers
from reports.analyse.provenance import (
    Environment,
    describe_environment,
    find_reason,
    studies_without_ours,
    without_ours,
)

COMPACT = (",", ":")
RULE: tuple[str, ...] = tuple(
    " ".join(paragraph.split()) for paragraph in files("reports").joinpath("RULE.md").read_text("utf-8").split("\n\n")
)
"""How a latency gets its verdict, a text per paragraph."""


@dataclass(frozen=True)
class Row:
    """One claim with its findings. Its verdict is the one on the documented design, or ours where there is none."""

    claim: Claim
    verdict: ClaimVerdict
    decided_on: Design | None
    findings: Mapping[Design, Finding]


@dataclass(frozen=True)
class LatencyAnswer:
    """How many documented latencies have a verdict, of how many, and by how many times they are off."""

    verdict: ClaimVerdict
    count: int
    of: int
    least: float | None
    most: float | None


@dataclass(frozen=True)
class Report:
    """What was verified and what was measured."""

    schema: Literal["taskstore-report/4"]
    breaches: tuple[str, ...]
    """What fails the gate."""
    withheld: str | None
    """Why no latency of ours is here; None if they are."""
    studies_withheld: str | None
    """The same of the studies."""
    comparisons: Mapping[Design, Comparison]
    passes: tuple[Passes, ...]
    document: form.About
    """The document that makes the claims."""
    claims: tuple[Row, ...]
    latencies: tuple[Latency, ...]
    ping_ms: float | None
    """A PING on the server that decides for our Redis mode."""
    requirements: tuple[Requirement, ...]
    cases: Mapping[str, Case]
    expected: tuple[Result, ...]
    """Verdicts that do not count against the run."""
    environment: Environment
    studies: Studies | None
    """None where the file was not there."""

    @property
    def latency_answers(self) -> tuple[LatencyAnswer, ...]:
        """Say how many of the documented latencies came out how on the documented design; empty if none was decided."""
        rows = [row for row in self.claims if isinstance(row.claim, form.Latency)]
        counts = Counter(row.findings["documented"].verdict for row in rows)
        factors: dict[ClaimVerdict, list[float]] = {}
        for row in rows:
            verdict = row.findings["documented"].verdict
            if isinstance(claim := row.claim, form.Latency) and verdict in ("faster", "slower"):
                measured = self.deciding("documented", claim.mode, claim.operation)
                factors.setdefault(verdict, []).extend(one.factor for one in measured if one.factor)
        return tuple(
            LatencyAnswer(verdict, counts[verdict], len(rows), min(found, default=None), max(found, default=None))
            for verdict in ORDER
            if counts[verdict] and counts["not-yet-checked"] < len(rows)
            for found in [factors.get(verdict, [])]
        )

    @property
    def peers(self) -> tuple[Peer, ...]:
        """Other stores on the same payload."""
        return gather_peers(self.studies)

    def deciding(self, design: Design, mode: str, operation: str) -> list[Latency]:
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
    def tally(self) -> Mapping[ClaimVerdict, int]:
        """Count the statements with each verdict that there is."""
        counts = Counter(row.verdict for row in self.statements)
        return {verdict: counts[verdict] for verdict in ORDER if counts[verdict]}

    def count_musts(self, subject: str) -> tuple[int, int]:
        """Count the MUSTs that a subject keeps, and those that apply to it."""
        musts = next(one.musts for one in self.passes if one.subject == subject)
        return musts["pass"], sum(musts.values()) - musts["not-applicable"]

    @property
    def redis_places(self) -> tuple[str, ...]:
        """Name where the latencies of Redis mode are decided, for either design."""
        return tuple(dict.fromkeys(row.place for row in self.latencies if row.decides and row.mode == "redis"))

    def to_json(self) -> bytes:
        """Write the report as JSON, a line for each part: the same bytes for the same inputs."""
        parts = ADAPTER.dump_python(self, mode="json", by_alias=True)
        lines = (
            f"{json.dumps(name)}: {json.dumps(part, ensure_ascii=False, separators=COMPACT)}"
            for name, part in parts.items()
        )
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
    claims: Claims,
    conformance: Results,
    benchmark: Benchmark,
    studies: Studies | None = None,
) -> Report:
    """Draw every conclusion from the inputs. Latencies of ours are left out where their build is not known to pass."""
    cases = gather_cases(conformance.results)
    requirements = gather_requirements(conformance, cases)
    passes = count_passes(conformance, requirements)
    comparisons = {design: compare(design, cases) for design in DESIGNS}
    breaches = find_breaches(passes, requirements, {case.id: case for case in cases}, comparisons["ours"])
    checked = conformance.suite.fingerprint
    withheld = find_reason("measurements", checked, benchmark.fingerprint, breaches)
    benchmark = without_ours(benchmark) if withheld else benchmark
    studies, studies_withheld = _withhold(studies, checked, breaches)
    ranges = {(one.mode, one.operation): one for one in claims.claim if isinstance(one, form.Latency)}
    latencies = gather_latencies(benchmark, ranges)

    def find(claim: Claim, design: Design) -> Finding:  # noqa: PLR0911  one for each kind
        deciding = [row for row in latencies if row.design == design and row.decides]
        match claim:
            case Behaviour():
                return judge_behaviour(claim, design, passes, requirements, cases)
            case Identity():
                return judge_identity(comparisons[design], passes)
            case form.Latency():
                return judge_latency(claim, deciding)
            case Ratio():
                return judge_ratio(ranges, deciding)
            case Overhead():
                return judge_overhead(claim, ranges, deciding)
            case Tail():
                return judge_tail(claim, deciding)
            case form.Throughput():
                return Finding("not-yet-checked", notes=("`conformance measure` decides it",))

    return Report(
        schema="taskstore-report/4",
        breaches=breaches,
        withheld=withheld,
        studies_withheld=studies_withheld,
        comparisons=comparisons,
        passes=passes,
        document=claims.document,
        claims=tuple(_row(claim, {design: find(claim, design) for design in DESIGNS}) for claim in claims.claim),
        latencies=latencies,
        ping_ms=_find_ping(benchmark, latencies),
        requirements=requirements,
        cases={case.id: case for case in cases},
        expected=tuple(one for one in conformance.results if one.expected is not None),
        environment=describe_environment(conformance, benchmark),
        studies=studies,
    )


def find_breaches(
    passes: tuple[Passes, ...], requirements: tuple[Requirement, ...], cases: Mapping[str, Case], ours: Comparison
) -> tuple[str, ...]:
    """Say what fails the gate: a MUST that failed or broke on a subject of ours, or modes that were not compared.

    The cases that decided it follow, with their reasons: the log may be all that is left of a run.
    """
    breaches = [] if ours.compared else ["no case was decided on both of our modes"]
    for subject in passes:
        if subject.subject.startswith("documented-"):
            continue
        if subject.error is not None:
            breaches.append(f"{subject.subject} could not be set up: {' '.join(subject.error.split())}")
        broken = [
            row
            for row in requirements
            if row.level == "MUST" and row.verdicts[subject.subject] in ("fail", "harness-error")
        ]
        if broken:
            named = ", ".join(f"{row.id} ({row.verdicts[subject.subject]})" for row in broken)
            breaches.append(f"{subject.subject} does not keep {len(broken)} MUST: {named}")
        for name in dict.fromkeys(name for row in broken for name in row.cases):
            outcome = cases[name].outcomes.get(subject.subject, NOT_RUN)
            if outcome.verdict in ("fail", "harness-error"):
                said = textwrap.shorten(outcome.reason, 300, placeholder=" …")
                breaches.append(f"{name} [{subject.subject}]: {said}")
    return tuple(breaches)


def _withhold(
    studies: Studies | None, checked: str | None, breaches: tuple[str, ...]
) -> tuple[Studies | None, str | None]:
    if studies is None:
        return None, None
    reason = find_reason("studies", checked, studies.environment.get("fingerprint"), breaches)
    return (studies_without_ours(studies) if reason else studies), reason


def _find_ping(benchmark: Benchmark, latencies: tuple[Latency, ...]) -> float | None:
    """Find the milliseconds of a PING on the server that decides for our Redis mode."""
    deciding = {row.subject for row in latencies if row.decides and (row.design, row.mode) == ("ours", "redis")}
    for row in benchmark.benchmarks:
        if row.extra_info.operation == "ping" and row.extra_info.subject in deciding:
            found = estimate(row.medians())
            return found.value if found else None
    return None


def _row(claim: Claim, findings: Mapping[Design, Finding]) -> Row:
    decided = next((design for design in DESIGNS if findings[design].verdict != "not-yet-checked"), None)
    return Row(claim, findings[decided].verdict if decided else "not-yet-checked", decided, findings)
