"""Calls of a task store while something fails: whether one has failed, and what its exception has to say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from conformance.engine.contract import Entry
from conformance.engine.failures import Failure, Injection
from conformance.engine.finding import Finding, complaint
from conformance.engine.outcome import CANCELLED, SILENT, Raised
from conformance.engine.scenario import Race
from conformance.tasks.observe import describe
from conformance.tasks.spec.model import READS
from conformance.text import printed
from taskstore import FailureKind


class _Rule(NamedTuple):
    """Something that a call keeps or breaks by itself. Without a requirement it is what the scenario is about."""

    is_kept: object
    requirement: str
    expected: str


def classify(entry: Entry, race: Race, injection: Injection | None) -> Finding | None:
    """Note whether a call has failed and may have happened, and return the first rule that it breaks by itself."""
    _note_failure(entry, race)
    for rule in _rules(entry, race, injection):
        if not rule.is_kept:
            return _broken(rule, entry, race)
    return None


def _note_failure(entry: Entry, race: Race) -> None:
    is_unavailable = _is(entry, "StoreUnavailable")
    is_excused = race.failure is not None and is_unavailable
    is_closed = race.closes and (is_unavailable or _is(entry, "StoreNotOpen"))
    entry.has_failed = entry.observed in (CANCELLED, SILENT) or is_excused or is_closed

    may_write = entry.call.operation not in READS
    if race.failure:
        may_write = may_write and race.failure.may_write
    says_so = _facts(entry).get("write_may_have_happened", True)
    entry.may_have_happened = entry.has_failed and may_write and bool(says_so)


def _rules(entry: Entry, race: Race, injection: Injection | None) -> Iterator[_Rule]:
    yield from _answered(entry, race)
    failure = race.failure
    if failure is None:
        return
    if injection and _is(entry, "StoreUnavailable"):
        facts = _facts(entry)
        _note_id(entry, facts)
        yield from _unavailable(entry, failure, facts, injection.secret)
    elif entry.call.operation in failure.fails and not race.cancelled and not race.closes:
        yield _Rule(entry.has_failed, "", "StoreUnavailable")


def _broken(rule: _Rule, entry: Entry, race: Race) -> Finding:
    said = describe(entry.observed, ("failure_kind", "write_may_have_happened"))
    when = race.failure.name if race.failure else "nothing fails"
    name = f"{when} {entry.call.operation}"
    return complaint(rule.requirement, f"{rule.expected}, when {when}", said, name, "message")


def _is(entry: Entry, error: str) -> bool:
    return isinstance(entry.observed, Raised) and entry.observed.error == error


def _facts(entry: Entry) -> dict[str, Any]:
    return dict(entry.observed.facts) if isinstance(entry.observed, Raised) else {}


def _answered(entry: Entry, race: Race) -> Iterator[_Rule]:
    """Yield the rules about an answer."""
    in_time = "ATOM-06"
    if race.closes:
        in_time = "API-04"
    elif race.failure:
        in_time = "FAIL-01"
    yield _Rule(entry.observed != SILENT, in_time, "an answer in time")
    is_kept = entry.observed != CANCELLED or race.cancelled
    yield _Rule(is_kept, "ATOM-06", "an answer: nobody has cancelled the call")


def _names_its_task(entry: Entry, facts: Mapping[str, Any]) -> bool:
    task_id = facts.get("task_id")
    return task_id is not None and entry.invocation.arguments.get("task_id", task_id) == task_id


def _note_id(entry: Entry, facts: Mapping[str, Any]) -> None:
    """Take the call for one with the id that its exception states: it may create that task."""
    if _names_its_task(entry, facts):
        entry.invocation.arguments = {**entry.invocation.arguments, "task_id": facts["task_id"]}


def _unavailable(entry: Entry, failure: Failure, facts: Mapping[str, Any], secret: str) -> Iterator[_Rule]:
    """Yield the rules about a `StoreUnavailable`."""
    operation, message = entry.call.operation, str(entry.answer).lower()
    may = facts.get("write_may_have_happened", True)
    is_harmless = operation in READS or failure.kinds == (FailureKind.UNREACHABLE,)
    is_said = ("nothing was written" in message) is not may and ("may have happened" in message) is may

    yield _Rule(failure.kinds, "", "no exception")
    is_kind = facts.get("failure_kind") in failure.kinds
    yield _Rule(is_kind, "FAIL-01", f"failure_kind {' or '.join(failure.kinds)}")
    is_right = type(may) is bool and not (may and is_harmless)
    yield _Rule(is_right, "FAIL-11", "write_may_have_happened=False")
    yield _Rule(is_said, "FAIL-11", "a message that says the same as write_may_have_happened")
    is_safe = secret not in printed(entry.answer)
    yield _Rule(is_safe, "FAIL-05", "an exception that does not show the password")
    is_named = _names_its_task(entry, facts) is (operation == "create_task")
    yield _Rule(is_named, "ID-02", "the id of the task of that creation, and no other")
