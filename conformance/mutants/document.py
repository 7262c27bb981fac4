"""The document that `conformance mutants --json` writes: its one definition, for writers and readers."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Count = Annotated[int, Field(ge=0)]


class _Object(BaseModel):
    """A JSON object. Types are exact, and no other fields are allowed."""

    model_config = ConfigDict(strict=True, frozen=True, populate_by_name=True, extra="forbid")


class Written(_Object):
    """A mutant that is written by hand. Killed: each of its cases failed on it with an assertion."""

    name: str
    doc: str
    requirements: tuple[str, ...]
    cases: tuple[str, ...]
    subject: str
    mode: str
    source: str
    """Where somebody had the bug."""
    killed: bool
    reason: str
    """Why it survived."""
    seconds: float


class Control(_Object):
    """A store that is changed and still right."""

    name: str
    subject: str
    passed: bool
    reason: str
    seconds: float


class Made(_Object):
    """A fault that an operator makes on a subject, and what the tour saw of it.

    Not reached: no scene meets its condition. Not changed: where it was reached, nothing was other than right.
    """

    fault: str
    operator: str
    subject: str
    mode: str
    drawn: bool
    """Whether the seed chose it. The others are played in every run."""
    wanted: str
    """The requirement under which it has to be reported; nothing where any will do."""
    source: str
    reached: bool
    changed: bool
    killed: bool
    requirements: tuple[str, ...]
    """Those of the finding that killed it, the nearest first."""
    scene: str
    reason: str
    """Why it survived."""
    known: str
    """Why that is right, from the committed list of survivors; nothing where no entry covers it."""


class Defence(_Object):
    """What shows that the suite defends a MUST in one mode: mutants that were killed by it, or why there is none."""

    requirement: str
    mode: str
    written: tuple[str, ...]
    made: Count
    """How many faults of operators were reported under the requirement."""
    reason: str


class Sample(_Object):
    """How the faults were drawn."""

    seed: int
    faults: Count
    left_out: Count
    """Draws that gave no fault that could change anything, or one that was drawn before."""


class MutantsDocument(_Object):
    """All of it."""

    version: Literal["conformance-mutants/2"] = Field(alias="schema")
    fingerprint: str
    seconds: float
    written: tuple[Written, ...]
    controls: tuple[Control, ...]
    sample: Sample
    made: tuple[Made, ...]
    defences: tuple[Defence, ...]
