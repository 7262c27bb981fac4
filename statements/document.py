"""The document that `python -m statements --json` writes."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

CheckVerdict = Literal["pass", "fail", "not-testable"]


class _Object(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True)


class CheckResult(_Object):
    """The result of one check on one store. A check that is not about the store's mode has none."""

    check: str
    store: str
    verdict: CheckVerdict
    came: str = ""
    """What came instead of what was expected, or why nothing could be said."""


class StatementResults(_Object):
    """The results of a run."""

    form: Literal["statement-results/1"] = Field("statement-results/1", alias="schema")
    fingerprint: str
    """Of the build of taskstore."""
    servers: dict[str, str]
    """By store, which server it was on; empty for memory mode."""
    results: tuple[CheckResult, ...]
