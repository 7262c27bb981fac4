"""A caller's change: what a caller may do to any value that it passed in or got back."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial
from typing import Any

from conformance.compare.picture import parts_of

MARK = "changed by the caller"
"""Whatever shows this text has been reached by such a change."""


def changes_of(value: Any, spared: Collection[str]) -> dict[str, Callable[[], None]]:
    """Every change that can be made in a value, by the Python that makes it, written to follow the value's own.

    Fields named in `spared` keep their values: what is changed shall still be found.
    """
    found: dict[str, Callable[[], None]] = {}
    _collect(value, "", spared, found)
    return found


def _collect(value: Any, path: str, spared: Collection[str], found: dict[str, Callable[[], None]]) -> None:
    if isinstance(value, dict):
        found[f"{path}[{MARK!r}] = True"] = partial(value.__setitem__, MARK, True)
    elif isinstance(value, list):
        found[f"{path}.append({MARK!r})"] = partial(value.append, MARK)
    for label, name, part in parts_of(value) or ():
        if name in spared:
            continue
        if name is not None and label == f".{name}" and type(part) is str and _takes(value, name, part):
            found[f"{path}{label} = {MARK!r}"] = partial(setattr, value, name, MARK)
        _collect(part, path + label, spared, found)


def _takes(value: Any, name: str, part: str) -> bool:
    """Whether an attribute can be set: a frozen object refuses even the value that it has."""
    try:
        setattr(value, name, part)
    except (AttributeError, TypeError, ValueError):
        return False
    return True
