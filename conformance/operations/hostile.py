"""Strategies of keys and values that stores have been seen to treat differently."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from conformance.operations.values import HOSTILE_VALUES, KEYS, NESTED


def values() -> st.SearchStrategy[Any]:
    """Values of every kind, alone and inside others."""
    return st.sampled_from(HOSTILE_VALUES) | st.sampled_from(NESTED)


def keys() -> st.SearchStrategy[str]:
    """Texts that are hostile as keys, and plain ones."""
    return st.sampled_from(KEYS) | st.text(max_size=8) | st.text("abc", min_size=1, max_size=4)
