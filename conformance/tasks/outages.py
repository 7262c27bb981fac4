"""Calls of a task store while something fails: whether one has failed, and what its exception has to say."""

from collections.abc import Iterator, Mapping
from typing import Any

from conformance.engine.contract import CANCELLED, SILENT, Entry
from conformance.engine.failures import Failure
from conformance.engine.finding import Finding, complaint
from conformance.engine.orders.schedule import CALLER
from conformance.engine.scenario import Race
from conformance.harness import HookMissingError
from conformance.tasks.observe import describe
from taskstore import FailureKind

_LACKING = {
    "status": "LIFE-02",
    **dict.fromkeys(("config", "webhook_url"), "VAL-01"),
    **dict.fromkeys(("limit", "offset"), "LIST-06"),
}
"""By argument what is broken if an adapter says that its store lacks it; of others it is LIFE-04, about updates."""
_NO_FAILURE = Failure("nothing fails")


def classify(entry: Entry, race: Race) -> Finding | None:
    """Note whether a call has failed and may have happened, and return the first rule that it breaks by itself."""
    operation = entry.call.operation
    if isinstance(entry.answer, HookMissingError):
        entry.has_failed = True
        lacking = entry.answer.hook
        number = _LACKING.get(lacking, "LIFE-04")
        return complaint(number, "a store that has this argument", f"no {lacking}", "adapter")

    if not (entry.error or race.failure):  # most calls
        return None

    failure = race.failure or _NO_FAILURE
    expected = {CANCELLED.error, SILENT.error}
    if race.failure:
        expected.add("StoreUnavailable")
    if failure.closes:
        expected.add("StoreNotOpen")
    entry.has_failed = entry.error in expected
    facts = entry.observed.facts if entry.has_failed else {}
    is_write = failure.may_write and not entry.operation.is_read
    entry.may_have_happened = entry.has_failed and is_write and bool(facts.get("write_may_have_happened", True))
    if _names_its_task(entry, facts):  # it may create the task with the id that it states
        entry.arguments = {**entry.arguments, "task_id": facts["task_id"]}

    for is_kept, number, wanted in _rules(entry, race, facts):
        if not is_kept:
            said = describe(entry.observed, ("failure_kind", "write_may_have_happened"))
            return complaint(number, f"{wanted}, when {failure.name}", said, f"{failure.name} {operation}")
    return None


def _names_its_task(entry: Entry, facts: Mapping[str, Any]) -> bool:
    task_id = facts.get("task_id")
    return task_id is not None and entry.arguments.get("task_id", task_id) == task_id


def _rules(entry: Entry, race: Race, facts: Mapping[str, Any]) -> Iterator[tuple[object, str, str]]:
    """Yield whether a call keeps a rule by itself, the requirement, and what is expected.

    Without a requirement it is one that the scenario is about.
    """
    failure = race.failure
    operation = entry.call.operation
    in_time = "ATOM-06"
    if failure:
        in_time = "API-04" if failure.closes else "FAIL-01"
    yield entry.observed != SILENT, in_time, "an answer in time"
    is_cancelled = race.cancelled_after is not None or (failure and failure.name == CALLER)
    yield entry.observed != CANCELLED or is_cancelled, "ATOM-06", "an answer: nobody has cancelled the call"

    if failure is None:
        return
    if entry.error != "StoreUnavailable":
        yield entry.has_failed or operation not in failure.fails, "", "StoreUnavailable"
        return

    message = str(entry.answer).lower()
    may = facts.get("write_may_have_happened", True)
    is_harmless = entry.operation.is_read or failure.kinds == (FailureKind.UNREACHABLE,)
    is_said = ("nothing was written" in message) is not may
    is_named = _names_its_task(entry, facts) is (operation == "create_task")
    yield failure.kinds, "FAIL-14" if "FAIL-14" in failure.about else "", "no exception"
    yield facts.get("failure_kind") in failure.kinds, "FAIL-01", f"failure_kind {' or '.join(failure.kinds)}"
    yield type(may) is bool and not (may and is_harmless), "FAIL-11", "write_may_have_happened=False"
    yield is_said, "FAIL-11", "a message that says the same as write_may_have_happened"
    yield is_named, "ID-02", "the id of the task of that creation, and no other"
