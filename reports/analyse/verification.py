"""What was verified beyond the planned cases: random scenes, short sequences, histories, faults."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from conformance.verify import document
from reports.analyse.provenance import Sameness, compare_builds

PARTS = ("search", "walk", "histories", "faults")


@dataclass(frozen=True)
class Part:
    """One part in numbers, the ones to be read first in front."""

    name: str
    passed: bool
    decided: bool
    counts: Mapping[str, int]


@dataclass(frozen=True)
class Fault:
    """A fault that met an operation of a subject, and did not pass."""

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
    faults: tuple[Fault, ...]

    @property
    def passed(self) -> bool:
        """Whether nothing failed."""
        return bool(self.parts) and not self.plain and all(part.passed for part in self.parts)

    @property
    def decided(self) -> bool:
        """Whether every part was asked for, and did enough to mean something."""
        return len(self.parts) == len(PARTS) and not self.crashes and all(part.decided for part in self.parts)


def gather_verification(given: document.Verification, checked: str | None) -> Verification:
    """Count what was verified of which build."""
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
        parts=tuple(_parts(given)),
        share=given.walk.share if given.walk else None,
        faults=tuple(
            Fault(one.subject, one.fault, one.sentence, one.operation, one.verdict, one.reason)
            for one in cells
            if one.verdict != "pass"
        ),
    )


def _parts(given: document.Verification) -> Iterable[Part]:
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
    if histories := given.histories:
        names = (
            "histories",
            "calls",
            "explained",
            "effective_writes",
            "conflicting_pairs",
            "contradictions",
            "unknown",
        )
        counts = {
            name.replace("_", " "): sum(_count(getattr(one, name)) for one in histories.subjects.values())
            for name in names
        }
        yield Part("histories", histories.passed, histories.decided, counts)
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


def _count(found: int | Sequence[object]) -> int:
    return found if isinstance(found, int) else len(found)
