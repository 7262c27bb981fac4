"""Which backend kept which requirement, and what the two modes of a design do differently."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel

from benchmarks.document import Design
from conformance.results.document import Level, Result, Results, Verdict

Answer = Literal["yes", "no", "not-checked"]
"""Whether a design behaves identically in both modes."""

SEVERITY: tuple[Verdict, ...] = ("not-run", "not-applicable", "pass", "not-testable", "fail", "harness-error")
"""From least to most. A requirement takes the worst of its cases; not-applicable counts only beside nothing else."""

DESIGNS: tuple[Design, ...] = ("documented", "ours")
STORES: Mapping[Design, tuple[str, str]] = {
    "documented": ("documented-memory", "documented-redis"),
    "ours": ("memory", "embedded"),
    "application": ("autoclip:Memory", "autoclip:Redis"),
}
"""The two modes of each design that are compared, and that the statements are checked on."""

_PATH = re.compile(r"(?<![\w:/.<])(?:/[\w.+@~-]+)+/([\w.+@~-]+)/?")
"""An absolute path: no part of a URL, of a relative path or of a closing tag."""


@dataclass(frozen=True)
class Outcome:
    """What a case came out as on a backend, and why."""

    verdict: Verdict
    reason: str
    requirements: tuple[str, ...] = ()
    """Those that it decides: of a failure only those that it broke. Empty: all of the case."""


NOT_RUN = Outcome("not-run", "")


@dataclass(frozen=True)
class Case:
    """One case on every backend that it met."""

    id: str
    doc: str
    requirements: tuple[str, ...]
    outcomes: Mapping[str, Outcome]

    def on(self, backend: str) -> Outcome:
        """Find its outcome on a backend."""
        return self.outcomes.get(backend, NOT_RUN)

    def decide(self, requirement: str, backend: str) -> Verdict:
        """Say how one of its requirements stands: after a failure those that it did not break were not seen."""
        outcome = self.on(backend)
        if outcome.requirements and requirement not in outcome.requirements:
            return "not-testable"
        return outcome.verdict


@dataclass(frozen=True)
class Requirement:
    """One requirement, and the verdict on every backend."""

    id: str
    level: Level
    text: str
    verdicts: Mapping[str, Verdict]


class Difference(BaseModel):
    """A cause of differences between the modes of a design, with the shortest script that shows it."""

    operation: str
    kind: str
    seen: str
    script: tuple[str, ...]
    is_odd: bool = False
    """Whether the script does something that no caller would do."""

    @property
    def place(self) -> tuple[str, str, str]:
        """Tell what makes it the same difference in another comparison."""
        return self.operation, self.kind, self.seen


class Calls(BaseModel):
    """The calls of one operation."""

    calls: int


class Comparison(BaseModel):
    """Both modes of one design, as `conformance compare` writes it."""

    stores: tuple[str, str]
    status: int
    operations: Mapping[str, Calls]
    findings: tuple[Difference, ...]
    played: Mapping[str, Mapping[str, int]] = {}
    """By store, in how many orders calls at the same time were played, and at how many points something ended."""
    notes: tuple[str, ...] = ()
    """What was not tried, and why."""

    @property
    def answer(self) -> Answer:
        """Say whether the modes are alike."""
        return "no" if self.findings else "not-checked" if self.status else "yes"

    def without(self, other: Comparison) -> Comparison:
        """Leave out the differences that another comparison has too: those of one operation that show in one place."""
        known = {difference.place for difference in other.findings}
        findings = [difference for difference in self.findings if difference.place not in known]
        return self.model_copy(update={"findings": tuple(findings)})

    @property
    def orders(self) -> Mapping[str, int] | None:
        """Say how often every order and every death were played in the second store; None if some were not."""
        store = self.stores[1]
        if any(note.startswith(f"not raced in {store}:") for note in self.notes):
            return None
        return self.played.get(store)

    @property
    def calls(self) -> int:
        """Count the calls that both stores were given."""
        return sum(counted.calls for counted in self.operations.values())


def without_paths(text: str) -> str:
    """Shorten the absolute paths in a text of a failure: reports are published, and machines are nobody's business."""
    return _PATH.sub(lambda path: f"…/{path[1]}" if "." in path[1] else "…", text)


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """Find the verdict of a requirement from those of its cases."""
    return max(verdicts, key=SEVERITY.index, default="not-run")


def gather_cases(results: Iterable[Result]) -> tuple[Case, ...]:
    """Put together the results of each case, in the order of the results."""
    by_case: dict[str, list[Result]] = {}
    for result in results:
        by_case.setdefault(result.test, []).append(result)
    return tuple(_case(found) for found in by_case.values())


def _case(results: Sequence[Result]) -> Case:
    """Put together what one case came out as on each backend."""
    outcomes = {}
    decided: dict[str, None] = {}
    for result in results:
        outcomes[result.backend] = Outcome(result.verdict, without_paths(result.reason), result.requirements)
        decided |= dict.fromkeys(result.requirements)
    first = results[0]
    return Case(first.test, first.doc, tuple(decided), outcomes)


def gather_requirements(conformance: Results, cases: Iterable[Case]) -> tuple[Requirement, ...]:
    """Set the whole registry against every backend, in the order of the registry."""
    deciding: dict[str, list[Case]] = {}
    for case in cases:
        for number in case.requirements:
            deciding.setdefault(number, []).append(case)
    requirements = []
    for about in conformance.requirements:
        chosen = deciding.get(about.id, [])
        verdicts = {}
        for backend in conformance.backends:
            verdicts[backend.name] = worst(case.decide(about.id, backend.name) for case in chosen)
        requirements.append(Requirement(about.id, about.level, about.text, verdicts))
    return tuple(requirements)
