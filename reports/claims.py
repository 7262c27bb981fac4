"""The claims: what Auto-Clip's document states, row by row. `claims.toml` holds the rows."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from reports.inputs import Mode, Operation
from reports.latency import Range


class _Claim(BaseModel):
    """One statement, in both languages, and the section of the document that makes it."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", str_strip_whitespace=True)

    id: str
    section: str
    en: str
    zh: str


class Behaviour(_Claim):
    """Decided by the requirements that name it. A correction says what is true instead, although the checks pass."""

    kind: Literal["behaviour"]
    corrected_en: str | None = None
    corrected_zh: str | None = None


class Identity(_Claim):
    """That both modes behave alike: decided by comparing them case by case."""

    kind: Literal["identity"]


class LatencyRange(_Claim):
    """How long an operation takes."""

    kind: Literal["latency"]
    operation: Operation
    mode: Mode
    low_ms: float
    high_ms: float


class _Reading(_Claim):
    """A vague sentence, and the figure that we hold it to, which is not the document's."""

    reading_en: str
    reading_zh: str


class Ratio(_Reading):
    """That Redis mode is slower, by as much as the documented ranges allow."""

    kind: Literal["ratio"]


class Overhead(_Reading):
    """That Redis mode takes longer by no more than this share of a request."""

    kind: Literal["overhead"]
    request_ms: float
    share: float


class Tail(_Reading):
    """That the 99th percentile stays below a limit at a number of tasks."""

    kind: Literal["tail"]
    limit_ms: float
    tasks: int


Reading = Ratio | Overhead | Tail
Claim = Behaviour | Identity | LatencyRange | Reading


@cache
def load_claims() -> tuple[Claim, ...]:
    """Read every row, in the order of the numbers."""
    rows = tomllib.loads(Path(__file__).with_name("claims.toml").read_text(encoding="utf-8"))["claim"]
    return TypeAdapter(tuple[Annotated[Claim, Field(discriminator="kind")], ...]).validate_python(tuple(rows))


def documented_ranges() -> tuple[Range, ...]:
    """Select the documented latencies."""
    return tuple(
        Range(claim.operation, claim.mode, claim.low_ms, claim.high_ms)
        for claim in load_claims()
        if isinstance(claim, LatencyRange)
    )
