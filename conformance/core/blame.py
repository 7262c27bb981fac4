"""A difference: what it has in common with others, which requirements it breaks, and what is expected after it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from conformance.core.finding import Signature
from conformance.core.observe import MARK, is_usable
from conformance.spec.model import FIELDS, Invocation, Outcome, Page, Raised, Record, State, Symbol
from conformance.text import source

_WORD = 12
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


def signature(operation: str, expected: Any, observed: Any, names: tuple[str, ...]) -> Signature:
    """What came in place of what: values where they are short, else their types."""
    if isinstance(observed, Raised):
        facts = tuple((name, value) for name, value in observed.facts if name in ("argument", "status"))
        return operation, type(expected).__name__, observed.error, facts
    if isinstance(expected, Raised):
        return operation, expected.error, tuple(one for one in expected.facts if one[0] == "argument"), "a result"
    if isinstance(expected, Record) and isinstance(observed, Record):
        pairs = ((name, _kind(getattr(expected, name)), _kind(getattr(observed, name))) for name in names)
        return operation, *pairs
    return operation, names, type(observed).__name__


def _kind(value: Any) -> Any:
    is_small = value is None or (isinstance(value, str | float | int) and len(str(value)) <= _WORD)
    return value if is_small else type(value).__name__


def blame(outcome: Outcome, observed: Any, names: tuple[str, ...], cause: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Return the requirements, the nearest first: those of the outcome, narrowed by the fields that differ.

    `cause` are those of the write that the read followed.
    """
    if MARK in source(observed):
        return ("VAL-02",)
    expected = outcome.result
    found: list[str] = list(cause)
    if isinstance(observed, Raised) and not isinstance(expected, Raised) and observed.error == "InvalidArgument":
        found += _REFUSED.get(str(dict(observed.facts).get("argument")), ("VAL-09",))
    elif isinstance(expected, Raised) or type(expected) is not type(observed):
        is_late = isinstance(expected, Raised) and isinstance(observed, Raised) and expected.error == "InvalidArgument"
        found += (*(("API-05",) if is_late else ()), *outcome.requirements)
    else:
        own = [number for name in names for number in _FIELDS.get(name, ())]
        is_narrow = own and all(name in _FIELDS for name in names)
        found += own if is_narrow else [*outcome.requirements, *own]
    if isinstance(expected, Page) and "tasks" in names and len(expected.records) != len(observed.records):
        found.insert(len(cause), "LIST-04")
    return tuple(dict.fromkeys(found))


def adopted(outcome: Outcome, observed: Any, made: Invocation) -> State | None:
    """The state to go on from after a result that was learned, if there is one."""
    expected, state = outcome.result, outcome.state
    if not isinstance(expected, Record) or not isinstance(observed, Record):
        return state if type(expected) is type(observed) else None
    if not is_usable(observed) or not (isinstance(expected.task_id, Symbol) or expected.task_id == observed.task_id):
        return None
    values: dict[str, Any] = {
        name: one
        for name, one, wanted in zip(FIELDS, observed, expected, strict=True)
        if type(one) is type(wanted) or isinstance(wanted, Symbol | None)
    }
    known = None if outcome.written else state.tasks.get(str(observed.task_id))
    return state.with_task(expected._replace(**values), known[1] if known else made.at)
