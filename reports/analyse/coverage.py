"""What the tour of the suite reached on each subject, what it left out and why, and which failures are expected."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from conformance.results import document
from conformance.results.document import Results


@dataclass(frozen=True)
class LeftOut:
    """Classes of the plan that no scene reached, for one reason."""

    reason: str
    classes: tuple[str, ...]


@dataclass(frozen=True)
class Coverage:
    """What the tour reached on one subject."""

    subject: str
    classes: int
    """Classes of the plan that some scene reached."""
    scenes: int
    """How often a scene reached a class."""
    calls: int
    seconds: float
    left_out: tuple[LeftOut, ...]


@dataclass(frozen=True)
class ExpectedVerdict:
    """A verdict that does not count against the run, and why."""

    test: str
    subject: str
    verdict: str
    kind: str
    reason: str
    link: str
    version: str


def gather_coverage(results: Results) -> tuple[Coverage, ...]:
    """Gather what the tour reached, of each subject on which it was run."""
    return tuple(_of(one.name, one.coverage) for one in results.subjects if one.coverage is not None)


def gather_expected(results: Results) -> tuple[ExpectedVerdict, ...]:
    """Gather the verdicts that do not count against the run."""
    return tuple(
        ExpectedVerdict(
            one.test,
            one.subject,
            one.verdict,
            one.expected.kind,
            one.expected.reason,
            one.expected.link,
            one.expected.version,
        )
        for one in results.results
        if one.expected is not None
    )


def _of(subject: str, given: document.Coverage) -> Coverage:
    return Coverage(
        subject=subject,
        classes=len(given.reached),
        scenes=sum(given.reached.values()),
        calls=sum(count for by_result in given.calls.values() for count in by_result.values()),
        seconds=given.seconds,
        left_out=tuple(_left_out(given.reached, given.missing)),
    )


def _left_out(reached: Iterable[str], missing: Mapping[str, Mapping[str, int]]) -> Iterator[LeftOut]:
    by_reason: dict[str, list[str]] = {}
    for name in sorted(missing.keys() - set(reached)):
        for reason in missing[name]:
            by_reason.setdefault(reason, []).append(name)
    for reason, classes in sorted(by_reason.items()):
        yield LeftOut(reason.removeprefix("not-applicable: "), tuple(classes))
