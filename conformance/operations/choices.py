"""The values that are tried: drawn by Hypothesis from the strategies, sorted by class."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
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
from hypothesis.strategies._internal.lazy import unwrap_strategies
from hypothesis.strategies._internal.strategies import OneOfStrategy, SampledFromStrategy

from conformance.operations.operation import EarlierId, OperationsError
from conformance.operations.parts import parts_of
from conformance.operations.values import HOSTILE_VALUES, KEYS, NESTED
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

    def is_plainer_than(self, other: Choice) -> bool:
        """Whether it has nothing special that the other has not."""
        own = _telling(self.classes) if type(self.value) is type(other.value) else self.classes
        return own <= other.classes

    @property
    def is_several(self) -> bool:
        """Whether it may name several entries."""
        return isinstance(self.value, Mapping | list | tuple | set | frozenset) and not hasattr(self.value, "_fields")

    @property
    def entries(self) -> list[Choice]:
        """The entries that it names: those in it, if it is a collection."""
        if not self.is_several:
            return [self]
        parts = [Choice(part, source(part), self.classes & {*_classes_in(part)}) for part in self.value]
        return parts or [self]

    @property
    def has_surrogates(self) -> bool:
        """Whether a text in it cannot be encoded."""
        return any("surrogate" in name for name in self.classes)

    def complexity(self, simplest: type, own: Collection[str]) -> tuple[Any, ...]:
        """How far from simple it is.

        `simplest` is the type of the strategy's first value, `own` are texts of values that the harness itself names.
        """
        is_new = _EARLIER not in self.classes
        is_odd = type(self.value) is not simplest
        telling = len(_telling(self.classes))
        return is_new, is_odd, self.has_surrogates, telling, self.text not in own, len(self.text), self.text


class Pool:
    """Values of one argument, drawn from its strategy, the plainest first. They do not depend on the seed of a search.

    Raises:
        OperationsError: if the strategy cannot be used.
    """

    def __init__(self, strategy: st.SearchStrategy[Any]) -> None:
        drawn = [Choice(value, source(value), frozenset(_classes_in(value))) for value in _drawn(strategy)]
        simplest = type(drawn[0].value)
        own = {source(value) for value in _named_in(strategy)}
        drawn.sort(key=lambda choice: choice.complexity(simplest, own))
        self.choices: list[Choice] = []
        for choice in drawn:
            novel = choice.classes - drawn[0].classes
            self.choices.append(replace(choice, classes=_telling(novel) or novel))
        self.plain = self.choices[0]

    def own(self, choice: Choice) -> Choice | None:
        """This pool's choice of a value. For one that it has not drawn: that choice if it may draw more, or None."""
        for own in self.choices:
            if own.text == choice.text:
                return own
        return choice if len(self.choices) > _FEW else None

    def is_foreign(self, choice: Choice) -> bool:
        """Whether a value is a text that cannot be encoded, or of a type that the argument does not take."""
        value, plain = choice.value, self.plain.value
        if value is None or isinstance(plain, EarlierId):  # an argument is left out so; an id may be of any type
            return False
        if choice.has_surrogates:
            return True
        are_numbers = isinstance(value, Number) and isinstance(plain, Number)
        return not (are_numbers or isinstance(value, type(plain)) or isinstance(plain, type(value)))

    def representatives(self, each: int = 1) -> list[Choice]:
        """The plainest values, so that every class has `each` of them, if there are as many."""
        seen = Counter[str]()
        chosen = []
        for choice in self.choices:
            classes = choice.classes or {""}
            if any(seen[name] < each for name in classes):
                seen.update(classes)
                chosen.append(choice)
        return chosen

    def plainer(self, choice: Choice) -> list[Choice]:
        """Values that have less of what is not plain, the plainest first."""
        before = takewhile(lambda simpler: simpler.text != choice.text, self.choices)
        return [simpler for simpler in before if simpler.is_plainer_than(choice)]


pool_of = cache(Pool)
"""The values of a strategy: arguments that share it share them."""


def _telling(classes: frozenset[str]) -> frozenset[str]:
    return frozenset(name for name in classes if name.rpartition(": ")[2] not in _PLAIN)


def _named_in(strategy: Any) -> Iterator[Any]:
    """Yield the values of every `sampled_from` of the harness: they come before hostile ones of the same class."""
    unwrap: Any = unwrap_strategies
    strategy = unwrap(strategy)
    if isinstance(strategy, OneOfStrategy):
        for branch in strategy.original_strategies:
            yield from _named_in(branch)
    elif isinstance(strategy, SampledFromStrategy) and tuple(strategy.elements) not in (KEYS, HOSTILE_VALUES, NESTED):
        yield from strategy.elements


def _drawn(strategy: st.SearchStrategy[Any]) -> list[Any]:
    """Different values of a strategy; the first is the simplest."""
    values: dict[tuple[type, str], Any] = {}
    settings = hypothesis.settings(
        max_examples=_EXAMPLES,
        phases=[Phase.generate],
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )

    @hypothesis.seed(0)
    @settings
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
        for key in value:
            yield _class_of(key) if type(key) is str else f"key {type(key).__name__}"
        if len({*map(str, value)}) < len(value):
            yield "keys that are alike as text"
    for label, part in (parts_of(value) or {}).items():
        field = f"{label[1:]}: " if label.startswith(".") else ""
        for name in _classes_in(part):
            yield field + name


def _class_of(value: Any) -> str:
    """The class of a value: what two stores may treat alike in all values that have it."""
    kind = type(value).__name__
    if isinstance(value, str) and not isinstance(value, Enum):
        return _class_of_text(value) if kind == "str" else f"text of type {kind}"
    if type(value) is int:
        return _class_of_integer(value)
    if type(value) is float:
        return _class_of_float(value)
    if isinstance(value, datetime):
        return f"datetime {'with' if value.tzinfo else 'without'} zone"
    return f"empty {kind}" if hasattr(value, "__len__") and not value else kind


def _class_of_text(value: str) -> str:
    return next(name for name, pattern in _TEXTS.items() if re.search(pattern, value, re.DOTALL))


def _class_of_integer(value: int) -> str:
    if value == 0:
        return "zero"
    name = "integer"
    if abs(value) > 2**63:
        name = "big integer"
    elif abs(value) > 2**53:
        name = "large integer"
    return name if value > 0 else f"negative {name}"


def _class_of_float(value: float) -> str:
    name = "whole float"
    if not isfinite(value):
        name = "NaN or infinity"
    elif value % 1:
        name = "float"
    return name if copysign(1, value) > 0 else f"negative {name}"
