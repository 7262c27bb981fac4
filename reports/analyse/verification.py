"""What was verified beyond the planned cases: random scenes, short sequences, histories, faults."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from conformance.verify.document import Fault, Verification

from reports.analyse.provenance import Sameness

PARTS = ("search", "walk", "histories", "faults")


@dataclass(frozen=True)
class Part:
    """One part in numbers, the ones to be read first in front."""

    name: str
    passed: bool
    decided: bool
    counts: Mapping[str, int]


@dataclass(frozen=True)
class Verified:
    """What was verified, and whether it is of the build that the suite passed."""

    build: Sameness
    given: Verification

    @property
    def parts(self) -> tuple[Part, ...]:
        """Count what each part did."""
        return tuple(_parts(self.given))

    @property
    def passed(self) -> bool:
        """Whether nothing failed."""
        return bool(self.parts) and not self.given.plain and all(part.passed for part in self.parts)

    @property
    def decided(self) -> bool:
        """Whether every part was asked for, and did enough to mean something."""
        return len(self.parts) == len(PARTS) and not self.given.crashes and all(part.decided for part in self.parts)

    @property
    def failed(self) -> tuple[Fault, ...]:
        """Select the faults that were not passed."""
        return tuple(cell for cell in self.given.faults.cells if cell.verdict != "pass") if self.given.faults else ()


def _parts(given: Verification) -> Iterable[Part]:
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
