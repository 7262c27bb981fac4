"""What was proven beyond single cases: walks in lockstep, every transition of small worlds, histories, faults."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from reports.build import Sameness, compare_builds
from reports.inputs import Strict, read_document

Count = Annotated[int, Field(ge=0)]


class SuiteInput(Strict):
    """The build that was proven, and where."""

    version: str
    fingerprint: str
    python: str
    platform: str
    seed: int


class _PartInput(Strict):
    """One part. Decided: enough was done for it to mean something."""

    passed: bool
    decided: bool


class LockstepInput(_PartInput):
    """Random sequences of calls, made on every subject at once."""

    sequences: Count
    steps: Count
    comparisons: Count
    differences: tuple[object, ...]


class World(Strict):
    """A world so small that all its states can be reached."""

    name: str
    tasks: Count
    states: Count
    transitions: Count
    longest_path: Count


class TransitionsInput(_PartInput):
    """Every transition of small worlds, or a share of them drawn by a seed."""

    worlds: tuple[World, ...]
    share: float
    states: Count
    transitions: Count
    chosen: Count
    executed: Count
    agreed: Count
    not_executed: tuple[object, ...]
    differences: tuple[object, ...]


class SubjectHistoriesInput(Strict):
    """Concurrent histories of one subject, each of which must have an order that explains it."""

    histories: Count
    calls: Count
    effective_writes: Count
    conflicting_pairs: Count
    lost_answers: Count
    explained: Count
    contradictions: tuple[object, ...]
    unknown: Count


class HistoriesInput(_PartInput):
    """The histories of every subject."""

    subjects: dict[str, SubjectHistoriesInput]


class Fault(Strict):
    """One fault that met one operation of one subject."""

    subject: str
    fault: str
    sentence: str
    operation: str
    verdict: str
    reason: str


class FaultsInput(_PartInput):
    """Faults of the network, the server and the caller. `possible` counts every fault with every operation."""

    possible: Count
    cells: tuple[Fault, ...]


class ProofInput(Strict):
    """What `conformance prove --json` wrote. A part that was not asked for is not there."""

    version: Literal["conformance-proof/1"] = Field(alias="schema")
    suite: SuiteInput
    depth: str
    started: AwareDatetime
    seconds: float
    subjects: tuple[str, ...]
    lockstep: LockstepInput | None = None
    transitions: TransitionsInput | None = None
    histories: HistoriesInput | None = None
    faults: FaultsInput | None = None


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
class Proof:
    """The proof, and whether it is of the build that the suite passed."""

    build: Sameness
    depth: str
    started: str
    seconds: float
    seed: int
    subjects: tuple[str, ...]
    parts: tuple[Part, ...]
    share: float | None
    """Of the transitions that were walked."""
    worlds: tuple[World, ...]
    histories: tuple[Histories, ...]
    faults: tuple[Fault, ...]

    @property
    def passed(self) -> bool:
        """Whether nothing failed."""
        return bool(self.parts) and all(part.passed for part in self.parts)

    @property
    def decided(self) -> bool:
        """Whether every part was asked for, and did enough to mean something."""
        return len(self.parts) == len(PARTS) and all(part.decided for part in self.parts)


PARTS = ("transitions", "lockstep", "histories", "faults")


def read_proof(path: Path) -> ProofInput:
    """Read the proof.

    Raises:
        InputError: naming the file and its first fault.
    """
    return read_document(path, ProofInput, "the JSON of the proof")


def gather_proof(given: ProofInput, checked: str | None) -> Proof:
    """Count what was proven of which build."""
    histories = tuple(_histories(given.histories)) if given.histories else ()
    return Proof(
        build=compare_builds(checked, given.suite.fingerprint),
        depth=given.depth,
        started=given.started.isoformat(),
        seconds=given.seconds,
        seed=given.suite.seed,
        subjects=given.subjects,
        parts=tuple(_parts(given, histories)),
        share=given.transitions.share if given.transitions else None,
        worlds=given.transitions.worlds if given.transitions else (),
        histories=histories,
        faults=given.faults.cells if given.faults else (),
    )


def _parts(given: ProofInput, histories: Iterable[Histories]) -> Iterable[Part]:
    if one := given.transitions:
        counts = {
            "states": one.states,
            "transitions": one.transitions,
            "agreed": one.agreed,
            "executed": one.executed,
            "chosen": one.chosen,
            "not executed": len(one.not_executed),
            "differences": len(one.differences),
        }
        yield Part("transitions", one.passed, one.decided, counts)
    if walk := given.lockstep:
        counts = {
            "sequences": walk.sequences,
            "steps": walk.steps,
            "comparisons": walk.comparisons,
            "differences": len(walk.differences),
        }
        yield Part("lockstep", walk.passed, walk.decided, counts)
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


def _histories(given: HistoriesInput) -> Iterable[Histories]:
    for name, one in given.subjects.items():
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
