"""The values that are tried: drawn by Hypothesis from the strategies, sorted by class."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum
from functools import cache
from math import inf
from numbers import Number
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st

from conformance.operations.hostile import DRAWN
from conformance.operations.operation import EarlierId, OperationsError
from conformance.operations.parts import parts_of
from conformance.text import source

_EXAMPLES = 400
_FEW = 40
"""A strategy that gave no more values than these gives no others."""
_EACH = 4
"""Values of each class that are tried in place of others: some sequences need several."""
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
_NUMBERS = {
    "NaN or infinity": r"nan|inf",
    "whole float": r"\.0\Z|e\+",
    "float": r"\.|e-",
    "zero": r"^0\Z",
    "integer": r"^-?\d{1,15}\Z",
    "large integer": r"^-?\d{16,18}\Z",
    "big integer": "",
}
"""The same of numbers as Python."""


@dataclass(frozen=True, repr=False)
class Choice:
    """A value of an argument, the Python that makes it, and the classes that it has and the plain value has not."""

    value: Any = field(compare=False)
    text: str
    classes: frozenset[str] = field(compare=False)

    def __repr__(self) -> str:
        return self.text

    @property
    def is_several(self) -> bool:
        """Whether it may name several entries."""
        return isinstance(self.value, Mapping | list | tuple | set | frozenset) and not hasattr(self.value, "_fields")

    @property
    def entries(self) -> list["Choice"]:
        """The entries that it names: those in it, if it is a collection; of pairs the first of each."""
        if not self.is_several:
            return [self]
        parts = [part[0] if type(part) is tuple and part else part for part in self.value]
        return [Choice(part, source(part), self.classes & {*_classes_in(part)}) for part in parts] or [self]

    @property
    def has_surrogates(self) -> bool:
        """Whether a text in it cannot be encoded."""
        return any("surrogate" in name for name in self.classes)


class Pool:
    """Values of one argument, drawn from its strategy, the plainest first. They do not depend on the seed of a search.

    Raises:
        OperationsError: if the strategy cannot be used.
    """

    def __init__(self, strategy: st.SearchStrategy[Any]) -> None:
        DRAWN.clear()
        drawn = [Choice(value, source(value), frozenset(_classes_in(value))) for value in _drawn(strategy)]
        simplest = type(drawn[0].value)

        def complexity(choice: Choice) -> tuple[Any, ...]:
            return (
                _EARLIER not in choice.classes,  # it is new
                type(choice.value) is not simplest,
                choice.has_surrogates,
                len(_telling(choice.classes)),
                choice.text in DRAWN,
                len(choice.text),
                choice.text,
            )

        drawn.sort(key=complexity)
        self.choices: list[Choice] = []
        for choice in drawn:
            novel = choice.classes - drawn[0].classes
            self.choices.append(replace(choice, classes=_telling(novel) or novel))
        self.plain = self.choices[0]
        self._plainest = {*self.representatives(_EACH)}
        single = [choice for choice in self.choices if len(choice.entries) == 1]
        self._alone = {choice.entries[0]: choice for choice in reversed(single)}
        """By the only entry that it names, the plainest choice: the entry, or a collection."""

    def own(self, choice: Choice) -> Choice | None:
        """This pool's choice that names an entry. For one that it has not drawn: that choice if it may draw more."""
        is_part = self.plain.is_several and not choice.is_several
        undrawn = None if is_part or len(self.choices) <= _FEW else choice
        return self._alone.get(choice, undrawn)

    def is_foreign(self, choice: Choice) -> bool:
        """Whether a value is a text that cannot be encoded, or of a type that the argument does not take."""
        value, plain = choice.value, self.plain.value
        if choice.has_surrogates:
            return True
        if value is None or isinstance(plain, EarlierId):  # an argument is left out so; an id may be of any type
            return False
        kind = Number if isinstance(plain, Number) else type(plain)
        return not (isinstance(value, kind) or isinstance(plain, type(value)))

    def representatives(self, each: int = 1) -> list[Choice]:
        """The plainest values, so that every class has `each` of them if there are as many, and the ends of numbers."""
        seen = Counter[str]()
        chosen = []
        finite = [choice for choice in self.choices if type(choice.value) in (int, float) and -inf < choice.value < inf]
        finite.sort(key=lambda choice: choice.value)
        ends = finite[:1] + finite[-1:]
        for choice in self.choices:
            classes = choice.classes or {""}
            if choice in ends or any(seen[name] < each for name in classes):
                seen.update(classes)
                chosen.append(choice)
        return chosen

    def plainer(self, choice: Choice) -> Iterator[Choice]:
        """Yield the plainest values of every class that have nothing special that this one has not."""
        for plain in self.choices:
            if plain == choice:
                return
            is_alike = type(plain.value) is type(choice.value)
            classes = _telling(plain.classes) if is_alike else plain.classes
            if plain in self._plainest and classes <= choice.classes:
                yield plain


pool_of = cache(Pool)
"""The values of a strategy: arguments that share it share them."""


def _telling(classes: frozenset[str]) -> frozenset[str]:
    return frozenset(name for name in classes if name.rpartition(": ")[2] not in _PLAIN)


def _drawn(strategy: st.SearchStrategy[Any]) -> list[Any]:
    """Different values of a strategy; the first is the simplest."""
    values: dict[tuple[type, str], Any] = {}

    @hypothesis.seed(0)
    @hypothesis.settings(
        max_examples=_EXAMPLES,
        phases=[Phase.generate],
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
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
        return _first_fit(_TEXTS, value) if kind == "str" else f"text of type {kind}"
    if type(value) in (int, float):
        text = source(value).removeprefix("float('")
        name = _first_fit(_NUMBERS, text)
        if text.startswith("-"):
            name = f"negative {name}"
        return name
    if isinstance(value, datetime):
        return f"datetime {'with' if value.tzinfo else 'without'} zone"
    if hasattr(value, "__len__") and not value:
        return f"empty {kind}"
    return kind


def _first_fit(patterns: Mapping[str, str], text: str) -> str:
    return next(name for name, pattern in patterns.items() if re.search(pattern, text, re.DOTALL))
