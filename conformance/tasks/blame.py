"""Which requirements a result breaks that the model does not allow."""

from __future__ import annotations

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
"""What fields are about, whatever operation returns them."""
_TEXTS = dict.fromkeys((*TEXTS, "webhook_url", "video_ids"), ("VAL-09",))
_REFUSED = {"task": ("VAL-06",), "progress": ("LIFE-13",), **_TEXTS}
"""What an argument is about that is refused and is right; of others the outcome tells."""


def blame(  # noqa: C901  one rule after the other
    made: Entry, outcome: Outcome, names: tuple[str, ...], write: Entry | None, *, is_shared: bool, is_new: bool
) -> list[str]:
    """Return the requirements, the nearest first: those of the outcome, narrowed by the fields that differ.

    A read that is wrong shows first what the `write` before it has done; in a place that is new there is nothing.
    """
    expected, observed, found = outcome.result, made.observed, list[str]()
    if MARK in source(observed):
        return ["VAL-02"]
    is_taken = isinstance(observed, Raised) and observed.error == "TaskExists"
    if is_new and not outcome.state.tasks and (is_taken or getattr(observed, "total", 0) != 0):
        return ["LIST-10"] if is_shared else ["DUR-03", "SHARE-02"]
    own = [number for name in names for number in _FIELDS.get(name, ())]
    is_narrow = bool(own) and all(name in _FIELDS for name in names)
    if names == ("completed_at",) and isinstance(expected, Record) and expected.completed_at is not None:
        is_narrow, own = True, ["LIFE-18" if expected.status == "cancelled" else "LIFE-05"]
    if write and write.outcome and made.call.operation in READS:
        if write.call.on != made.call.on:
            found.append("SHARE-01" if is_shared else "SHARE-02")
        if isinstance(write.outcome.result, Raised):
            found.append("LIFE-14")
        elif not is_narrow and not isinstance(expected, Raised):
            found += write.outcome.requirements
    if isinstance(expected, Page) and isinstance(observed, Page) and len(expected.records) != len(observed.records):
        found.append("LIST-04")
    if "after" in made.call.arguments and not isinstance(expected, Raised):
        found.insert(0, "LIST-12")
    if isinstance(observed, Raised) and observed.error == "InvalidArgument" and not isinstance(expected, Raised):
        return [*found, *_REFUSED.get(str(dict(observed.facts).get("argument")), outcome.requirements)]
    if is_narrow:
        return [*found, *own]
    is_late = isinstance(observed, Raised) and isinstance(expected, Raised) and expected.error == "InvalidArgument"
    return [*found, *["API-05"] * is_late, *outcome.requirements, *own]
