"""The report: everything that the page shows, as data."""

import json
import textwrap
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter

from benchmarks.document import Benchmark, Design
from benchmarks.studies.document import Studies
from conformance.files import read_file
from conformance.measure import claims as form
from conformance.measure.estimate import estimate
from conformance.results.document import AboutBackend, Level, Results, Verdict
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
from statements.document import (
    About,
    Behaviour,
    Claim,
    Document,
    Identity,
    Overhead,
    Ratio,
    Reading,
    StatementResults,
    Tail,
)

COMPACT = (",", ":")
BROKEN: tuple[Verdict, ...] = ("fail", "harness-error")
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
    document: About
    """The document that makes the claims."""
    comparisons: Mapping[Design, Comparison]
    claims: tuple[Row, ...]
    """The statements of the document."""
    readings: tuple[Row, ...]
    """What goes further than its words, and is our reading: never counted among the statements."""
    latencies: tuple[Latency, ...]
    ping_ms: float | None
    """A PING on the server that decides for our Redis mode."""
    backends: tuple[AboutBackend, ...]
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
            claim = row.claim
            if isinstance(claim, form.Latency):
                measured = self.deciding("documented", claim.mode, claim.operation)
                found.setdefault(row.verdict, []).append(measured)
        return tuple(LatencyAnswer(verdict, tuple(found[verdict])) for verdict in ORDER if verdict in found)

    @property
    def latencies_right(self) -> Answer:
        """Answer whether the documented latencies are right: no if one is not, yes if all are."""
        found = {answer.verdict for answer in self.latency_answers}
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

    def count(self, backend: str, level: Level | None = None) -> Counter[Verdict]:
        """Count how many requirements, or those of a level, stand how on a backend."""
        return Counter(row.verdicts[backend] for row in self.requirements if level in (None, row.level))

    @property
    def redis_places(self) -> tuple[tuple[str, str], ...]:
        """Name the servers on which the latencies of Redis mode are decided, for either design, and the ways there."""
        deciding = [row for row in self.latencies if row.decides and row.mode == "redis"]
        return tuple(dict.fromkeys((row.server, row.transport) for row in deciding))

    def to_json(self) -> bytes:
        """Write the report as JSON, a line for each part: the same bytes for the same inputs."""
        parts = ADAPTER.dump_python(self, mode="json", by_alias=True)
        lines = []
        for name, part in parts.items():
            text = json.dumps(part, ensure_ascii=False, separators=COMPACT)
            lines.append(f'"{name}": {text}')
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
    claims: Document,
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
    incomplete = []
    if any(result.verdict == "not-run" for result in conformance.results):
        incomplete.append(UNFINISHED)
    if statements.fingerprint != conformance.suite.fingerprint:
        incomplete.append(OTHER_BUILD)
    lost = {backend.name for backend in conformance.backends if backend.name == "container" and backend.error}
    if lost and not needs_container:
        incomplete.append(NO_CONTAINER)
        conformance = _without(lost, conformance)
    backends = tuple(_without_paths(backend) for backend in conformance.backends)
    cases = gather_cases(conformance.results)
    requirements = gather_requirements(conformance, cases)
    breaches = find_breaches(backends, requirements, cases, comparisons["ours"])
    withheld = _find_reason(conformance, benchmark, studies, breaches)
    evidence = gather_evidence(claims, comparisons, benchmark, statements)
    if withheld:
        theirs = tuple(row for row in evidence.latencies if row.design != "ours")
        evidence = replace(evidence, latencies=theirs)
        studies = studies and _without_ours(studies)
    of_application = None
    if application:
        compared: Mapping[Design, Comparison] = {"application": application.comparison}
        of_application = gather_evidence(claims, compared, application.benchmark, application.statements)

    def judge(claim: Claim | Reading) -> Row:
        findings: dict[Design, Finding] = {}
        for design in DESIGNS:
            findings[design] = evidence.judge(claim, design)
        if of_application:
            findings["application"] = of_application.judge(claim, "application")
        return Row(claim, findings["documented"].verdict, findings)

    return Report(
        schema="taskstore-report/7",
        checked=conformance.started,
        incomplete=tuple(incomplete),
        breaches=breaches,
        withheld=withheld,
        document=claims.document,
        comparisons=comparisons,
        claims=tuple(judge(claim) for claim in claims.claim),
        readings=tuple(judge(reading) for reading in claims.reading),
        latencies=evidence.latencies,
        application=application,
        application_latencies=of_application.latencies if of_application else (),
        ping_ms=_find_ping(benchmark, evidence.latencies),
        backends=backends,
        requirements=requirements,
        cases={case.id: case for case in cases},
        environment=describe_environment(conformance, benchmark),
        studies=studies,
    )


@dataclass(frozen=True)
class Evidence:
    """Everything that claims are decided by."""

    ranges: Ranges
    comparisons: Mapping[Design, Comparison]
    latencies: tuple[Latency, ...]
    statements: StatementResults

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


def gather_evidence(
    claims: Document, comparisons: Mapping[Design, Comparison], benchmark: Benchmark, statements: StatementResults
) -> Evidence:
    """Hold what was measured against the documented ranges, and put it beside the rest."""
    ranges = {}
    for claim in claims.claim:
        if isinstance(claim, form.Latency):
            ranges[claim.mode, claim.operation] = claim
    return Evidence(ranges, comparisons, gather_latencies(benchmark, ranges), statements)


def _without(lost: Collection[str], conformance: Results) -> Results:
    """Leave out backends, and what came out on them."""
    backends = tuple(backend for backend in conformance.backends if backend.name not in lost)
    results = tuple(result for result in conformance.results if result.backend not in lost)
    return conformance.model_copy(update={"backends": backends, "results": results})


def _without_paths(backend: AboutBackend) -> AboutBackend:
    """Shorten the paths in the reason why a backend could not be set up."""
    if backend.error is None:
        return backend
    return backend.model_copy(update={"error": without_paths(backend.error)})


def find_breaches(
    backends: tuple[AboutBackend, ...],
    requirements: tuple[Requirement, ...],
    cases: tuple[Case, ...],
    ours: Comparison,
) -> tuple[str, ...]:
    """Say what fails the gate: a MUST that failed or broke on a backend of ours, or modes not known to be alike.

    The cases that decided it follow, with their reasons: the log may be all that is left of a run.
    """
    breaches = []
    if ours.answer != "yes":
        breaches.append(f"{' and '.join(ours.stores)} are not known to be alike")
    musts = [requirement for requirement in requirements if requirement.level == "MUST"]
    for backend in backends:
        if backend.name.startswith("documented-"):
            continue
        if backend.error is not None:
            breaches.append(f"{backend.name} could not be set up: {' '.join(backend.error.split())}")
        breaches += _find_broken(backend.name, musts, cases)
    return tuple(breaches)


def _find_broken(backend: str, musts: Sequence[Requirement], cases: Sequence[Case]) -> Iterator[str]:
    """Say which MUSTs a backend does not keep, and which cases say so."""
    broken = {}
    for must in musts:
        if must.verdicts[backend] in BROKEN:
            broken[must.id] = must.verdicts[backend]
    if broken:
        named = ", ".join(f"{number} ({verdict})" for number, verdict in broken.items())
        yield f"{backend} does not keep {len(broken)} MUST: {named}"
    for case in cases:
        outcome = case.on(backend)
        if outcome.verdict in BROKEN and not broken.keys().isdisjoint(case.requirements):
            yield f"{case.id} [{backend}]: {textwrap.shorten(outcome.reason, 300, placeholder=' …')}"


def _find_reason(conformance: Results, benchmark: Benchmark, studies: Studies | None, breaches: tuple[str, ...]) -> str:
    """Say why latencies of ours are withheld; nothing where they are of the build that passed."""
    measured = {benchmark.fingerprint}
    if studies:
        measured.add(studies.environment.get("fingerprint"))
    if measured != {conformance.suite.fingerprint}:
        return "the measurements are not known to be of the build that the suite checked"
    return "the build did not pass the suite" if breaches else ""


def _without_ours(studies: Studies) -> Studies:
    """Leave out every rate of our store. Bytes stay."""
    series = tuple(line for line in studies.series if line.backend != "ours" or line.study == "memory")
    return studies.model_copy(update={"series": series})


def _find_ping(benchmark: Benchmark, latencies: tuple[Latency, ...]) -> float | None:
    """Find the milliseconds of a PING on the server that decides for our Redis mode."""
    deciding = {row.backend for row in latencies if row.decides and (row.design, row.mode) == ("ours", "redis")}
    for row in benchmark.benchmarks:
        if row.extra_info.operation == "ping" and row.extra_info.backend in deciding:
            return estimate(row.medians()).value
    return None
