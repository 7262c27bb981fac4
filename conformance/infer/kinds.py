"""Kinds of arguments: the values of each, and which a parameter may take."""

import inspect
import re
import typing
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain, islice
from pkgutil import resolve_name
from types import UnionType
from typing import Any

from hypothesis import strategies as st
from pydantic import ConfigDict, TypeAdapter, ValidationError

from conformance.operations.choices import pool_of
from conformance.operations.operation import EarlierId

_KEY = "key|name|id|session|token|field|path|namespace|prefix|tag|queue|topic|bucket|user|label|.+_(id|key|name)"
_VALUE = "value|val|data|obj|item|payload|message|body|content|result|default|record|entry|state"
SECONDS = "ttl|ex|timeout|expir.*|lifetime|max_age|age|seconds|duration|lease.*|.+_(ttl|seconds|timeout)"
_AMOUNT = "limit|offset|count|n|num|amount|delta|by|cost|step|size|start|stop|end|index|priority|version|(max|min).*"
_FILE = "_.*|(.+_)?file(name)?"
_RESOURCE = f"{_FILE}|conn|connection|client|pipeline|pipe|lock"
"""Names of parameters that nothing here is given to; the others may be names, if they are texts."""


@dataclass(frozen=True, eq=False, repr=False)
class Kind:
    """Values that a parameter may take.

    Args:
        name: what a file of harnesses calls them.
        strategy: as the file has it.
        samples: two simple values, of a lifetime a long and a short one; an annotation has to allow all that are named.
        names: the names of parameters that it is for, as a pattern.
    """

    name: str
    strategy: str
    samples: Sequence[Any]
    names: str = ""

    def __repr__(self) -> str:
        return self.name


EARLIER = Kind(
    "IDS",
    "earlier_ids(hostile.keys().filter(str.isprintable))",
    (EarlierId(0), EarlierId(1)),
    ".*id|.*token|.*handle|.*receipt",
)
"""For ids that the stores have made: it is of no use before."""
_KEYS = Kind("KEYS", "hostile.keys().filter(str.isprintable)", ("a", "b"), _KEY)
_KINDS = (
    _KEYS,
    Kind("VALUES", "hostile.values()", (1, 2, object()), _VALUE),
    Kind("INTEGERS", "st.integers(-2, 100)", (1, 2), f"{_AMOUNT}|{_KEY}"),
    Kind("FLOATS", "st.floats(-2, 100)", (1.0, 2.5), _AMOUNT),
    Kind("BYTES", "st.binary(max_size=4)", (b"v", b"w"), "data|payload|message|body|content"),
    Kind("RECORDS", "st.fixed_dictionaries({'a': hostile.values()})", ({"a": 1}, {"a": 2})),
    Kind(
        "LISTS",
        "st.lists(hostile.keys().filter(str.isprintable), min_size=1, max_size=3, unique=True)",
        (["a"], ["b"]),
        ".*(keys|ids|names)",
    ),
    Kind(
        "PAIRS",
        "st.dictionaries(hostile.keys().filter(str.isprintable), hostile.values(), min_size=1, max_size=3)",
        ({"a": 1}, {"b": 2}),
        "data|items|pairs|values|.*mapping|.+_dict",
    ),
    Kind(
        "PAIR_LISTS",
        "st.lists(st.tuples(hostile.keys().filter(str.isprintable), hostile.values()), min_size=1, max_size=3)",
        ([("a", 1)], [("b", 2)]),
        "pairs|items",
    ),
    Kind(
        "TUPLES",
        "st.lists(hostile.keys().filter(str.isprintable), min_size=1, max_size=3).map(tuple)",
        (("a",), ("b",)),
    ),
    Kind("BOOLEANS", "st.booleans()", (True, False)),
    Kind("SECONDS", "st.sampled_from([3600, 86400, 0, -1])", (60, 1), SECONDS),
    Kind(
        "TIMES",
        "st.sampled_from([3600, 0, -1]).map(lambda seconds: timedelta(seconds=seconds))",
        (timedelta(seconds=60), timedelta(seconds=1)),
        SECONDS,
    ),
    Kind(
        "DATES",
        "st.datetimes(datetime(2026, 1, 1), datetime(2026, 1, 3))",
        (datetime(2026, 1, 1), datetime(2026, 1, 2)),  # noqa: DTZ001  many stores take no zone
        "ts|eta|when|.+_at|(.+_)?date",
    ),
)
"""The likeliest first, for a parameter of which neither its name nor its type says anything."""


@dataclass(frozen=True)
class Parameter:
    """An argument of a method, and what it may be, the likeliest first."""

    name: str
    kinds: Sequence[Kind]
    is_known: bool
    """Whether its name or its type says something."""
    is_placed: bool
    """Whether it may be given by its place."""


def parameter_of(found: inspect.Parameter) -> Parameter:
    """Return what a parameter may take."""
    name, annotation, default = found.name, found.annotation, found.default
    if annotation is found.empty and default not in (found.empty, None) and not re.fullmatch(_VALUE, name):
        annotation = type(default)
    if annotation in (found.empty, object) or isinstance(annotation, str):  # a name that is not known here
        annotation = Any
    resource = _FILE if annotation is str else _RESOURCE
    fitting = [] if re.fullmatch(resource, name) else [*_kinds_of(annotation)]
    named = [kind for kind in fitting if re.fullmatch(kind.names, name)]
    fitting.sort(key=lambda kind: kind not in named)
    if _KEYS in fitting and re.fullmatch(EARLIER.names, name):
        fitting.insert(0, EARLIER)
    return Parameter(name, fitting, bool(named) or annotation is not Any, found.kind is not found.KEYWORD_ONLY)


def _kinds_of(annotation: Any) -> Iterator[Kind]:
    """Yield the kinds that an annotation allows, or those of its parts, of its class, or made by Hypothesis.

    To draw from a class may take seconds, and a union may have dozens: each is drawn from when it is asked for.
    """
    fitting = [*_fitting(annotation)]
    origin = typing.get_origin(annotation)
    parts = [part for part in typing.get_args(annotation) if part is not ...]
    if not fitting and origin in (typing.Union, UnionType):
        yield from chain.from_iterable(map(_kinds_of, parts))
    else:
        yield from fitting or [*_several_of(origin, *parts)] or [*_fitting(origin)] or _built(annotation)


def _several_of(origin: Any, *parts: Any) -> Iterator[Kind]:
    """Yield lists of what is likeliest for the members of an iterable class."""
    if len(parts) == 1 and isinstance(origin, type) and issubclass(origin, Iterable):
        for member in islice(_kinds_of(*parts), 1):
            strategy = f"st.lists({member.strategy}, min_size=1, max_size=3)"
            yield Kind(f"LISTS_OF_{member}", strategy, [[sample] for sample in member.samples])


def _fitting(annotation: Any) -> Iterator[Kind]:
    """Yield the kinds whose samples an annotation allows."""
    with suppress(Exception):  # pydantic cannot check every class
        adapter = TypeAdapter(annotation, config=ConfigDict(arbitrary_types_allowed=True))
        origin = typing.get_origin(annotation)
        is_of_parts = isinstance(origin, type) and issubclass(origin, Iterable)
        for kind in _KINDS:
            if is_of_parts and isinstance(kind.samples[0], str | bytes):
                continue  # it may be iterated, and nobody means its letters
            with suppress(ValidationError):
                for sample in kind.samples:
                    valid = adapter.validate_python(sample, strict=True)
                    if isinstance(valid, Iterator):  # of which each item is checked when it is asked for
                        deque(valid)
                yield kind


def _built(annotation: Any) -> Iterator[Kind]:
    """Yield objects of a class that no row is for, as Hypothesis makes them with few arguments, if it can."""
    if not isinstance(annotation, type):
        return
    qualname = annotation.__qualname__.partition("[")[0]  # pydantic's generic models have their parameters in it
    place = f"{annotation.__module__}:{qualname}"
    with suppress(Exception):  # as it needs what is not annotated
        made = resolve_name(place)
        samples = [choice.value for choice in pool_of(st.builds(made)).choices] * 2
        yield Kind(made.__name__.upper(), f"st.builds(resolve_name({place!r}))", samples)
