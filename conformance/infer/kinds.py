"""Kinds of arguments: the values of each, and which a parameter may take."""

from __future__ import annotations

import inspect
import pickle
import re
import types
import typing
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from hypothesis import strategies as st

from conformance.operations import hostile
from conformance.operations.choices import pool_of
from conformance.operations.operation import EarlierId, earlier_ids

_IN_TEXTS = {"st": st, "hostile": hostile, "earlier_ids": earlier_ids, "datetime": datetime, "timedelta": timedelta}
_KEY = "key|name|id|session|token|field|path|namespace|prefix|tag|queue|topic|bucket|user|label|.+_(id|key|name)"
_VALUE = "value|val|data|obj|item|payload|message|body|content|result|default|record|entry|state"
_SECONDS = "ttl|ex|timeout|expir.*|lifetime|max_age|age|seconds|duration|lease.*|.+_(ttl|seconds|timeout)"
_AMOUNT = "limit|offset|count|n|num|amount|delta|by|cost|step|size|start|stop|end|index|priority|version"
_RESOURCE = "_.*|conn|connection|client|pipeline|pipe|lock"
"""Names of parameters that nothing here is given to."""
_SAY_NOTHING = (object, type(None), inspect.Parameter.empty, Any)
"""Annotations that any value fits."""


@dataclass(frozen=True)
class Kind:
    """Values that a parameter may take.

    Args:
        text: the strategy, as a harness has it.
        samples: two simple values; of a lifetime a long and a short one.
        types: the annotations that it is for.
        names: the names of parameters that it is for, as a pattern.
    """

    text: str
    samples: tuple[Any, Any]
    types: tuple[Any, ...] = ()
    names: str = ""

    @property
    def strategy(self) -> st.SearchStrategy[Any]:
        """The values: the same object for each argument of the kind, since arguments that share one share values."""
        return _strategy(self.text, self.types)

    @property
    def names_entries(self) -> bool:
        """Whether a value may be the name of an entry."""
        return not isinstance(self.samples[0], float | bool | datetime | timedelta) and self.names != _AMOUNT

    @property
    def is_lifetime(self) -> bool:
        """Whether it is a time that something lives."""
        return isinstance(self.samples[0], timedelta) or self.names == _SECONDS


@cache
def _strategy(text: str, types: tuple[Any, ...]) -> st.SearchStrategy[Any]:
    names = {kind.__name__.partition("[")[0]: kind for kind in types}
    return eval(text, {**_IN_TEXTS, **names})  # type: ignore[no-any-return]  # noqa: S307  texts of this module


_LISTS = (list, set, frozenset, Collection, Iterable, Sequence)
_DICTS = (dict, Mapping)
EARLIER = Kind("earlier_ids(hostile.keys())", (EarlierId(0), EarlierId(1)), (str,), "id|token|.+_id")
"""For ids that the stores have made: it is of no use before."""
_KINDS = (
    EARLIER,
    Kind("hostile.keys()", ("a", "b"), (str,), _KEY),
    Kind("hostile.values()", (1, 2), (), _VALUE),
    Kind("st.integers(-2, 100)", (1, 2), (int,), _AMOUNT),
    Kind("st.integers(-1, 5)", (1, 2), (int,), _KEY),
    Kind("st.binary(max_size=4)", (b"v", b"w"), (bytes,)),
    Kind("st.fixed_dictionaries({'a': hostile.values()})", ({"a": 1}, {"a": 2}), _DICTS, _VALUE),
    Kind("st.lists(hostile.keys(), min_size=1, max_size=3, unique=True)", (["a"], ["b"]), _LISTS, ".*(keys|ids|names)"),
    Kind(
        "st.dictionaries(hostile.keys(), hostile.values(), min_size=1, max_size=3)",
        ({"a": 1}, {"b": 2}),
        _DICTS,
        "items|pairs|values|.*mapping|.+_dict",
    ),
    Kind(
        "st.lists(st.tuples(hostile.keys(), hostile.values()), min_size=1, max_size=3)",
        ([("a", 1)], [("b", 2)]),
        _LISTS,
        "pairs|items",
    ),
    Kind("st.lists(hostile.keys(), min_size=1, max_size=3).map(tuple)", (("a",), ("b",)), (tuple,)),
    Kind("st.floats(-2, 100)", (1.0, 2.5), (float,)),
    Kind("st.booleans()", (True, False), (bool,)),
    Kind("st.sampled_from([60, 3600, 1, 0, -1])", (60, 1), (int, float), _SECONDS),
    Kind(
        "st.sampled_from([timedelta(seconds=seconds) for seconds in (60, 1, 0, -1)])",
        (timedelta(seconds=60), timedelta(seconds=1)),
        (timedelta,),
    ),
    Kind(
        "st.datetimes(datetime(2026, 1, 1), datetime(2026, 1, 3))",
        (datetime(2026, 1, 1), datetime(2026, 1, 2)),  # noqa: DTZ001  many stores take no zone
        (datetime,),
    ),
)
"""The likeliest first, for a parameter of which neither its name nor its type says anything."""


@dataclass(frozen=True)
class Parameter:
    """An argument of a method, and what it may be, the likeliest first.

    `is_guessed` says that no type is known, `is_named` that the name says what it takes.
    """

    name: str
    kinds: tuple[Kind, ...]
    is_guessed: bool
    is_named: bool


def parameter_of(found: inspect.Parameter) -> Parameter:
    """Return what a parameter may take."""
    known = [*_types(found)]
    likely, others = [], []
    for kind in (*_KINDS, *map(_typed, known)):
        if known and not {*kind.types} & {*known}:
            continue
        if re.fullmatch(kind.names, found.name):
            likely.append(kind)
        elif kind is not EARLIER:
            others.append(kind)
    kinds = [] if re.fullmatch(_RESOURCE, found.name) else likely + others
    return Parameter(found.name, tuple(kinds), not known, bool(likely))


def _types(found: inspect.Parameter) -> Iterator[Any]:
    """Yield the classes of an annotation, or that of the default."""
    annotation = found.annotation
    if annotation is found.empty and found.default not in (found.empty, None):
        annotation = type(found.default)
    is_union = isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is typing.Union
    for part in typing.get_args(annotation) if is_union else (annotation,):
        kind = typing.get_origin(part) or part
        if isinstance(kind, type) and kind not in _SAY_NOTHING:
            yield kind


def _typed(kind: type) -> Kind:
    """Return the kind of a class that no row is for: objects that Hypothesis makes; no types if it makes none."""
    text = f"st.from_type({kind.__name__.partition('[')[0]})"
    is_new = not any(kind in row.types for row in _KINDS)
    try:
        drawn = pool_of(_strategy(text, (kind,))).choices if is_new else []
        pickle.dumps((kind, drawn[:2]))  # what is found out comes from another process
    except Exception:  # noqa: BLE001  Hypothesis cannot make any, or a name in an annotation is not known
        drawn = []
    return Kind(text, (drawn[0].value, drawn[1 % len(drawn)].value), (kind,)) if drawn else Kind(text, (None, None))
