"""The document that `conformance verify --json` writes: its one definition, for writers and readers."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

Verdict = Literal["pass", "fail", "not-testable"]
Count = Annotated[int, Field(ge=0)]


class _Object(BaseModel):
    """A JSON object. Types are exact, and fields that are not named here are ignored."""

    model_config = ConfigDict(strict=True, frozen=True, populate_by_name=True)


class Build(_Object):
    """The build that was verified, and where."""

    version: str
    fingerprint: str
    python: str
    platform: str
    seed: int


class Part(_Object):
    """One part. `decided`: enough was played for a verdict."""

    passed: bool
    decided: bool


class Difference(_Object):
    """What one subject did that the model does not allow, and the shortest script found that shows it."""

    subject: str
    requirements: tuple[str, ...]
    words: str
    script: tuple[str, ...]


class Search(Part):
    """Random scenes, each played on every subject."""

    scenes: Count
    calls: Count
    differences: tuple[Difference, ...]


class Walk(Part):
    """Every sequence of at most `length` calls of a small alphabet, or a share of them drawn by a seed."""

    length: Count
    share: float
    sequences: Count
    chosen: Count
    played: Count
    """How many of the chosen ones were played on every subject."""
    calls: Count
    not_played: dict[str, str]
    """By subject, why sequences were not played."""
    differences: tuple[Difference, ...]


class Contradiction(_Object):
    """Calls that no order explains: as text, as JSON Lines, and as a script."""

    seed: int
    text: str
    lines: str
    script: str
    again: bool
    """Whether the script's calls led to a contradiction again."""
    history: str
    """The whole history, as JSON Lines."""


class SubjectHistories(_Object):
    """The concurrent histories of one subject, each of which must have an order that explains it."""

    histories: Count = 0
    calls: Count = 0
    effective_writes: Count = 0
    conflicting_pairs: Count = 0
    lost_answers: Count = 0
    processes: Count = 1
    """The most that took part in a history."""
    across_processes: Count = 0
    """Histories with clients in several processes."""
    unqualified: Count = 0
    """Histories that had too little contention to count, though they were judged."""
    explained: Count = 0
    contradictions: tuple[Contradiction, ...] = ()
    unknown: Count = 0
    """Histories that were not decided within the budget."""
    steps: Count = 0
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        """Whether there were histories, each had enough contention, and each is explained."""
        return self.explained == self.histories > self.unqualified == 0


class Histories(Part):
    """The histories of every subject."""

    subjects: dict[str, SubjectHistories]


class Fault(_Object):
    """One fault that met one operation of one subject. `script` is what was called and done, if it failed."""

    subject: str
    fault: str
    sentence: str
    operation: str
    verdict: Verdict
    reason: str = ""
    script: tuple[str, ...] = ()


class Faults(Part):
    """Faults of the network, the server and the caller. `possible` counts every fault with every operation."""

    possible: Count
    cells: tuple[Fault, ...]


class Crash(_Object):
    """A share of a part that ended in an exception. The part has no results of it."""

    part: str
    subjects: tuple[str, ...]
    words: str


class Verification(_Object):
    """The whole run. A part that was not selected, or that has no results, is None."""

    version: Literal["conformance-verification/1"] = Field("conformance-verification/1", alias="schema")
    suite: Build
    depth: str
    started: AwareDatetime
    seconds: float
    subjects: tuple[str, ...]
    plain: tuple[Difference, ...] = ()
    """Differences that a few plain calls showed, before any part."""
    crashes: tuple[Crash, ...] = ()
    search: Search | None = None
    walk: Walk | None = None
    histories: Histories | None = None
    faults: Faults | None = None
