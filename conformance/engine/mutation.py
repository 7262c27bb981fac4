"""What a careless caller does with what was passed in, or came back: changes it in its place."""

from __future__ import annotations

from typing import Any

MARK = "changed by the caller"
"""What is put there: in a store it has no place."""


def mutate(value: Any) -> None:
    """Change all that can be changed in a value."""
    if isinstance(value, dict):
        for inside in value.values():
            mutate(inside)
        value[MARK] = True
    elif isinstance(value, list):
        for inside in value:
            mutate(inside)
        value.append(MARK)
