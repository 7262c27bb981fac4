"""The values that are tried: drawn by Hypothesis from the strategies, sorted by class."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from functools import cache
from itertools import takewhile
from math import copysign, isfinite
from numbers import Number
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st

from conformance.operations.operation import EarlierId, OperationsError
from conformance.operations.parts import parts_of
from conformance.text import source

_EXAMPLES = 400
_FEW = 40
"""A strategy that gave no more values than these gives no others."""
_EARLIER = EarlierId.__name__
_PLAIN = frozenset({"text", "integer", "float", "digits", "upper case", "dict", "list", _EARLIER})
"""The classes that a finding names only if there is no other."""
_TEXTS = {
    "empty text": r"^\Z",
    "surrogates of a character": "[\ud800-\udbff][\udc00-\udfff]",
    "lone surrogate": "[\ud800-\udfff]",
    "long text": ".{200}",
    "control character": r"[\x00-\x1f\x7f]",
    "glob": r"[*?\[\]]",
    "separator": r"[:/.|\\]",
    "Unicode with a combining character": "[\u0300-\u036f]",
    "Unicode": r"[^\x00-\x7f]",
    "space": " ",
    "punctuation": r"[\W_]",
    "digits": r"^\d+\Z",
    "upper case": "[A-Z]",
    "text": "",
}
"""The classes of texts, each with a pattern; the first that fits."""


@dataclass(frozen=True)
class Choice:
    """A value of an argument, the Python that makes it, and the classes that it has and the plain value has not."""

    value: Any = field(compare=False)
    text: str
    classes: frozenset[str] = field(compare=False)

    @property
    def is_several(self) -> bool:
        """Whether it may name several entries."""
        return isinstance(self.value, Mapping | list | tuple | set | frozenset) and not hasattr(self.value, "_fields")

    @property
    def entries(self) -> list[Choice]:
        """The entries that it names: those in it, if it is a collection."""
        parts = self.value if self.is_several else ()
        return [Choice(one, source(one), self.classes & {*_classes_in(one)}) for one in parts] or [self]


class Pool:
    """Values of one argument, drawn from its strategy, the plainest first. They do not depend on the seed of a search.

    Raises:
        OperationsError: if the strategy cannot be used.
    """

    def __init__(self, strategy: st.SearchStrategy[Any]) -> None:
        drawn = [(value, source(value), frozenset(_classes_in(value))) for value in _drawn(strategy)]
        simplest = type(drawn[0][0])

        def plainness(one: tuple[Any, str, frozenset[str]]) -> tuple[Any, ...]:
            value, text, classes = one
            is_readable = not any("surrogate" in name for name in classes)
            telling = len(_telling(classes))
            return _EARLIER not in classes, type(value) is not simplest, not is_readable, telling, len(text), text

        drawn.sort(key=plainness)
        novel = [(value, text, classes - drawn[0][2]) for value, text, classes in drawn]
        self.choices = [Choice(value, text, _telling(classes) or classes) for value, text, classes in novel]
        self.plain = self.choices[0]

    def own(self, choice: Choice) -> Choice | None:
        """This pool's choice of a value. For one that it has not drawn: that choice if it may draw more, or None."""
        alike = (one for one in self.choices if one.text == choice.text)
        return next(alike, choice if len(self.choices) > _FEW else None)

    def is_foreign(self, choice: Choice) -> bool:
        """Whether a value is a text that cannot be encoded, or of a type that the argument does not take."""
        value, plain = choice.value, self.plain.value
        if value is None or isinstance(plain, EarlierId):  # an argument is left out so; an id may be of any type
            return False
        is_alike = isinstance(value, type(plain)) or isinstance(plain, type(value))
        are_numbers = isinstance(value, Number) and isinstance(plain, Number)
        return not (is_alike or are_numbers) or any("surrogate" in name for name in choice.classes)

    def representatives(self, each: int = 1) -> list[Choice]:
        """The plainest values, so that every class has `each` of them, if there are as many."""
        seen = Counter[str]()
        chosen = []
        for choice in self.choices:
            if any(seen[one] < each for one in choice.classes or {""}):
                seen.update(choice.classes or {""})
                chosen.append(choice)
        return chosen

    def plainer(self, choice: Choice) -> list[Choice]:
        """Values that have less of what is not plain, the plainest first."""
        before = takewhile(lambda one: one.text != choice.text, self.choices)
        return [one for one in before if one.classes <= choice.classes]


pool_of = cache(Pool)
"""The values of a strategy: arguments that share it share them."""


def _telling(classes: frozenset[str]) -> frozenset[str]:
    return frozenset(one for one in classes if one.rpartition(": ")[2] not in _PLAIN)


def _drawn(strategy: st.SearchStrategy[Any]) -> list[Any]:
    """Different values of a strategy; the first is the simplest."""
    values: dict[tuple[type, str], Any] = {}
    quiet: Any = {"deadline": None, "database": None, "suppress_health_check": list(HealthCheck)}

    @hypothesis.seed(0)
    @hypothesis.settings(max_examples=_EXAMPLES, phases=[Phase.generate], **quiet)
    @hypothesis.given(strategy)
    def draw(value: Any) -> None:
        values.setdefault((type(value), source(value)), value)

    try:
        draw()
    except Exception as fault:
        raise OperationsError(f"a strategy cannot be used: {fault}") from fault
    return [*values.values()]


def _classes_in(value: Any) -> Iterator[str]:
    """The classes of a value and of everything in it, with the fields that it is in."""
    yield _class_of(value)
    if isinstance(value, Mapping):
        yield from (_class_of(key) if type(key) is str else f"key {type(key).__name__}" for key in value)
        yield from ("keys that are alike as text",) if len({*map(str, value)}) < len(value) else ()
    for label, part in (parts_of(value) or {}).items():
        field = f"{label[1:]}: " if label.startswith(".") else ""
        yield from (field + one for one in _classes_in(part))


def _class_of(value: Any) -> str:
    """The class of a value: what two stores may treat alike in all values that have it."""
    kind = type(value).__name__
    if isinstance(value, str) and not isinstance(value, Enum):
        if kind != "str":
            return f"text of type {kind}"
        return next(name for name, pattern in _TEXTS.items() if re.search(pattern, value, re.DOTALL))
    if type(value) is int:
        size = "big integer" if abs(value) > 2**63 else "large integer" if abs(value) > 2**53 else "integer"
        return "zero" if value == 0 else size if value > 0 else f"negative {size}"
    if type(value) is float:
        size = "NaN or infinity" if not isfinite(value) else "float" if value % 1 else "whole float"
        return size if copysign(1, value) > 0 else f"negative {size}"
    if isinstance(value, datetime):
        return f"datetime {'with' if value.tzinfo else 'without'} zone"
    return f"empty {kind}" if hasattr(value, "__len__") and not value else kind
