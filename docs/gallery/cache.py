"""The operations of a key-value store or cache, with hostile keys and values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from hypothesis import strategies as st

from conformance.compare import WHOLE, Operation, hostile

Method: TypeAlias = str | Callable[..., Any]
"""The name of a method of the store, or a function that is given the store and then the arguments, in their order."""


def key_value(
    *,
    lifetime: str | None = None,
    keys: st.SearchStrategy[Any] | None = None,
    values: st.SearchStrategy[Any] | None = None,
    **methods: Method | None,
) -> tuple[Operation, ...]:
    """The operations of a key-value store or cache.

    Args:
        lifetime: the name of the argument of `set` and `add` that is a lifetime in seconds.
        keys: what keys are drawn from, in the place of the hostile ones.
        values: what values are drawn from, likewise.
        methods: for each operation the name of a method, or a function that gets the store first. `get(key)`,
            `set(key, value)` and `delete(key)` have these names if none are given, and None where there is none. There
            are also `exists(key)`, `ttl(key)`, `add(key, value)`, `increment(key)`, `get_many(keys)`,
            `set_many(items)` and `delete_many(keys)`.
    """
    key = {"key": hostile.keys() if keys is None else keys}  # a strategy has no truth value
    pair = {**key, "value": hostile.values() if values is None else values}
    several = {"keys": st.lists(key["key"], min_size=1, max_size=3, unique=True)}
    items = {"items": st.dictionaries(key["key"], pair["value"], min_size=1, max_size=3)}
    lasting = {lifetime: st.sampled_from([60, 3600, 1.5, 10**7, 0, -1, None])} if lifetime else {}
    lasts: Any = {"optional": lasting, "lifetime": lifetime, "writes": "key"}
    known: dict[str, tuple[Any, Any]] = {
        "set": (pair, lasts),
        "get": (key, {"reads": "key"}),
        "delete": (key, {"writes": "key"}),
        "exists": (key, {"reads": "key"}),
        "ttl": (key, {"reads": "key", "tolerances": {WHOLE: (2.0, "time passes between the two calls")}}),
        "add": (pair, lasts),
        "increment": (key, {"writes": "key"}),
        "get_many": (several, {"reads": "keys"}),
        "set_many": (items, {"writes": "items"}),
        "delete_many": (several, {"writes": "keys"}),
    }
    named = {"set": "set", "get": "get", "delete": "delete", **methods}
    made = []
    for name, method in named.items():
        arguments, facts = known[name]
        if method is not None:
            called = method if isinstance(method, str) else name
            made.append(Operation(called, method, arguments, positional=[*arguments], **facts))
    return tuple(made)
