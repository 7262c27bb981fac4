"""Hypothesis strategies for what goes into a store, and for what it has to refuse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from conformance.tasks.tables.values import WRONG_JSON

texts = st.text(max_size=40) | st.sampled_from(
    ["", "*", "?", "[a-z]", "a:b", "\x00", "\n", "{x}", "null", "7", "𝄞 文字", "\\"]
)
"""Texts that have a UTF-8 form, the awkward ones among them."""

_leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([0.0, -0.0, 1.0, 3.14, 5e-324, 1.7976931348623157e308, 2**53 + 1])
    | texts
)
json_values: st.SearchStrategy[Any] = st.recursive(
    _leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4), max_leaves=12
)


_around: st.SearchStrategy[Callable[[Any], Any]] = st.sampled_from(
    [lambda inner: inner, lambda inner: [0, {"deep": [inner]}], lambda inner: {"a": {"b": inner}}]
)
not_json_objects = st.builds(lambda wrap, inner: {"config": wrap(inner)}, _around, st.sampled_from(WRONG_JSON))
"""Objects with something inside that is no JSON value, or too large, at any depth."""

unknown_ids = (
    texts | st.text(st.characters(), min_size=1, max_size=20) | st.sampled_from(["task_*", "\ud800", "x" * 100_000])
)
"""Any text, also without a UTF-8 form, and long."""
