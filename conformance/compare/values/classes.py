"""Classes of argument values, and which values are plain."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from enum import Enum
from math import copysign, isfinite
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st

from conformance.compare.operations.operation import EarlierId
from conformance.compare.values.parts import inside
from conformance.text import source

_EXAMPLES = 200
_LONG = 200
_BIG = 2**53
_HUGE = 10**4_300  # Python writes no longer ones as text
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def classes_of(value: Any) -> frozenset[str]:
    """Every class of value in this value, itself included."""
    return frozenset(one for part in inside([value]) for one in _classes(part.value))


def _classes(value: Any) -> Iterator[str]:
    if isinstance(value, EarlierId):
        yield "an earlier id"
    elif isinstance(value, Enum):
        yield type(value).__name__
    elif isinstance(value, str):
        yield _class_of_text(value)
    elif value is None or isinstance(value, (bool, bytes)):
        yield type(value).__name__
    elif isinstance(value, int):
        yield _class_of_integer(value)
    elif isinstance(value, float):
        yield _class_of_float(value)
    elif isinstance(value, datetime):
        yield "datetime with zone" if value.tzinfo else "datetime without zone"
    else:
        kind = type(value).__name__
        yield f"empty {kind}" if isinstance(value, (Mapping, Sequence, AbstractSet)) and not value else kind
        for key in value if isinstance(value, Mapping) else ():
            yield f"key {type(key).__name__}" if type(key) is not str else _class_of_text(key)


def _class_of_integer(value: int) -> str:
    if value <= 0:
        return "negative integer" if value else "zero"
    if value <= _BIG:
        return "integer"
    return "big integer" if value < _HUGE else "huge integer"


def _class_of_float(value: float) -> str:
    if not isfinite(value):
        return "NaN or infinity"
    if value < 0:
        return "negative float"
    return "float" if value or copysign(1, value) > 0 else "-0.0"


def _class_of_text(text: str) -> str:  # noqa: C901, PLR0911  one for each class
    if type(text) is not str:
        return f"text of type {type(text).__name__}"
    if not text:
        return "empty text"
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        return "lone surrogate"
    if len(text) > _LONG:
        return "long text"
    if _CONTROL.search(text):
        return "control character"
    if re.search(r"[*?\[\]]", text):
        return "glob"
    if re.search(r"[:/.|\\]", text):
        return "separator"
    if not text.isascii():
        return "Unicode" if unicodedata.is_normalized("NFC", text) else "Unicode that is not NFC"
    if text.strip() != text or " " in text:
        return "space"
    if not text.isalnum():
        return "punctuation"
    return "digits" if text.isdigit() else "upper case" if text != text.lower() else "text"


_PLAIN = frozenset({"text", "integer", "float", "digits", "upper case", "an earlier id", "dict", "list", "str"})


def telling(classes: frozenset[str]) -> frozenset[str]:
    """The classes that are worth naming."""
    return classes - _PLAIN


class Pool:
    """Values of one argument, drawn from its strategy: the plain one first, and the simpler before others."""

    def __init__(self, strategy: st.SearchStrategy[Any], seed: int) -> None:
        drawn: list[Any] = []

        def collect(value: Any) -> None:
            drawn.append(value)

        settings = hypothesis.settings(
            max_examples=_EXAMPLES,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        hypothesis.seed(seed)(settings(hypothesis.given(strategy)(collect)))()
        unique = {(type(value), source(value)): value for value in drawn}
        simplest = drawn[0]
        self.classes = {text: classes_of(value) for (_, text), value in unique.items()}
        ordered = sorted(
            unique.values(),
            key=lambda value: (
                not isinstance(value, EarlierId),
                type(value) is not type(simplest),
                len(self.classes[source(value)] - _PLAIN),
                source(value) != source(simplest),
                len(source(value)),
                source(value),
            ),
        )
        self.values = ordered
        self.plain = ordered[0]
        self._of_plain = classes_of(self.plain)
        self.has_ids = any("an earlier id" in classes for classes in self.classes.values())

    def classes_of(self, value: Any) -> frozenset[str]:
        """The classes of a value, which need not be one of these."""
        return self.classes.get(source(value)) or classes_of(value)

    def novel(self, value: Any) -> frozenset[str]:
        """The classes of a value that the plain one does not have."""
        return self.classes_of(value) - self._of_plain

    def representatives(self, each: int) -> list[Any]:
        """The simplest values, so that every class has `each` of them if there are as many."""
        seen: Counter[str] = Counter()
        chosen = []
        for value in self.values:
            classes = self.classes[source(value)]
            if any(seen[one] < each for one in classes):
                chosen.append(value)
                seen.update(classes)
        return chosen
