"""Auto-Clip's document as data, and the results of its checks, which `python -m statements --json` writes."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

import conformance
from conformance.files import read_toml
from conformance.measure.claims import Form, Latency, Statement, Texts

AUTO_CLIP = Path(conformance.__file__).parent / "examples" / "auto_clip.toml"
CheckVerdict = Literal["pass", "fail", "not-testable"]


class Behaviour(Statement):
    """Decided by checks of `statements`, which follow from the quotation alone."""

    kind: Literal["behaviour"]
    checks: Annotated[dict[str, Texts], Field(min_length=1)]
    """What each check expects, by the check's name. One that fails refutes the claim."""
    corrected: Texts | None = None
    """What is true instead: the checks pass, but the words as they stand mislead."""


class Identity(Statement):
    """That both modes behave alike: decided by comparing them."""

    kind: Literal["identity"]


class Ratio(Statement):
    """That Redis mode is slower, by as much as the documented ranges allow."""

    kind: Literal["ratio"]


class Overhead(Statement):
    """That Redis mode takes longer by no more than this share of a request."""

    kind: Literal["overhead"]
    request_ms: float
    share: float


class Tail(Statement):
    """That the 99th percentile stays below a limit at a number of tasks."""

    kind: Literal["tail"]
    limit_ms: float
    tasks: int


Claim = Annotated[Behaviour | Identity | Latency, Field(discriminator="kind")]
Reading = Annotated[Behaviour | Ratio | Overhead | Tail, Field(discriminator="kind")]
"""What a reader may take the quotation for, but does not follow from it: our own, and never counted as a claim."""


class About(Form):
    """The document that makes the claims."""

    title: Texts
    link: str
    service: str
    """A link to the source of what it describes."""


class Document(Form):
    """The document: its claims, and what they are read as."""

    document: About
    claim: tuple[Claim, ...]
    reading: tuple[Reading, ...]


def read_document() -> Document:
    """Read what Auto-Clip's document states.

    Raises:
        FileError: naming the file and its first fault.
    """
    return read_toml(AUTO_CLIP, Document, "a file of claims")


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
