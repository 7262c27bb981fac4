"""Kinds of arguments: the values of each, and which a parameter may take."""

from __future__ import annotations

import inspect
import pickle
import re
import types
import typing
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
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
SECONDS = "ttl|ex|timeout|expir.*|lifetime|max_age|age|seconds|duration|lease.*|.+_(ttl|seconds|timeout)"
AMOUNT = "limit|offset|count|n|num|amount|delta|by|cost|step|size|start|stop|end|index|priority|version"
NAMED, TYPED = 1, 2
_RESOURCE = "_.*|conn|connection|client|pipeline|pipe|lock"
"""Names of parameters that nothing here is given to."""
_SAY_NOTHING = (object, type(None), inspect.Parameter.empty, Any)
"""Annotations that any value fits."""


@dataclass(frozen=True, eq=False)
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


@cache
def _strategy(text: str, types: tuple[Any, ...]) -> st.SearchStrategy[Any]:
    return eval(text, _IN_TEXTS | {kind.__name__: kind for kind in types})  # type: ignore[no-any-return]  # noqa: S307  texts of this module


_LISTS = (list, set, frozenset, Collection, Iterable, Sequence)
_DICTS = (dict, Mapping)
EARLIER = Kind("earlier_ids(hostile.keys())", (EarlierId(0), EarlierId(1)), (str,), "id|token|.+_id")
"""For ids that the stores have made: it is of no use before."""
_KINDS = (
    EARLIER,
    Kind("hostile.keys()", ("a", "b"), (str,), _KEY),
    Kind("hostile.values()", (1, 2), (), _VALUE),
    Kind("st.integers(-2, 100)", (1, 2), (int,), AMOUNT),
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
    Kind("st.lists(hostile.keys(), min_size=1, max_size=3).map(tuple)", (("a",), ("b",)), (tuple,)),
    Kind("st.floats(-2, 100)", (1.0, 2.5), (float,), AMOUNT),
    Kind("st.booleans()", (True, False), (bool,), AMOUNT),
    Kind("st.sampled_from([60, 3600, 1, 0, -1])", (60, 1), (int, float), SECONDS),
    Kind(
        "st.sampled_from([timedelta(seconds=seconds) for seconds in (60, 1, 0, -1)])",
        (timedelta(seconds=60), timedelta(seconds=1)),
        (timedelta,),
        SECONDS,
    ),
    Kind(
        "st.datetimes(datetime(2026, 1, 1), datetime(2026, 1, 3))",
        (datetime(2026, 1, 1), datetime(2026, 1, 2)),  # noqa: DTZ001  many stores take no zone
        (datetime,),
        AMOUNT,
    ),
)
"""The likeliest first, for a parameter of which neither its name nor its type says anything."""


@dataclass(frozen=True)
class Parameter:
    """An argument of a method, what it may be, the likeliest first, and what that is known from."""

    name: str
    kinds: Sequence[Kind]
    trust: int
    """`TYPED`, `NAMED`, or nothing."""


def parameter_of(found: inspect.Parameter) -> Parameter:
    """Return what a parameter may take."""
    known = {*_types(found)}
    kinds = [kind for kind in _KINDS if not known or known & {*kind.types}]
    if not kinds:
        kinds = [kind for each in known for kind in _typed(each)]
    likely = [kind for kind in kinds if re.fullmatch(kind.names, found.name)]
    others = [kind for kind in kinds if kind not in (*likely, EARLIER)]
    if re.fullmatch(_RESOURCE, found.name):
        likely, others = [], []
    return Parameter(found.name, likely + others, TYPED if known else NAMED if likely else 0)


def _types(found: inspect.Parameter) -> Iterator[Any]:
    """Yield the classes of an annotation, or that of the default."""
    annotation = found.annotation
    if annotation is found.empty and found.default not in (found.empty, None):
        annotation = type(found.default)
    parts = (annotation,)
    if typing.get_origin(annotation) in (types.UnionType, typing.Union):
        parts = typing.get_args(annotation)
    for part in parts:
        kind = typing.get_origin(part) or part
        if isinstance(kind, type) and kind not in _SAY_NOTHING:
            yield kind


def _typed(kind: type) -> Iterator[Kind]:
    """Yield the kind of a class that no row is for: objects that Hypothesis makes, if it can."""
    text = f"st.from_type({kind.__name__})"
    with suppress(Exception):  # a name in an annotation is not known, say
        first, *others = [choice.value for choice in pool_of(_strategy(text, (kind,))).choices]
        samples = first, others[0] if others else first
        pickle.dumps((kind, samples))  # what is found out comes from another process
        yield Kind(text, samples, (kind,))
