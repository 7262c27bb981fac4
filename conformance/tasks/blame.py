"""Which requirements a result breaks that the model does not allow."""

from __future__ import annotations

from typing import Any

from conformance.engine.contract import Entry
from conformance.engine.mutation import MARK
from conformance.engine.outcome import Outcome, Raised
from conformance.tasks.spec.model import READS, TEXTS, Page, Record
from conformance.text import source

_FIELDS = {
    "task_id": ("ID-02",),
    "metadata": ("VAL-01",),
    **dict.fromkeys(("created_at", "updated_at"), ("LIFE-17",)),
    "records": ("LIST-01",),
    "total": ("LIST-03",),
    **dict.fromkeys(("limit", "offset"), ("LIST-06",)),
    "following": ("LIST-13", "LIST-12"),
    "unreadable": ("FAIL-09",),
    "argument": ("API-05",),
}
"""By field the requirements about it, whatever operation returns it."""
_TEXTS = dict.fromkeys((*TEXTS, "webhook_url", "video_ids"), ("VAL-09",))
_REFUSED = {"task": ("VAL-06",), "progress": ("LIFE-13",), **_TEXTS}
"""By argument the requirements about it, if it is refused and is right; of others the outcome tells."""


def blame(
    entry: Entry, outcome: Outcome, names: tuple[str, ...], write: Entry | None, *, is_shared: bool, is_new: bool
) -> list[str]:
    """Return the requirements, the nearest first: those of the outcome, narrowed by the fields that differ.

    A wrong read is blamed on the preceding `write` first. A fresh namespace should be empty.
    """
    expected, observed = outcome.result, entry.observed
    if MARK in source(observed):
        return ["VAL-02"]
    if is_new and _is_something(observed):
        return ["LIST-10"] if is_shared else ["DUR-03", "SHARE-02"]

    own = _of_fields(names, expected)
    is_narrow = bool(own) and (names == ("completed_at",) or all(name in _FIELDS for name in names))
    found = []
    if "after" in entry.call.arguments and not isinstance(expected, Raised):
        found.append("LIST-12")
    if write and write.outcome and entry.call.operation in READS:
        found += _of_writing(entry, write, expected, is_narrow=is_narrow, is_shared=is_shared)
    if isinstance(expected, Page) and isinstance(observed, Page) and len(expected.records) != len(observed.records):
        found.append("LIST-04")

    if _is_refused(observed) and not isinstance(expected, Raised):
        return [*found, *_REFUSED.get(str(dict(observed.facts).get("argument")), outcome.requirements)]
    if is_narrow:
        return [*found, *own]
    if _is_refused(expected) and isinstance(observed, Raised):  # the store looked at something else first
        found.append("API-05")
    return [*found, *outcome.requirements, *own]


def _is_something(observed: Any) -> bool:
    is_taken = isinstance(observed, Raised) and observed.error == "TaskExists"
    return is_taken or getattr(observed, "total", 0) != 0


def _is_refused(result: Any) -> bool:
    return isinstance(result, Raised) and result.error == "InvalidArgument"


def _of_fields(names: tuple[str, ...], expected: Any) -> list[str]:
    """Return what the fields that differ are about by themselves."""
    if names == ("completed_at",) and isinstance(expected, Record) and expected.completed_at is not None:
        return ["LIFE-18" if expected.status == "cancelled" else "LIFE-05"]
    return [number for name in names for number in _FIELDS.get(name, ())]


def _of_writing(entry: Entry, write: Entry, expected: Any, *, is_narrow: bool, is_shared: bool) -> list[str]:
    """Return what the write before a read is about."""
    found = []
    if write.call.on != entry.call.on:
        found.append("SHARE-01" if is_shared else "SHARE-02")
    if write.outcome and isinstance(write.outcome.result, Raised):
        found.append("LIFE-14")
    elif write.outcome and not is_narrow and not isinstance(expected, Raised):
        found += write.outcome.requirements
    return found
