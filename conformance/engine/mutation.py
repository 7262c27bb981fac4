"""Changes that a careless caller makes to objects that were passed in, or came back."""

from collections.abc import Collection, Iterator
from typing import Any

from conformance.operations.parts import inside

MARK = "changed by the caller"
"""The value that is put there: in a store it has no place."""
_CHANGES = {
    dict: f"[{MARK!r}] = True",
    list: f".append({MARK!r})",
    set: f".add({MARK!r})",
}


def changes_of(value: Any, path: str = "", spared: Collection[str] = ()) -> Iterator[str]:
    """Yield every change that a caller can make to a value but for some fields, as Python that knows it as `path`."""
    for labels, part in inside(value):
        place = path + "".join(labels)
        for kind, change in _CHANGES.items():
            if isinstance(part, kind):
                yield place + change
        is_field = bool(labels) and labels[-1].startswith(".") and labels[-1][1:] not in spared
        if is_field and type(part) is str:
            yield f"{place} = {MARK!r}"


def mutate(*values: Any) -> None:
    """Change every dictionary and list in values. The suite does it after each call: it writes no script."""
    for value in values:
        if isinstance(value, dict):
            mutate(*value.values())
            value[MARK] = True
        elif isinstance(value, list):
            mutate(*value)
            value.append(MARK)
