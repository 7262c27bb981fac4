"""How well the requirements are defended: wrong stores that a case must catch, and right ones that must pass."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field

from reports.build import Sameness, compare_builds
from reports.inputs import Strict, read_document


class Mutant(Strict):
    """A store that is wrong in one way. Killed: one of its cases failed on it with an assertion."""

    name: str
    doc: str
    requirements: tuple[str, ...]
    cases: tuple[str, ...]
    subject: str
    killed: bool
    reason: str


class Control(Strict):
    """A store that is changed and still right."""

    name: str
    subject: str
    passed: bool
    reason: str


class Uncovered(Strict):
    """A requirement that no wrong store can break on a mode, and why."""

    requirement: str
    mode: str
    reason: str


class MutantsInput(Strict):
    """What `conformance mutants --json` wrote."""

    version: Literal["conformance-mutants/1"] = Field(alias="schema")
    fingerprint: str | None = None
    seed: int
    mutants: tuple[Mutant, ...]
    controls: tuple[Control, ...]
    uncovered: tuple[Uncovered, ...]


@dataclass(frozen=True)
class Mutants:
    """The mutants, and whether they are of the build that the suite passed."""

    build: Sameness
    seed: int
    mutants: int
    killed: int
    survivors: tuple[Mutant, ...]
    controls: int
    controls_passed: int
    controls_failed: tuple[Control, ...]
    requirements: int
    """That some mutant breaks."""
    uncovered: tuple[Uncovered, ...]


def read_mutants(path: Path) -> MutantsInput:
    """Read the mutants.

    Raises:
        InputError: naming the file and its first fault.
    """
    return read_document(path, MutantsInput, "the JSON of the mutants")


def gather_mutants(given: MutantsInput, checked: str | None) -> Mutants:
    """Count the killed, and name the survivors."""
    survivors = [mutant for mutant in given.mutants if not mutant.killed]
    failed = [control for control in given.controls if not control.passed]
    return Mutants(
        build=compare_builds(checked, given.fingerprint),
        seed=given.seed,
        mutants=len(given.mutants),
        killed=len(given.mutants) - len(survivors),
        survivors=tuple(survivors),
        controls=len(given.controls),
        controls_passed=len(given.controls) - len(failed),
        controls_failed=tuple(failed),
        requirements=len({number for mutant in given.mutants for number in mutant.requirements}),
        uncovered=given.uncovered,
    )
