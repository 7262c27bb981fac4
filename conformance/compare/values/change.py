"""Changes that a caller can make to a value that it passed in or got back."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial
from typing import Any

from conformance.compare.values.parts import IncomparableError, parts_of


def mark_of(changes: int) -> str:
    """The text that a change leaves in a value, after that many earlier changes. What shows it was changed too."""
    return "changed by the caller" + (f" ({changes + 1})" if changes else "")


def changes_of(value: Any, mark: str, spared: Collection[str]) -> dict[str, Callable[[], None]]:
    """Every change that leaves `mark` in a value, by the Python that makes it, written to follow the value's own.

    Fields named in `spared` keep their values: what is changed shall still be found.
    """
    found: dict[str, Callable[[], None]] = {}
    _collect(value, "", mark, spared, found, 0)
    return found


def _collect(
    value: Any, path: str, mark: str, spared: Collection[str], found: dict[str, Callable[[], None]], depth: int
) -> None:
    if isinstance(value, dict):
        found[f"{path}[{mark!r}] = True"] = partial(value.__setitem__, mark, True)
    elif isinstance(value, list):
        found[f"{path}.append({mark!r})"] = partial(value.append, mark)
    elif isinstance(value, set):
        found[f"{path}.add({mark!r})"] = partial(value.add, mark)
    elif isinstance(value, bytearray):
        found[f"{path}.extend(b{mark!r})"] = partial(value.extend, mark.encode())
    try:
        parts = parts_of(value) if depth < 20 else None  # noqa: PLR2004
    except IncomparableError:
        return
    for part in parts or ():
        if part.name in spared:
            continue
        if part.label == f".{part.name}" and type(part.value) is str and _takes(value, str(part.name), part.value):
            found[f"{path}{part.label} = {mark!r}"] = partial(setattr, value, str(part.name), mark)
        if not isinstance(value, (set, frozenset)):
            _collect(part.value, path + part.label, mark, spared, found, depth + 1)


def _takes(value: Any, name: str, part: str) -> bool:
    """Whether an attribute can be set: a frozen object refuses even the value that it has."""
    try:
        setattr(value, name, part)
    except (AttributeError, TypeError, ValueError):
        return False
    return True
