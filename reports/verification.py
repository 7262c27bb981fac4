"""What was verified beyond the planned cases: random scenes, short sequences, histories, faults."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from conformance.verify import document
from reports.build import Sameness, compare_builds
from reports.inputs import read_document

PARTS = ("search", "walk", "histories", "faults")


@dataclass(frozen=True)
class Part:
    """One part in numbers, the ones to be read first in front."""

    name: str
    passed: bool
    decided: bool
    counts: Mapping[str, int]


@dataclass(frozen=True)
class Histories:
    """What one subject was caught in."""

    subject: str
    histories: int
    calls: int
    effective_writes: int
    conflicting_pairs: int
    explained: int
    contradictions: int
    unknown: int


@dataclass(frozen=True)
class Fault:
    """One fault that met one operation of one subject."""

    subject: str
    fault: str
    sentence: str
    operation: str
    verdict: str
    reason: str


@dataclass(frozen=True)
class Verification:
    """What was verified, and whether it is of the build that the suite passed."""

    build: Sameness
    depth: str
    started: str
    seconds: float
    seed: int
    subjects: tuple[str, ...]
    plain: tuple[str, ...]
    """What a few plain calls already did otherwise than the model allows."""
    crashes: tuple[str, ...]
    """What ended early."""
    parts: tuple[Part, ...]
    share: float | None
    """Of the sequences that were walked."""
    histories: tuple[Histories, ...]
    faults: tuple[Fault, ...]

    @property
    def passed(self) -> bool:
        """Whether nothing failed."""
        return bool(self.parts) and not self.plain and all(part.passed for part in self.parts)

    @property
    def decided(self) -> bool:
        """Whether every part was asked for, and did enough to mean something."""
        return len(self.parts) == len(PARTS) and not self.crashes and all(part.decided for part in self.parts)


def read_verification(path: Path) -> document.Verification:
    """Read what `conformance verify --json` wrote.

    Raises:
        FileError: naming the file and its first fault.
    """
    return read_document(path, document.Verification, "the JSON of a verification")


def gather_verification(given: document.Verification, checked: str | None) -> Verification:
    """Count what was verified of which build."""
    histories = tuple(_histories(given)) if given.histories else ()
    cells = given.faults.cells if given.faults else ()
    return Verification(
        build=compare_builds(checked, given.suite.fingerprint),
        depth=given.depth,
        started=given.started.isoformat(),
        seconds=given.seconds,
        seed=given.suite.seed,
        subjects=given.subjects,
        plain=tuple(f"{one.subject}: {one.words}" for one in given.plain),
        crashes=tuple(f"{one.part} on {', '.join(one.subjects)}: {one.words}" for one in given.crashes),
        parts=tuple(_parts(given, histories)),
        share=given.walk.share if given.walk else None,
        histories=histories,
        faults=tuple(
            Fault(one.subject, one.fault, one.sentence, one.operation, one.verdict, one.reason) for one in cells
        ),
    )


def _parts(given: document.Verification, histories: Iterable[Histories]) -> Iterable[Part]:
    if walk := given.walk:
        counts = {
            "sequences": walk.chosen,
            "played": walk.played,
            "calls": walk.calls,
            "possible": walk.sequences,
            "differences": len(walk.differences),
        }
        yield Part("walk", walk.passed, walk.decided, counts)
    if search := given.search:
        counts = {"scenes": search.scenes, "calls": search.calls, "differences": len(search.differences)}
        yield Part("search", search.passed, search.decided, counts)
    if given.histories:
        names = (
            "histories",
            "calls",
            "explained",
            "effective_writes",
            "conflicting_pairs",
            "contradictions",
            "unknown",
        )
        counts = {name.replace("_", " "): sum(getattr(one, name) for one in histories) for name in names}
        yield Part("histories", given.histories.passed, given.histories.decided, counts)
    if faults := given.faults:
        passed = sum(cell.verdict == "pass" for cell in faults.cells)
        counts = {
            "faults × operations": faults.possible,
            "tried": len(faults.cells),
            "passed": passed,
            "not passed": len(faults.cells) - passed,
            "faults": len({cell.fault for cell in faults.cells}),
            "operations": len({cell.operation for cell in faults.cells}),
        }
        yield Part("faults", faults.passed, faults.decided, counts)


def _histories(given: document.Verification) -> Iterable[Histories]:
    for name, one in given.histories.subjects.items() if given.histories else ():
        yield Histories(
            name,
            one.histories,
            one.calls,
            one.effective_writes,
            one.conflicting_pairs,
            one.explained,
            len(one.contradictions),
            one.unknown,
        )
