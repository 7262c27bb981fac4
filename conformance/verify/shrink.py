"""Shrinking: leaving out items while what is left still shows the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

T = TypeVar("T")


def shrink(
    items: Sequence[T], attempt: Callable[[list[T]], list[T] | None], by: Callable[[T], Any] | None = None
) -> list[T]:
    """Leave out runs of items, from the end and ever shorter ones, as long as fewer items are enough.

    Args:
        items: What to begin with.
        attempt: Takes fewer items. Returns the items to go on with, or None if these are not enough.
        by: If given, all items with the same value of it are left out first.
    """
    kept = list(items)
    if by is not None:
        for group in dict.fromkeys(map(by, kept)):
            kept = attempt([one for one in kept if by(one) != group]) or kept
    size = len(kept)
    while size:
        before = len(kept)
        for start in range(before - size, -1, -size):
            kept = attempt(kept[:start] + kept[start + size :]) or kept
        if size > 1 or len(kept) == before:
            size //= 2
    return kept
