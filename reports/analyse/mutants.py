"""How well the requirements are defended: wrong stores that the suite must catch, and right ones that must pass."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from conformance.mutants.document import Control, Made, MutantsDocument

from reports.analyse.provenance import Sameness, compare_builds


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
    survivors: tuple[Survivor, ...]
    controls: int
    controls_passed: int
    controls_failed: tuple[Control, ...]


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
        survivors=(*_survivors(given),),
        controls=len(given.controls),
        controls_passed=len(given.controls) - len(failed),
        controls_failed=failed,
    )


def _survivors(given: MutantsDocument) -> Iterable[Survivor]:
    for one in given.written:
        if not one.killed:
            yield Survivor(one.name, one.doc, one.subject, one.requirements, one.reason, "")
    for fault in given.made:
        if not fault.killed:
            wanted = (fault.wanted,) if fault.wanted else ()
            yield Survivor(fault.fault, "", fault.subject, wanted, fault.reason, fault.known)


def _count(made: Iterable[Made]) -> Counts:
    several = tuple(made)
    reached, changed, killed = (sum(getattr(one, name) for one in several) for name in ("reached", "changed", "killed"))
    return Counts(len(several), reached, changed, killed)
