"""The document that `conformance compare --json` writes: its one definition, for whoever writes or reads it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

Count = Annotated[int, Field(ge=0)]
Names = Annotated[set[str], PlainSerializer(sorted, return_type=list[str])]


class Status(StrEnum):
    """How a comparison ends. If several apply, it is the first of them."""

    CRASHED = "crashed"
    DIFFERENT = "different"
    TIME_OVER = "time over"
    NOT_EXERCISED = "not exercised"
    KNOWN = "known"
    ALIKE = "alike"

    @property
    def exit_status(self) -> int:
        """The exit status of the command."""
        return _MEANINGS[self][0]

    @property
    def summary(self) -> str:
        """The status in words."""
        return _MEANINGS[self][1]


_MEANINGS = {
    Status.CRASHED: (7, "the harness crashed"),
    Status.DIFFERENT: (1, "differences"),
    Status.TIME_OVER: (5, "the time was over before the plan was gone through: give more with --seconds"),
    Status.NOT_EXERCISED: (6, "no new difference, and not everything was exercised: this is no pass"),
    Status.KNOWN: (4, "known differences only"),
    Status.ALIKE: (0, "no difference was found"),
}


class Finding(BaseModel):
    """One cause: an operation and an argument, and what differs after it."""

    operation: str
    argument: str
    """Empty if none matters."""
    kind: str
    where: str
    """The field that differs."""
    what: str
    """What differs there: the two types, the two exceptions."""
    consequence: str
    script: tuple[str, ...]
    severity: int
    """Small for what loses data."""
    classes: Names = set()
    """The classes of the argument with which it shows; none if it shows with plain values."""
    also_in: Names = set()
    """Other operations in which it shows."""
    also_arguments: Names = set()
    """Other arguments with which it shows."""
    is_random: bool = False
    """Whether a random sequence found it, not the plan."""
    also: Names = set()
    """What else shows after the same step."""
    known: str = ""
    """The reason why it is accepted."""

    @property
    def title(self) -> str:
        """The finding in one line."""
        classes = f": {', '.join(sorted(self.classes))}" if self.classes else ""
        given = f"({self.argument}{classes})" if self.argument else ""
        return f"{self.operation}{given}: {self.consequence}"

    def lines(self) -> Iterator[str]:
        """The finding as lines of text."""
        yield self.title
        yield from (f"    {line}" for line in self.script)
        if self.also:
            yield f"    also: {'; '.join(sorted(self.also))}"
        if self.also_in:
            yield f"    also in: {', '.join(sorted(self.also_in))}"
        if self.known:
            yield f"    known: {self.known}"


class Row(BaseModel):
    """The calls of one operation."""

    calls: Count = 0
    results: Count = 0
    """Calls that returned a result in both stores."""
    empty: Count = 0
    """Results that were None, False, zero or empty."""
    hits: Count = 0
    """Calls whose entry existed."""
    longest: Count | None = None
    """The longest list in a result."""
    exceptions: tuple[Counter[str], Counter[str]] = Field(default_factory=lambda: (Counter(), Counter()))
    incomparable: Counter[str] = Field(default_factory=Counter)
    """Calls whose results could not be compared, by the reason."""

    @property
    def filled(self) -> int:
        """Results that had something in them."""
        return self.results - self.empty


class Report(BaseModel):
    """What a comparison found, and what it did to find it."""

    model_config = ConfigDict(frozen=True)

    version: Literal["conformance-comparison/1"] = Field("conformance-comparison/1", alias="schema")
    stores: tuple[str, str]
    seed: int
    status: Status
    crash: str
    """What the harness raised, and where, if it crashed."""
    not_exercised: tuple[str, ...]
    not_met: tuple[str, ...] = ()
    """Known differences that did not occur."""
    findings: tuple[Finding, ...]
    operations: dict[str, Row]
    not_tried: tuple[str, ...]
    """What was not tried, since a hook is missing."""
    declared: tuple[str, ...] = ()
    """Differences that the capabilities of the harnesses declare, which are no findings."""
    sequences: Count
    is_planned: bool
    """Whether the whole plan was played."""
    largest: Count
    """Entries in the largest store."""
    unconfirmed: Count
    """Differences that did not show again."""

    def shortcomings(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """What keeps a comparison without findings from being a pass: a heading, and lines."""
        if self.not_exercised:
            yield "not exercised:", self.not_exercised
        if self.not_met:
            yield "Known differences that did not occur (remove them from the file):", self.not_met

    def to_json(self) -> str:
        """The document as JSON text."""
        return self.model_dump_json(by_alias=True, indent=1) + "\n"
