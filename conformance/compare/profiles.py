"""Profiles: ready sets of operations, for stores of two common kinds, with hostile keys and values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from hypothesis import strategies as st

from conformance.compare import hostile
from conformance.compare.operation import WHOLE, Operation

Method: TypeAlias = str | Callable[..., Any]
"""The name of a method of the store, or a function that is given the store and then the arguments, in their order."""

LIFETIMES = st.sampled_from([60, 3600, 1.5, 10**7, 0, -1, None])
"""Lifetimes in seconds."""
_SOON = {WHOLE: (2.0, "time passes between the two calls")}


def key_value(
    *,
    get: Method = "get",
    set: Method = "set",  # noqa: A002  the name of the operation
    delete: Method | None = "delete",
    exists: Method | None = None,
    ttl: Method | None = None,
    add: Method | None = None,
    increment: Method | None = None,
    get_many: Method | None = None,
    set_many: Method | None = None,
    delete_many: Method | None = None,
    keys_of: Method | None = None,
    clear: Method | None = None,
    lifetime: str | None = None,
    keys: st.SearchStrategy[Any] | None = None,
    values: st.SearchStrategy[Any] | None = None,
    lifetimes: st.SearchStrategy[Any] | None = None,
) -> tuple[Operation, ...]:
    """The operations of a key-value store or cache.

    Args:
        get: `(key)`. As all that follow, the name of a method, or a function `(store, key)`; None where there is none.
        set: `(key, value)`, and `lifetime` by name.
        delete: `(key)`.
        exists: `(key)`.
        ttl: `(key)`: how much lifetime is left.
        add: `(key, value)`: set if it is not there.
        increment: `(key)`.
        get_many: `(keys)`.
        set_many: `(items)`, a mapping.
        delete_many: `(keys)`.
        keys_of: `()`: every key.
        clear: `()`.
        lifetime: the name of the argument of `set` that is a lifetime in seconds.
        keys: what keys are drawn from, in the place of the hostile ones.
        values: what values are drawn from, likewise.
        lifetimes: what lifetimes are drawn from, likewise.
    """
    key = {"key": hostile.keys() if keys is None else keys}  # a strategy has no truth value
    value = {"value": hostile.values() if values is None else values}
    several = {"keys": st.lists(key["key"], min_size=1, max_size=3, unique=True)}
    items = {"items": st.dictionaries(key["key"], value["value"], min_size=1, max_size=3)}
    lasting = {lifetime: LIFETIMES if lifetimes is None else lifetimes} if lifetime else {}
    made = {"optional": lasting, "lifetime": lifetime, "writes": "key"}
    return _operations(
        ("set", set, {**key, **value}, made),
        ("get", get, key, {"reads": "key"}),
        ("delete", delete, key, {"writes": "key"}),
        ("exists", exists, key, {"reads": "key"}),
        ("ttl", ttl, key, {"reads": "key", "tolerances": _SOON}),
        ("add", add, {**key, **value}, made),
        ("increment", increment, key, {"writes": "key"}),
        ("get_many", get_many, several, {"reads": "keys"}),
        ("set_many", set_many, items, {"writes": "items"}),
        ("delete_many", delete_many, several, {"writes": "keys"}),
        ("keys_of", keys_of, {}, {"reads": WHOLE}),
        ("clear", clear, {}, {"writes": WHOLE}),
    )


def _operations(
    *named: tuple[str, Method | None, Mapping[str, Any], dict[str, Any]],
) -> tuple[Operation, ...]:
    """The operations that the store has, of name, method, arguments and facts of each."""
    return tuple(
        Operation(
            method if isinstance(method, str) else name,
            method,
            arguments,
            positional=tuple(arguments),
            **facts,
        )
        for name, method, arguments, facts in named
        if method is not None
    )
