"""The values that are tried: drawn by Hypothesis from the strategies, sorted by class."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from math import copysign, isfinite
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st

from conformance.compare.operation import OperationsError
from conformance.compare.values import parts_or_none
from conformance.text import source

_EXAMPLES, _MOST_ROUNDS = 100, 10
_EARLIER = "EarlierId"
_PLAIN = frozenset({"text", "integer", "float", "digits", "upper case", "dict", "list", _EARLIER})
"""The classes that no finding needs to name."""
_SEVERAL = (Mapping, list, tuple, set, frozenset)


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
        return isinstance(self.value, _SEVERAL) and not hasattr(self.value, "_fields")

    @property
    def entries(self) -> list[Choice]:
        """The entries that it names: those in it, if it is a collection."""
        inside = self.value if self.is_several else [self.value]
        return [Choice(one, source(one), self.classes, self.is_plain) for one in inside]


class Pool:
    """Values of one argument, drawn from its strategy, the plainest first.

    They do not depend on the seed of a search: drawing goes on until a round gives no new class.

    Raises:
        OperationsError: if the strategy cannot be used.
    """

    def __init__(self, strategy: st.SearchStrategy[Any]) -> None:
        drawn: dict[tuple[type, str], tuple[Any, frozenset[str]]] = {}
        seen = set[str]()
        for seed in range(_MOST_ROUNDS):
            before = len(seen)
            for value in _drawn(strategy, seed):
                key = type(value), source(value)
                if key not in drawn:
                    drawn[key] = value, frozenset(_classes_in(value))
                    seen |= drawn[key][1]
            if seed and len(seen) == before:
                break
        simplest = next(iter(drawn))[0]

        def plainness(key: tuple[type, str]) -> tuple[Any, ...]:
            classes = drawn[key][1]
            return _EARLIER not in classes, key[0] is not simplest, len(_telling(classes)), len(key[1]), key[1]

        ordered = sorted(drawn, key=plainness)
        plain = drawn[ordered[0]][1]
        self.has_ids = _EARLIER in seen
        self.choices = []
        for key in ordered:
            value, classes = drawn[key]
            novel = classes - plain
            named = _telling(novel) or (novel if len(novel) == 1 else frozenset())
            self.choices.append(Choice(value, key[1], named, key == ordered[0]))
        self.plain = self.choices[0]

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

    def plainer(self, choice: Choice) -> list[Choice]:
        """Values that have less of what is not plain, the plainest first."""
        texts = [one.text for one in self.choices]
        end = texts.index(choice.text) if choice.text in texts else len(texts)
        return [one for one in self.choices[:end] if one.classes <= choice.classes]


def _telling(classes: frozenset[str]) -> frozenset[str]:
    return frozenset(one for one in classes if one.rpartition(": ")[2] not in _PLAIN)


def _drawn(strategy: st.SearchStrategy[Any], seed: int) -> list[Any]:
    values: list[Any] = []
    settings = hypothesis.settings(
        max_examples=_EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )

    def draw(value: Any) -> None:
        values.append(value)

    try:
        hypothesis.seed(seed)(settings(hypothesis.given(strategy)(draw)))()
    except Exception as fault:
        raise OperationsError(f"a strategy cannot be used: {fault}") from fault
    return values


def _classes_in(value: Any) -> Iterator[str]:
    """The classes of a value and of everything in it, with the fields that it is in."""
    yield _class_of(value)
    if isinstance(value, Mapping):
        yield from (_class_of(key) if type(key) is str else f"key {type(key).__name__}" for key in value)
        yield from ("keys that are alike as text",) if len({*map(str, value)}) < len(value) else ()
    for label, part in parts_or_none(value).items():
        field = f"{label[1:]}: " if label.startswith(".") else ""
        yield from (field + one for one in _classes_in(part))


def _class_of(value: Any) -> str:
    """The class of a value: what two stores may treat alike in all values that have it."""
    kind = type(value).__name__
    if isinstance(value, str) and not isinstance(value, Enum):
        return _class_of_text(value) if kind == "str" else f"text of type {kind}"
    if type(value) is int:
        size = "big integer" if abs(value) > 2**63 else "large integer" if abs(value) > 2**53 else "integer"
        return "zero" if value == 0 else size if value > 0 else f"negative {size}"
    if type(value) is float:
        size = "NaN or infinity" if not isfinite(value) else "float" if value % 1 else "whole float"
        return size if copysign(1, value) > 0 else f"negative {size}"
    if isinstance(value, datetime):
        return f"datetime {'with' if value.tzinfo else 'without'} zone"
    return f"empty {kind}" if hasattr(value, "__len__") and not value else kind


def _class_of_text(text: str) -> str:
    tests = {
        "empty text": not text,
        "surrogates of a character": re.search("[\ud800-\udbff][\udc00-\udfff]", text),
        "lone surrogate": re.search("[\ud800-\udfff]", text),
        "long text": len(text) > 200,  # noqa: PLR2004
        "control character": re.search(r"[\x00-\x1f\x7f]", text),
        "glob": re.search(r"[*?\[\]]", text),
        "separator": re.search(r"[:/.|\\]", text),
        "Unicode that is not NFC": not unicodedata.is_normalized("NFC", text),
        "Unicode": not text.isascii(),
        "space": " " in text,
        "punctuation": not text.isalnum(),
        "digits": text.isdigit(),
        "upper case": text != text.lower(),
    }
    return next((name for name, is_met in tests.items() if is_met), "text")
