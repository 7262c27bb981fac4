"""The document that `conformance production --json` writes: its one definition, for writers and readers."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

Verdict = Literal["pass", "fail", "undecided", "skipped"]
Count = Annotated[int, Field(ge=0)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Object(BaseModel):
    """A JSON object. Types are exact, and fields that are not named here are ignored."""

    model_config = ConfigDict(strict=True, frozen=True, populate_by_name=True)


class Row(_Object):
    """One fault, and the results of its rounds."""

    fault: str
    sentence: str
    verdict: Verdict
    reasons: tuple[str, ...] = ()
    """Why it is no pass."""
    evidence: str = ""
    """What showed in the last round that the fault happened."""
    rounds: Count = 0
    calls: Count = 0
    acknowledged: Count = 0
    """Writes that succeeded."""
    needed: Count = 0
    """How many have to succeed for the row to mean something."""
    lost: Count = 0
    """Acknowledged writes that are not there afterwards."""
    may_lose: bool = False
    """Whether the server promises no more."""
    wrong: Count = 0
    """Tasks that no order of the calls explains, and totals of listings that are not the number of tasks."""
    foreign: dict[str, Count] = {}
    """Exceptions that are not the store's, by name."""
    longest: Seconds = 0.0
    """The longest that a caller waited."""
    limit: Seconds = 0.0
    """The timeouts of the store: no call is to take longer."""
    lasted: Seconds = 0.0
    """How long the fault lasted, at most."""
    again: Seconds = 0.0
    """From its end until each process had a write acknowledged, at most."""
    reopened: Count = 0
    """Stores that had to be opened again."""
    left: dict[str, int] = {}
    """By how much something grew and stayed so, by name: keys, descriptors, tasks of the loop, kilobytes of memory."""


class Production(_Object):
    """All rows of a run."""

    version: Literal["conformance-production/1"] = Field("conformance-production/1", alias="schema")
    fingerprint: str
    """Of the store."""
    server: str
    platform: str
    depth: str
    started: AwareDatetime
    seconds: Seconds
    processes: Count
    callers: Count
    """Of each process."""
    rows: tuple[Row, ...]
