"""Strategies of keys and values that stores have been seen to treat differently."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from conformance.operations.values import JSON_VALUES, KEYS, OTHER_VALUES


def values() -> st.SearchStrategy[Any]:
    """Values of every kind, alone and inside others."""
    inside = [made for value in OTHER_VALUES for made in ({"a": value}, [value])]
    return st.sampled_from(JSON_VALUES + OTHER_VALUES) | st.sampled_from(inside)


def keys() -> st.SearchStrategy[str]:
    """Texts that are hostile as keys, and plain ones."""
    return st.sampled_from(KEYS) | st.text(max_size=8) | st.text("abc", min_size=1, max_size=4)
