"""The operations of a key-value store or cache, with hostile keys and values."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from hypothesis import strategies as st

from conformance.compare import WHOLE, Operation, hostile

VALUES = hostile.values()


def key_value(
    *,
    lifetime: str | None = None,
    values: st.SearchStrategy[Any] = VALUES,
    optional: Mapping[str, st.SearchStrategy[Any]] = MappingProxyType({}),
    **methods: str | Callable[..., Any],
) -> tuple[Operation, ...]:
    """The operations of a key-value store or cache.

    Args:
        lifetime: the name of the argument of `set` and `add` that is a lifetime in seconds.
        values: what values are drawn from.
        optional: arguments that any operation may be given.
        methods: for each operation the name of a method, or a function that gets the store first. `get`, `set` and
            `delete` have these names if none are given.
    """
    key = {"key": hostile.keys()}
    pair = {**key, "value": values}
    several = {"keys": st.lists(key["key"], min_size=1, max_size=3, unique=True)}
    items = {"items": st.dictionaries(key["key"], values, min_size=1, max_size=3)}
    lasting = {lifetime: st.sampled_from([60, 3600, 0.5, 10**7, 0, -1, None])} if lifetime else {}
    lasts = {"writes": "key", "lifetime": lifetime, "optional": {**optional, **lasting}}
    table: dict[str, tuple[Any, Any]] = {
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
    made = []
    for name, method in {"set": "set", "get": "get", "delete": "delete", **methods}.items():
        given, facts = table[name]
        shown = method if isinstance(method, str) else name
        made.append(Operation(shown, method, given, positional=[*given], **{"optional": optional, **facts}))
    return tuple(made)
