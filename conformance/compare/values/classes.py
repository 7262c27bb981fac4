"""Classes of argument values, which values are plain, and values that are simpler."""

from __future__ import annotations

import dataclasses
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
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
from conformance.engine.script import source

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
        yield (
            "zero"
            if not value
            else "negative integer"
            if value < 0
            else "integer"
            if value <= _BIG
            else "big integer"
            if value < _HUGE
            else "huge integer"
        )
    elif isinstance(value, float):
        yield (
            "NaN or infinity"
            if not isfinite(value)
            else "negative float"
            if value < 0
            else "float"
            if value or copysign(1, value) > 0
            else "-0.0"
        )
    elif isinstance(value, datetime):
        yield "datetime with zone" if value.tzinfo else "datetime without zone"
    else:
        kind = type(value).__name__
        yield f"empty {kind}" if isinstance(value, (Mapping, Sequence, AbstractSet)) and not value else kind
        for key in value if isinstance(value, Mapping) else ():
            yield f"key {type(key).__name__}" if type(key) is not str else _class_of_text(key)


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
    """Those of these classes that are worth naming."""
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
        """Values of which every class has so many, the simplest of each."""
        seen: Counter[str] = Counter()
        chosen = []
        for value in self.values:
            classes = self.classes[source(value)]
            if any(seen[one] < each for one in classes):
                chosen.append(value)
                seen.update(classes)
        return chosen


def simpler(value: Any, plain: Any = None) -> Iterator[Any]:
    """Values with less in them, or with a part of the plain value in the place of their own; none becomes empty."""
    if type(value) in (list, tuple):
        kind = type(value)
        for index in range(len(value)) if len(value) > 1 else ():
            yield kind([*value[:index], *value[index + 1 :]])
        for index, part in enumerate(value):
            yield from (kind([*value[:index], less, *value[index + 1 :]]) for less in simpler(part))
    elif type(value) is dict:
        yield from _simpler_items(value, plain if type(plain) is dict else {})
    elif hasattr(value, "model_copy"):  # pydantic
        yield from _simpler_fields(
            value, sorted(value.model_fields_set), plain, lambda fields: value.model_copy(update=fields)
        )
    elif dataclasses.is_dataclass(value) and not isinstance(value, (type, EarlierId)):
        names = [field.name for field in dataclasses.fields(value) if field.init]
        yield from _simpler_fields(value, names, plain, lambda fields: dataclasses.replace(value, **fields))


def _simpler_items(value: dict[Any, Any], plain: dict[Any, Any]) -> Iterator[dict[Any, Any]]:
    for key in value if len(value) > 1 else ():
        yield {known: part for known, part in value.items() if known != key}
    for key, part in value.items():
        for plain_key, plain_part in plain.items():
            if (key, source(part)) != (plain_key, source(plain_part)):
                yield {**value, key: plain_part}
                yield {**{known: one for known, one in value.items() if known != key}, plain_key: part}
        yield from ({**value, key: less} for less in simpler(part))


def _simpler_fields(
    value: Any, names: list[str], plain: Any, replaced: Callable[[dict[str, Any]], Any]
) -> Iterator[Any]:
    for name in names:
        part = getattr(value, name)
        if type(plain) is type(value) and source(part) != source(less := getattr(plain, name)):
            yield replaced({name: less})
    for name in names:
        yield from (replaced({name: less}) for less in simpler(getattr(value, name)))
