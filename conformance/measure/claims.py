"""The claims of a document, as data: what it states, sentence by sentence, as in `conformance/examples/auto_clip.toml`.

The kind `latency` is decided on any store by `conformance measure`. The others are about two modes, and are decided by
`python -m statements` and this project's report.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from conformance.files import read_toml

Texts = Annotated[dict[str, str], Field(min_length=1)]
"""A sentence, by language."""
Unit = Literal["ns", "µs", "ms", "s"]
_MILLISECONDS: Mapping[Unit, float] = {"ns": 1e-6, "µs": 1e-3, "ms": 1.0, "s": 1e3}


class _Form(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


class _Claim(_Form):
    """One statement, the section of the document that makes it, and the words that it rests on."""

    id: str
    section: str = ""
    quotation: str = ""
    """The words of the document, in its own language. They decide; the sentence only renders them."""
    sentence: Texts


class Behaviour(_Claim):
    """Decided by checks of `statements`, which follow from the quotation alone."""

    kind: Literal["behaviour"]
    checks: Annotated[dict[str, Texts], Field(min_length=1)]
    """What each check expects, by the check's name. One that fails refutes the claim."""
    corrected: Texts | None = None
    """What is true instead: the checks pass, but the words as they stand mislead."""


class Identity(_Claim):
    """That both modes behave alike: decided by comparing them."""

    kind: Literal["identity"]


class Latency(_Claim):
    """How long an operation takes: a range, at each of some numbers of entries in the store."""

    operation: str
    mode: str = ""
    """`memory` or `redis`: a harness of another mode is not judged. Empty: any."""
    range: tuple[float, float]
    entries: tuple[Annotated[int, Field(ge=0)], ...] = ()
    """Empty: one number, which whoever measures chooses."""
    kind: Literal["latency"]
    unit: Unit = "ms"
    quantile: Annotated[float, Field(gt=0, lt=1)] = 0.5

    @model_validator(mode="after")
    def _check_range(self) -> Self:
        if self.range[0] >= self.range[1]:
            raise ValueError(f"range: {self.range[0]:g} is not below {self.range[1]:g}")
        return self

    @property
    def low_ms(self) -> float:
        """The lower end in milliseconds."""
        return self.range[0] * _MILLISECONDS[self.unit]

    @property
    def high_ms(self) -> float:
        """The upper end in milliseconds."""
        return self.range[1] * _MILLISECONDS[self.unit]


class Ratio(_Claim):
    """That Redis mode is slower, by as much as the documented ranges allow."""

    kind: Literal["ratio"]


class Overhead(_Claim):
    """That Redis mode takes longer by no more than this share of a request."""

    kind: Literal["overhead"]
    request_ms: float
    share: float


class Tail(_Claim):
    """That the 99th percentile stays below a limit at a number of tasks."""

    kind: Literal["tail"]
    limit_ms: float
    tasks: int


Claim = Annotated[Behaviour | Identity | Latency, Field(discriminator="kind")]
Reading = Annotated[Behaviour | Ratio | Overhead | Tail, Field(discriminator="kind")]
"""What a reader may take the quotation for, but does not follow from it: our own, and never counted as a claim."""


class About(_Form):
    """The document that makes the claims."""

    title: Texts = {"en": ""}
    link: str = ""
    service: str = ""
    """A link to the source of what it describes."""


class Claims(_Form):
    """A file of claims."""

    document: About = About()
    claim: tuple[Claim, ...]
    reading: tuple[Reading, ...] = ()


AUTO_CLIP = Path(__file__).parents[1] / "examples" / "auto_clip.toml"


def read_claims(file: Path) -> Claims:
    """Read a file of claims.

    Raises:
        FileError: naming the file and its first fault.
    """
    return read_toml(file, Claims, "a file of claims")


def in_language(texts: Texts, language: str) -> str:
    """Choose the text in a language; if there is none, the first one."""
    return texts.get(language) or next(iter(texts.values()))
