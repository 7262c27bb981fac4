"""The claims of a document about latency, as data: what it states, sentence by sentence.

A file may have claims of other kinds, as `conformance/examples/auto_clip.toml` has: about two modes, which
`python -m statements` and this project's report decide (`statements/document.py`).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from conformance.files import read_toml

Texts = Annotated[dict[str, str], Field(min_length=1)]
"""A sentence, by language."""
Unit = Literal["ns", "µs", "ms", "s"]
MILLISECONDS: Mapping[Unit, float] = {"ns": 1e-6, "µs": 1e-3, "ms": 1.0, "s": 1e3}
"""How long each unit is, from short to long."""


class Form(BaseModel):
    """A table of a file of claims."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


class Statement(Form):
    """A sentence of the document, the section that makes it, and the words that it rests on."""

    id: str
    section: str = ""
    quotation: str = ""
    """The words of the document, in its own language. They decide; the sentence only renders them."""
    sentence: Texts


class Latency(Statement):
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
    def range_ms(self) -> tuple[float, float]:
        """The lower and the upper end in milliseconds."""
        low, high = self.range
        unit = MILLISECONDS[self.unit]
        return low * unit, high * unit


class Other(Statement, extra="ignore"):
    """A claim that measuring one store does not decide: it is counted, and nothing else is done with it."""

    kind: Literal["behaviour", "identity"]


class Claims(Form):
    """A file of claims, as far as they are about latency; whoever decides the others reads all of it."""

    document: Any = None
    claim: tuple[Annotated[Latency | Other, Field(discriminator="kind")], ...]
    reading: Any = None


def read_claims(file: Path) -> Claims:
    """Read a file of claims.

    Raises:
        FileError: naming the file and its first fault.
    """
    return read_toml(file, Claims, "a file of claims")


def in_language(texts: Texts, language: str) -> str:
    """Choose the text in a language; if there is none, the first one."""
    return texts.get(language) or next(iter(texts.values()))
