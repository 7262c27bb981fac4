"""Which requirements a difference breaks: those that the model names for the outcome, narrowed by the fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from conformance.core.observe import holds_mark
from conformance.spec.model import Outcome, Page, Raised, Record

_FIELDS: Mapping[str, tuple[str, ...]] = {
    "task_id": ("ID-02",),
    "metadata": ("VAL-01",),
    "created_at": ("LIFE-17",),
    "updated_at": ("LIFE-17",),
    "tasks": ("LIST-01",),
    "total": ("LIST-03",),
    "limit": ("LIST-06",),
    "offset": ("LIST-06",),
    "following": ("LIST-13", "LIST-12"),
    "unreadable": ("FAIL-09",),
}
"""What fields are about, whatever operation returns them."""
_REFUSED: Mapping[str, tuple[str, ...]] = {
    "task": ("VAL-06",),
    "config": ("VAL-01", "VAL-06"),
    "metadata": ("VAL-01", "VAL-06"),
    "status": ("LIFE-02",),
    "progress": ("LIFE-13",),
    "limit": ("LIST-06",),
    "offset": ("LIST-06",),
    "after": ("LIST-13",),
    "task_id": ("ID-02", "ID-03"),
    "before": ("MAINT-01",),
}
"""What an argument is about that is refused and is right. A text of any other name is VAL-09."""


def blame(operation: str, outcome: Outcome, observed: Any, names: tuple[str, ...], cause: tuple[str, ...]) -> tuple[str, ...]:
    """Return the requirements, the nearest first. `cause` are those of the write that the read followed."""
    if holds_mark(observed) or any(holds_mark(getattr(one, name, "")) for one in _records(observed) for name in names):
        return ("VAL-02",)
    expected = outcome.result
    found: list[str] = list(cause)
    if isinstance(observed, Raised) and not isinstance(expected, Raised) and observed.error == "InvalidArgument":
        found += _REFUSED.get(str(dict(observed.facts).get("argument")), ("VAL-09",))
    elif isinstance(expected, Raised) or type(expected) is not type(observed):
        found += outcome.requirements
    else:
        own = [number for name in names for number in _FIELDS.get(name, ())]
        left = [name for name in names if name not in _FIELDS]
        found += own if own and not left else [*outcome.requirements, *own]
    if isinstance(expected, Page) and isinstance(observed, Page) and "tasks" in names:
        came, wanted = ([one.task_id for one in page.records] for page in (observed, expected))
        if len(came) != len(wanted):
            found.insert(len(cause), "LIST-04")
    return tuple(dict.fromkeys(found))


def _records(observed: Any) -> tuple[Record, ...]:
    return (observed,) if isinstance(observed, Record) else observed.records if isinstance(observed, Page) else ()
