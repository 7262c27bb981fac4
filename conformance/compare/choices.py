"""The values that are tried: drawn by Hypothesis from the strategies, sorted by class."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from math import copysign, isfinite
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st

from conformance.compare.operation import EarlierId, OperationsError
from conformance.compare.values import parts_or_none
from conformance.text import source

_EXAMPLES = 100
_MOST_ROUNDS = 10
_DEEP = 20
_EARLIER = "an earlier id"
_PLAIN = frozenset({"text", "integer", "float", "digits", "upper case", "dict", "list", _EARLIER})
"""The classes that no finding needs to name."""


@dataclass(frozen=True, eq=False)
class Choice:
    """A value of an argument, the Python that makes it, and the classes that it has and the plain value has not."""

    value: Any
    text: str
    classes: frozenset[str]
    is_plain: bool = False

    @property
    def is_several(self) -> bool:
        """Whether it may name several entries."""
        return isinstance(self.value, (Mapping, list, tuple, set, frozenset)) and not hasattr(self.value, "_fields")

    @property
    def entries(self) -> list[Choice]:
        """The entries that it names: those in it, if it is a collection."""
        if self.is_several:
            return [Choice(one, source(one), self.classes, self.is_plain) for one in self.value]
        return [self]


class Pool:
    """Values of one argument, drawn from its strategy, the plainest first.

    They do not depend on the seed of a search: drawing goes on until a round gives no new class.

    Raises:
        OperationsError: if the strategy cannot be used.
    """

    def __init__(self, strategy: st.SearchStrategy[Any]) -> None:
        drawn: dict[tuple[type, str], Any] = {}
        seen = set[str]()
        for seed in range(_MOST_ROUNDS):
            before = len(seen)
            for value in _drawn(strategy, seed):
                drawn.setdefault((type(value), source(value)), value)
            self._classes = {text: frozenset(classes_in(value)) for (_, text), value in drawn.items()}
            seen = {one for classes in self._classes.values() for one in classes}
            if seed and len(seen) == before:
                break
        first = next(iter(drawn))[0]

        def plainness(key: tuple[type, str]) -> tuple[bool, bool, int, int, str]:
            classes = self._classes[key[1]]
            return _EARLIER not in classes, key[0] is not first, sum(map(_is_telling, classes)), len(key[1]), key[1]

        ordered = sorted(drawn, key=plainness)
        self.has_ids = _EARLIER in seen
        self._of_plain = self._classes[ordered[0][1]]
        self.choices = [Choice(drawn[key], key[1], self._novel(key[1]), key == ordered[0]) for key in ordered]
        self.plain = self.choices[0]

    def _novel(self, text: str) -> frozenset[str]:
        novel = self._classes[text] - self._of_plain
        telling = frozenset(one for one in novel if _is_telling(one))
        return telling or (novel if len(novel) == 1 else telling)

    def representatives(self, each: int = 1) -> list[Choice]:
        """The plainest values, so that every class has `each` of them, if there are as many."""
        seen = Counter[str]()
        chosen = []
        for choice in self.choices:
            classes = choice.classes or {""}
            if any(seen[one] < each for one in classes):
                seen.update(classes)
                chosen.append(choice)
        return chosen

    def plainer(self, choice: Choice) -> Iterator[Choice]:
        """Values that have less of what is not plain, the plainest first."""
        for one in self.choices:
            if one.text == choice.text:
                return
            if one.classes <= choice.classes:
                yield one


def _drawn(strategy: st.SearchStrategy[Any], seed: int) -> list[Any]:
    values: list[Any] = []
    settings = hypothesis.settings(
        max_examples=_EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )

    @hypothesis.seed(seed)
    @settings
    @hypothesis.given(strategy)
    def draw(value: Any) -> None:
        values.append(value)

    try:
        draw()
    except Exception as fault:
        raise OperationsError(f"a strategy cannot be used: {fault}") from fault
    return values


def _is_telling(one: str) -> bool:
    return one.rpartition(": ")[2] not in _PLAIN


def classes_in(value: Any, depth: int = 0) -> Iterator[str]:
    """The classes of a value and of everything in it, with the fields that it is in."""
    yield class_of(value)
    if isinstance(value, Mapping):
        yield from (class_of(key) if type(key) is str else f"key {type(key).__name__}" for key in value)
        yield from ("keys that are alike as text",) if len({*map(str, value)}) < len(value) else ()
    for label, part in parts_or_none(value).items() if depth < _DEEP else ():
        field = f"{label[1:]}: " if label.startswith(".") else ""
        yield from (field + one for one in classes_in(part, depth + 1))


def class_of(value: Any) -> str:  # noqa: PLR0911  one for each class
    """The class of a value: what two stores may treat alike in all values that have it."""
    kind = type(value).__name__
    if isinstance(value, EarlierId):
        return _EARLIER
    if isinstance(value, str) and not isinstance(value, Enum):
        return _class_of_text(value)
    if isinstance(value, bool):
        return kind
    if type(value) is int:
        size = "big integer" if abs(value) > 2**63 else "large integer" if abs(value) > 2**53 else "integer"
        return size if value > 0 else f"negative {size}" if value else "zero"
    if type(value) is float:
        if not isfinite(value):
            return "NaN or infinity"
        named = "whole float" if value.is_integer() else "float"
        return named if copysign(1, value) > 0 else f"negative {named}" if value else "-0.0"
    if isinstance(value, datetime):
        return "datetime with zone" if value.tzinfo else "datetime without zone"
    return f"empty {kind}" if isinstance(value, (Mapping, Sequence, AbstractSet)) and not value else kind


def _class_of_text(text: str) -> str:
    if type(text) is not str:
        return f"text of type {type(text).__name__}"
    is_composed = unicodedata.is_normalized("NFC", text)
    tests = {
        "empty text": not text,
        "surrogates of a character": re.search("[\ud800-\udbff][\udc00-\udfff]", text),
        "lone surrogate": re.search("[\ud800-\udfff]", text),
        "long text": len(text) > 200,  # noqa: PLR2004
        "control character": re.search(r"[\x00-\x1f\x7f]", text),
        "glob": re.search(r"[*?\[\]]", text),
        "separator": re.search(r"[:/.|\\]", text),
        "Unicode": not text.isascii() and is_composed,
        "Unicode that is not NFC": not is_composed,
        "space": " " in text,
        "punctuation": not text.isalnum(),
        "digits": text.isdigit(),
        "upper case": text != text.lower(),
    }
    return next((name for name, is_met in tests.items() if is_met), "text")
