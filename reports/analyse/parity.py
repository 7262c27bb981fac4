"""Who passed what: requirement by subject, and the two modes of a design case by case."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from benchmarks.document import Design
from conformance.results.document import Level, Result, Results, Verdict

Answer = Literal["yes", "no", "alike-but-failing", "not-checked"]
"""Whether a design behaves identically in both modes, and rightly."""

SEVERITY: tuple[Verdict, ...] = (
    "not-run",
    "not-applicable",
    "pass",
    "not-testable",
    "fail",
    "harness-error",
)
"""From least to most. A requirement takes the worst of its cases; not-applicable counts only beside nothing else."""

DESIGNS: tuple[Design, ...] = ("documented", "ours")
MODES: Mapping[Design, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "documented": (("documented-memory",), ("documented-redis",)),
    "ours": (("memory",), ("embedded", "container")),
}
"""The subjects that stand for memory mode and for Redis mode; the first that ran is taken."""


@dataclass(frozen=True)
class Outcome:
    """What a case came out as on a subject, and why."""

    verdict: Verdict
    reason: str


@dataclass(frozen=True)
class Case:
    """One case on every subject that it met."""

    id: str
    doc: str
    requirements: tuple[str, ...]
    outcomes: Mapping[str, Outcome]


@dataclass(frozen=True)
class Requirement:
    """One row of the matrix: the verdict on every subject, and the cases that decided it."""

    id: str
    level: Level
    text: str
    claims: tuple[str, ...]
    verdicts: Mapping[str, Verdict]
    cases: tuple[str, ...]


@dataclass(frozen=True)
class Passes:
    """How many requirements stand how on one subject. The denominator is the registry, not what happened to run."""

    subject: str
    mode: str
    server: str
    facts: Mapping[str, Any]
    capabilities: tuple[str, ...]
    error: str | None
    cases_run: int
    requirements: Mapping[Verdict, int]
    musts: Mapping[Verdict, int]

    @property
    def located(self) -> str:
        """Name the subject with its server."""
        return f"{self.subject} ({self.server})" if self.server else self.subject


@dataclass(frozen=True)
class Difference:
    """A case that one mode passes and the other fails."""

    case: str
    doc: str
    requirements: tuple[str, ...]
    memory: Outcome
    redis: Outcome


@dataclass(frozen=True)
class Comparison:
    """Both modes of one design, case by case. Only cases that passed or failed in both are compared."""

    answer: Answer
    memory: str
    redis: str
    compared: int
    differing: tuple[Difference, ...]
    failing_in_both: tuple[str, ...]
    undecided: int
    """Cases without a verdict in a mode: not testable, broken or not run. Those that do not apply do not count."""


NOT_RUN = Outcome("not-run", "")


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """Find the verdict of a requirement from those of its cases."""
    return max(verdicts, key=SEVERITY.index, default="not-run")


def gather_cases(results: Iterable[Result]) -> tuple[Case, ...]:
    """Put together the results of each case, in the order of the results."""
    by_case: dict[str, list[Result]] = {}
    for result in results:
        by_case.setdefault(result.test, []).append(result)
    return tuple(
        Case(
            name,
            found[0].doc,
            found[0].requirements,
            {result.subject: Outcome(result.verdict, result.reason) for result in found},
        )
        for name, found in by_case.items()
    )


def gather_requirements(conformance: Results, cases: Iterable[Case]) -> tuple[Requirement, ...]:
    """Set the whole registry against every subject, in the order of the registry."""
    deciding: dict[str, list[Case]] = {}
    for case in cases:
        for number in case.requirements:
            deciding.setdefault(number, []).append(case)
    rows = []
    for requirement in conformance.requirements:
        decisive = deciding.get(requirement.id, [])
        verdicts = {
            subject.name: worst(
                case.outcomes[subject.name].verdict for case in decisive if subject.name in case.outcomes
            )
            for subject in conformance.subjects
        }
        rows.append(
            Requirement(
                requirement.id,
                requirement.level,
                requirement.text,
                requirement.claims,
                verdicts,
                tuple(case.id for case in decisive),
            )
        )
    return tuple(rows)


def count_passes(conformance: Results, requirements: Iterable[Requirement]) -> tuple[Passes, ...]:
    """Count the totals of every subject."""
    rows = tuple(requirements)
    run = Counter(result.subject for result in conformance.results if result.verdict in ("pass", "fail"))
    return tuple(
        Passes(
            subject.name,
            subject.mode,
            str(subject.facts.get("server", "")),
            subject.facts,
            subject.capabilities,
            subject.error,
            run[subject.name],
            _count(row.verdicts[subject.name] for row in rows),
            _count(row.verdicts[subject.name] for row in rows if row.level == "MUST"),
        )
        for subject in conformance.subjects
    )


def compare(design: Design, cases: Iterable[Case]) -> Comparison:
    """Hold the two modes of a design against each other."""
    known = tuple(cases)
    memory, redis = (_first_that_ran(names, known) for names in MODES[design])
    differing, failing, compared, undecided = [], [], 0, 0
    for case in known:
        left, right = (case.outcomes.get(name, NOT_RUN) for name in (memory, redis))
        verdicts = {left.verdict, right.verdict}
        if verdicts <= {"pass", "fail"}:
            compared += 1
            if len(verdicts) == 2:  # noqa: PLR2004  one passes, one fails
                differing.append(Difference(case.id, case.doc, case.requirements, left, right))
            elif verdicts == {"fail"}:
                failing.append(case.id)
        elif "not-applicable" not in verdicts:
            undecided += 1
    answer: Answer = "not-checked" if not compared else "no" if differing else "alike-but-failing" if failing else "yes"
    return Comparison(answer, memory, redis, compared, tuple(differing), tuple(failing), undecided)


def _first_that_ran(names: tuple[str, ...], cases: tuple[Case, ...]) -> str:
    for name in names:
        if any(case.outcomes.get(name, NOT_RUN).verdict in ("pass", "fail") for case in cases):
            return name
    return names[0]


def _count(verdicts: Iterable[Verdict]) -> dict[Verdict, int]:
    counts = Counter(verdicts)
    return {verdict: counts[verdict] for verdict in SEVERITY}
