"""Changes that a careless caller makes to objects that were passed in, or came back."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from functools import partial
from typing import Any, NamedTuple

from conformance.operations.parts import inside

MARK = "changed by the caller"
"""The value that is put there: in a store it has no place."""


class Change(NamedTuple):
    """A change as Python, and how it is made."""

    text: str
    make: Callable[[], object]


def changes_of(value: Any, path: str = "", spared: Collection[str] = ()) -> Iterator[Change]:
    """Yield every change that a caller can make to a value, which a script knows as `path`, but for some fields."""
    holders: dict[tuple[str, ...], Any] = {}
    for labels, part in inside(value):
        place = path + "".join(labels)
        holders[labels] = part
        if isinstance(part, dict):
            yield Change(f"{place}[{MARK!r}] = True", partial(part.__setitem__, MARK, True))
        elif isinstance(part, list):
            yield Change(f"{place}.append({MARK!r})", partial(part.append, MARK))
        elif isinstance(part, set):
            yield Change(f"{place}.add({MARK!r})", partial(part.add, MARK))
        elif type(part) is str and labels and labels[-1].startswith("."):
            name = labels[-1].removeprefix(".")
            if name not in spared:
                yield Change(f"{place} = {MARK!r}", partial(setattr, holders[labels[:-1]], name, MARK))


def mutate(*values: Any) -> None:
    """Change every dictionary and list in values. The suite does it after each call: it writes no script."""
    for value in values:
        if isinstance(value, dict):
            mutate(*value.values())
            value[MARK] = True
        elif isinstance(value, list):
            mutate(*value)
            value.append(MARK)
