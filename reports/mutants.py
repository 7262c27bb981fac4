"""How well the requirements are defended: wrong stores that the suite must catch, and right ones that must pass."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from conformance.mutants.document import Control, Defence, Made, MutantsDocument
from reports.build import Sameness, compare_builds
from reports.inputs import read_document


@dataclass(frozen=True)
class Counts:
    """What became of several faults."""

    faults: int
    reached: int
    changed: int
    killed: int


@dataclass(frozen=True)
class Survivor:
    """A wrong store that the suite did not catch, and the committed reason if it has one."""

    name: str
    doc: str
    subject: str
    requirements: tuple[str, ...]
    reason: str
    known: str


@dataclass(frozen=True)
class Mutants:
    """The mutants, and whether they are of the build that the suite passed.

    `written` are those that are written by hand; `chosen` and `drawn` are faults that operators make.
    """

    build: Sameness
    seed: int
    written: int
    written_killed: int
    chosen: Counts
    drawn: Counts
    left_out: int
    """Draws that gave no fault that could change anything."""
    operators: Mapping[str, Counts]
    """The drawn faults by operator."""
    subjects: Mapping[str, Counts]
    """The drawn faults by subject."""
    survivors: tuple[Survivor, ...]
    controls: int
    controls_passed: int
    controls_failed: tuple[Control, ...]
    defences: tuple[Defence, ...]


def read_mutants(path: Path) -> MutantsDocument:
    """Read the mutants.

    Raises:
        FileError: naming the file and its first fault.
    """
    return read_document(path, MutantsDocument, "the JSON of the mutants")


def gather_mutants(given: MutantsDocument, checked: str | None) -> Mutants:
    """Count what was reached and killed, and name the survivors."""
    drawn = [one for one in given.made if one.drawn]
    failed = tuple(control for control in given.controls if not control.passed)
    return Mutants(
        build=compare_builds(checked, given.fingerprint),
        seed=given.sample.seed,
        written=len(given.written),
        written_killed=sum(one.killed for one in given.written),
        chosen=_count(one for one in given.made if not one.drawn),
        drawn=_count(drawn),
        left_out=given.sample.left_out,
        operators={name: _count(one for one in drawn if one.operator == name) for name in _names(drawn, "operator")},
        subjects={name: _count(one for one in drawn if one.subject == name) for name in _names(drawn, "subject")},
        survivors=(*_survivors(given),),
        controls=len(given.controls),
        controls_passed=len(given.controls) - len(failed),
        controls_failed=failed,
        defences=given.defences,
    )


def _survivors(given: MutantsDocument) -> Iterable[Survivor]:
    for one in given.written:
        if not one.killed:
            yield Survivor(one.name, one.doc, one.subject, one.requirements, one.reason, "")
    for fault in given.made:
        if not fault.killed:
            wanted = (fault.wanted,) if fault.wanted else ()
            yield Survivor(fault.fault, "", fault.subject, wanted, fault.reason, fault.known)


def _names(made: Iterable[Made], field: str) -> list[str]:
    return sorted({getattr(one, field) for one in made})


def _count(made: Iterable[Made]) -> Counts:
    several = tuple(made)
    reached, changed, killed = (sum(getattr(one, name) for one in several) for name in ("reached", "changed", "killed"))
    return Counts(len(several), reached, changed, killed)
