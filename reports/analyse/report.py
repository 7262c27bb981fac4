"""The report: everything that the page shows, as data."""

from __future__ import annotations

import json
import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter

from benchmarks.document import Benchmark, Design, OperationInfo
from benchmarks.studies.document import Studies
from conformance.files import read_file
from conformance.measure import claims as form
from conformance.measure.claims import Behaviour, Claim, Claims, Identity, Overhead, Ratio, Reading, Tail
from conformance.measure.estimate import estimate
from conformance.results.document import AboutSubject, Level, Results, Verdict
from reports.analyse.application import Application
from reports.analyse.distance import Reach, gather_reaches
from reports.analyse.environment import describe_environment
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
from reports.analyse.latency import Latency, Ranges, gather_latencies
from reports.analyse.parity import (
    DESIGNS,
    STORES,
    Answer,
    Case,
    Comparison,
    Requirement,
    gather_cases,
    gather_requirements,
    without_paths,
)
from statements.document import StatementResults

COMPACT = (",", ":")
UNFINISHED = "the suite did not run to its end"
OTHER_BUILD = "the statements were not checked on the build that the suite checked"
NO_CONTAINER = "a Docker engine answers but started no container, so Redis mode is decided on the private server"


@dataclass(frozen=True)
class Row:
    """One claim with its findings. Its verdict is the one on the documented design; the others show what became of it.

    There is a finding for each design, and one for the application where it was run.
    """

    claim: Claim | Reading
    verdict: ClaimVerdict
    findings: Mapping[Design, Finding]


@dataclass(frozen=True)
class LatencyAnswer:
    """How many documented latencies have a verdict, and the measurements that each of them was decided on."""

    verdict: ClaimVerdict
    measured: tuple[Sequence[Latency], ...]


@dataclass(frozen=True)
class Report:
    """What was verified and what was measured."""

    schema: Literal["taskstore-report/7"]
    checked: datetime
    incomplete: tuple[str, ...]
    """Which runs did not reach their end."""
    breaches: tuple[str, ...]
    """What fails the gate."""
    withheld: str
    """Why no latency of ours is here; empty if they are."""
    document: form.About
    """The document that makes the claims."""
    comparisons: Mapping[Design, Comparison]
    claims: tuple[Row, ...]
    """The statements of the document."""
    readings: tuple[Row, ...]
    """What goes further than its words, and is our reading: never counted among the statements."""
    latencies: tuple[Latency, ...]
    ping_ms: float | None
    """A PING on the server that decides for our Redis mode."""
    subjects: tuple[AboutSubject, ...]
    requirements: tuple[Requirement, ...]
    cases: Mapping[str, Case]
    environment: Mapping[str, str]
    studies: Studies | None
    """None where the file was not there."""
    application: Application | None = None
    """What came out on the application itself, in a run of its own; None where there is no such result."""
    application_latencies: tuple[Latency, ...] = ()

    @property
    def latency_answers(self) -> tuple[LatencyAnswer, ...]:
        """Say how many of the documented latencies came out how on the documented design."""
        found: dict[ClaimVerdict, list[Sequence[Latency]]] = {}
        for row in self.claims:
            if isinstance(claim := row.claim, form.Latency):
                measured = self.deciding("documented", claim.mode, claim.operation)
                found.setdefault(row.findings["documented"].verdict, []).append(measured)
        return tuple(LatencyAnswer(verdict, (*found[verdict],)) for verdict in ORDER if verdict in found)

    @property
    def latencies_right(self) -> Answer:
        """Answer whether the documented latencies are right: no if one is not, yes if all are."""
        found = {one.verdict for one in self.latency_answers}
        if found & {"faster", "slower", "under-specified"}:
            return "no"
        return "yes" if found == {"confirmed"} else "not-checked"

    def deciding(self, design: Design, mode: str, operation: str) -> list[Latency]:
        """Select the measurements that a documented latency is decided on."""
        return [
            row
            for row in (*self.latencies, *self.application_latencies)
            if row.decides and (row.design, row.mode, row.operation) == (design, mode, operation)
        ]

    @property
    def reaches(self) -> tuple[Reach, ...]:
        """Say from which distance to which each documented figure of Redis mode holds."""
        return gather_reaches(self.studies, [row.claim for row in self.claims if isinstance(row.claim, form.Latency)])

    @property
    def tally(self) -> Mapping[ClaimVerdict, int]:
        """Count the statements of the document with each verdict that there is."""
        counts = Counter(row.verdict for row in self.claims)
        return {verdict: counts[verdict] for verdict in ORDER if counts[verdict]}

    def count(self, subject: str, level: Level | None = None) -> Counter[Verdict]:
        """Count how many requirements, or those of a level, stand how on a subject."""
        return Counter(row.verdicts[subject] for row in self.requirements if level in (None, row.level))

    @property
    def redis_places(self) -> tuple[tuple[str, str], ...]:
        """Name the servers on which the latencies of Redis mode are decided, for either design, and the ways there."""
        deciding = [row for row in self.latencies if row.decides and row.mode == "redis"]
        return tuple(dict.fromkeys((row.server, row.transport) for row in deciding))

    def to_json(self) -> bytes:
        """Write the report as JSON, a line for each part: the same bytes for the same inputs."""
        parts = ADAPTER.dump_python(self, mode="json", by_alias=True)
        lines = (
            f"{json.dumps(name)}: {json.dumps(part, ensure_ascii=False, separators=COMPACT)}"
            for name, part in parts.items()
        )
        return ("{\n" + ",\n".join(lines) + "\n}\n").encode()


ADAPTER = TypeAdapter(Report)
"""Writes a report as JSON, and reads it back."""


def read_report(path: Path) -> Report:
    """Read a report that was written before.

    Raises:
        FileError: naming the file and its first fault.
    """
    return read_file(path, ADAPTER.validate_json, "a report")


def make_report(
    claims: Claims,
    conformance: Results,
    comparisons: Mapping[Design, Comparison],
    benchmark: Benchmark,
    statements: StatementResults,
    *,
    studies: Studies | None = None,
    application: Application | None = None,
    needs_container: bool = True,
) -> Report:
    """Draw every conclusion from the inputs. Latencies of ours are left out where their build is not known to pass.

    `application` is what came out on the application itself; it decides nothing. `needs_container` says whether a
    container that could not be started fails the gate; else it is as none.
    """
    incomplete = [] if all(one.verdict != "not-run" for one in conformance.results) else [UNFINISHED]
    if statements.fingerprint != conformance.suite.fingerprint:
        incomplete.append(OTHER_BUILD)
    lost = [one for one in conformance.subjects if one.name == "container" and one.error and not needs_container]
    if lost:
        incomplete.append(NO_CONTAINER)
        conformance = conformance.model_copy(
            update={
                "subjects": [one for one in conformance.subjects if one not in lost],
                "results": [one for one in conformance.results if one.subject != "container"],
            }
        )
    cases = gather_cases(conformance.results)
    requirements = gather_requirements(conformance, cases)
    subjects = tuple(
        one.model_copy(update={"error": without_paths(one.error)}) if one.error else one for one in conformance.subjects
    )
    breaches = find_breaches(subjects, requirements, cases, comparisons["ours"])
    withheld = _find_reason(conformance, benchmark, studies, breaches)
    if withheld:
        benchmark, studies = _without_ours(benchmark, studies)
    ranges = {(one.mode, one.operation): one for one in claims.claim if isinstance(one, form.Latency)}
    latencies = gather_latencies(benchmark, ranges)
    evidence = _Evidence(statements, comparisons, ranges, latencies)
    of_application = None
    if application:
        of_application = _Evidence(
            application.statements,
            {"application": application.comparison},
            ranges,
            gather_latencies(application.benchmark, ranges),
        )

    def judge(claim: Claim | Reading) -> Row:
        findings: dict[Design, Finding] = {design: evidence.judge(claim, design) for design in DESIGNS}
        if of_application:
            findings["application"] = of_application.judge(claim, "application")
        return Row(claim, findings["documented"].verdict, findings)

    return Report(
        schema="taskstore-report/7",
        checked=conformance.started,
        incomplete=(*incomplete,),
        breaches=breaches,
        withheld=withheld,
        document=claims.document,
        comparisons=comparisons,
        claims=tuple(judge(claim) for claim in claims.claim),
        readings=tuple(judge(reading) for reading in claims.reading),
        latencies=latencies,
        application=application,
        application_latencies=tuple(of_application.latencies) if of_application else (),
        ping_ms=_find_ping(benchmark, latencies),
        subjects=subjects,
        requirements=requirements,
        cases={case.id: case for case in cases},
        environment=describe_environment(conformance, benchmark),
        studies=studies,
    )


@dataclass(frozen=True)
class _Evidence:
    """Everything that a claim is decided by."""

    statements: StatementResults
    comparisons: Mapping[Design, Comparison]
    ranges: Ranges
    latencies: Sequence[Latency]

    def judge(self, claim: Claim | Reading, design: Design) -> Finding:
        """Judge a claim on a design."""
        deciding = [row for row in self.latencies if row.design == design and row.decides]
        match claim:
            case Behaviour():
                return judge_behaviour(claim, self.statements, STORES[design])
            case Identity():
                return judge_identity(self.comparisons[design])
            case form.Latency():
                return judge_latency(claim, deciding)
            case Ratio():
                return judge_ratio(claim, self.ranges, deciding)
            case Overhead():
                return judge_overhead(claim, self.ranges, deciding)
            case Tail():
                return judge_tail(claim, deciding)


def find_breaches(
    subjects: tuple[AboutSubject, ...],
    requirements: tuple[Requirement, ...],
    cases: tuple[Case, ...],
    ours: Comparison,
) -> tuple[str, ...]:
    """Say what fails the gate: a MUST that failed or broke on a subject of ours, or modes not known to be alike.

    The cases that decided it follow, with their reasons: the log may be all that is left of a run.
    """
    bad = ("fail", "harness-error")
    breaches = [] if ours.answer == "yes" else [f"{' and '.join(ours.stores)} are not known to be alike"]
    for subject in subjects:
        name = subject.name
        if name.startswith("documented-"):
            continue
        if subject.error is not None:
            breaches.append(f"{name} could not be set up: {' '.join(subject.error.split())}")
        broken = {row.id: row.verdicts[name] for row in requirements if row.level == "MUST"}
        broken = {number: verdict for number, verdict in broken.items() if verdict in bad}
        if broken:
            named = ", ".join(f"{number} ({verdict})" for number, verdict in broken.items())
            breaches.append(f"{name} does not keep {len(broken)} MUST: {named}")
        breaches += [
            f"{case.id} [{name}]: {textwrap.shorten(case.on(name).reason, 300, placeholder=' …')}"
            for case in cases
            if case.on(name).verdict in bad and not broken.keys().isdisjoint(case.requirements)
        ]
    return tuple(breaches)


def _find_reason(conformance: Results, benchmark: Benchmark, studies: Studies | None, breaches: tuple[str, ...]) -> str:
    """Say why latencies of ours are withheld; nothing where they are of the build that passed."""
    measured = {benchmark.fingerprint, *([studies.environment.get("fingerprint")] if studies else [])}
    if measured != {conformance.suite.fingerprint}:
        return "the measurements are not known to be of the build that the suite checked"
    return "the build did not pass the suite" if breaches else ""


def _without_ours(benchmark: Benchmark, studies: Studies | None) -> tuple[Benchmark, Studies | None]:
    """Leave out every latency and rate of our store. Bytes stay."""
    rows = tuple(
        row
        for row in benchmark.benchmarks
        if not (isinstance(row.extra_info, OperationInfo) and row.extra_info.design == "ours")
    )
    if studies:
        series = tuple(one for one in studies.series if one.subject != "ours" or one.study == "memory")
        studies = studies.model_copy(update={"series": series})
    return benchmark.model_copy(update={"benchmarks": rows}), studies


def _find_ping(benchmark: Benchmark, latencies: tuple[Latency, ...]) -> float | None:
    """Find the milliseconds of a PING on the server that decides for our Redis mode."""
    deciding = {row.subject for row in latencies if row.decides and (row.design, row.mode) == ("ours", "redis")}
    for row in benchmark.benchmarks:
        if row.extra_info.operation == "ping" and row.extra_info.subject in deciding:
            return estimate(row.medians()).value
    return None
