"""Which requirements a call broke: from what was expected, what came out, and what was done before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from conformance.engine.observe import holds_mark
from conformance.harness import Capability
from conformance.spec.model import FIELDS, FINAL, TEXTS, Outcome, Page, Raised, Record, State, is_same

_WRITES = ("create_task", "update_task_status", "cancel_task", "restore", "purge")
_OF_TASKS = ("TaskNotFound", "TaskFinal", "TaskExists")
_MOVED = ("updated_at", "completed_at")


@dataclass(frozen=True, slots=True)
class Cause:
    """The write before the reads that look for what it changed."""

    operation: str
    arguments: Mapping[str, Any]
    outcome: Outcome
    observed: Any
    on: int
    before: Record | None
    """The task as it was before."""

    @property
    def is_refusal(self) -> bool:
        """Whether it was to change nothing, by an exception or as a repetition."""
        return self.outcome.written is None and self.operation in _WRITES and self.operation != "purge"


@dataclass(frozen=True, slots=True)
class Sight:
    """A call and what came out of it, which is not what was expected."""

    operation: str
    arguments: Mapping[str, Any]
    about: tuple[str, ...]
    state: State
    outcome: Outcome
    observed: Any
    names: tuple[str, ...]
    """The fields that differ; of a result of another kind, an empty text."""
    on: int
    cause: Cause | None
    idle: tuple[str, ...]
    """The requirements that say that calls since the last write of the task changed nothing."""
    lost: bool
    """Whether a task that a listing left out is not found by its id either."""
    was_reopened: bool
    time_passed: bool
    capabilities: frozenset[Capability]


def blame(sight: Sight) -> tuple[str, ...]:
    """The requirements that are broken, the nearest first."""
    if not holds_mark(sight.observed) or sight.names == ("",):  # a result of another kind has a reason of its own
        return tuple(dict.fromkeys(_blame(sight)))
    unmarked = tuple(name for name in sight.names if not holds_mark(getattr(sight.observed, name, None)))
    others = _blame(replace(sight, names=unmarked)) if unmarked and isinstance(sight.observed, Record) else ()
    return tuple(dict.fromkeys(("VAL-02", *others)))


def _blame(sight: Sight) -> Iterator[str]:
    expected, observed = sight.outcome.result, sight.observed
    if isinstance(expected, Raised):
        if sight.operation == "get_task" and expected.error == "TaskNotFound":
            yield from sight.about if sight.cause is None else ()
            yield from _of_place(sight)
            if sight.cause is not None and sight.cause.operation == "purge":
                yield "MAINT-01"
            yield from sight.idle  # one of those calls may have renewed the lifetime
        if isinstance(observed, Raised) and observed.error == expected.error == "TaskExists":
            yield "ID-02"  # the error is right, and a fact that it states is not
            return
        yield from sight.outcome.requirements
        if expected.error == "InvalidArgument" and isinstance(observed, Raised) and observed.error in _OF_TASKS:
            yield "API-05"  # the task was looked up before this argument was checked, if it is checked at all
        return
    if isinstance(expected, Page) and isinstance(observed, Page):
        came = [one.task_id for one in observed.records]
        if len(set(came)) < len(came):  # wherever it was asked, and whatever was done before
            yield from ("LIST-12",) * (sight.arguments.get("after") is not None)
            yield from ("LIST-04", "LIST-03", "LIST-01")
        else:
            yield from _of_page(sight, expected, observed)
    elif isinstance(expected, Record) and isinstance(observed, Record):
        yield from _of_record(sight)
    elif isinstance(observed, Raised):
        yield from sight.about
        yield from _of_refusal(sight, observed)
    else:
        yield from sight.about
        yield {"purge": "MAINT-01", "restore": "MAINT-02"}.get(sight.operation, "API-02")


def _of_refusal(sight: Sight, observed: Raised) -> Iterator[str]:
    """A call that may not fail failed."""
    argument = dict(observed.facts).get("argument")
    if observed.error == "TaskNotFound":
        yield from _of_loss(sight)
    elif observed.error == "TaskFinal":
        task = sight.state.get(sight.arguments["task_id"])
        yield "LIFE-10" if task is not None and task.status in FINAL else "LIFE-02"
    elif observed.error == "TaskExists":
        yield "MAINT-02" if sight.operation == "restore" else "ID-06"
    elif observed.error == "InvalidArgument" and argument in _BY_ARGUMENT:
        if isinstance(sight.outcome.result, Page) and not sight.outcome.result.records:
            yield "LIST-04"  # an empty page has the total
        yield _BY_ARGUMENT[argument]
    elif sight.about:
        return
    elif sight.cause is not None and sight.cause.operation == "restore":
        yield "MAINT-02"
    else:
        yield _BY_OPERATION[sight.operation]


_BY_ARGUMENT = {
    "config": "VAL-01",
    "video_ids": "VAL-09",
    "webhook_url": "VAL-09",
    "task_id": "ID-02",
    "status": "LIFE-02",
    "progress": "LIFE-13",
    "task": "VAL-06",
    "limit": "LIST-06",
    "offset": "LIST-06",
    "after": "LIST-13",
    **dict.fromkeys(TEXTS, "VAL-09"),
}
_BY_OPERATION = {
    "create_task": "API-02",
    "get_task": "LIFE-03",
    "list_tasks": "LIST-03",
    "update_task_status": "LIFE-02",
    "cancel_task": "LIFE-09",
    "purge": "MAINT-01",
    "restore": "MAINT-02",
}


def _of_loss(sight: Sight) -> Iterator[str]:
    """A task that is there was not found."""
    cause = sight.cause
    if sight.was_reopened and Capability.PERSISTENT in sight.capabilities:
        yield "DUR-01"
    elif sight.time_passed and Capability.EXPIRING in sight.capabilities:
        yield from ("EXP-01", "EXP-03")
    elif sight.time_passed:
        yield "EXP-05"
    elif cause is not None and cause.on != sight.on:
        yield "SHARE-01"
    if cause is not None and cause.is_refusal:
        yield from _untouched(cause)
    elif cause is not None and cause.operation == "purge":
        yield "MAINT-01"
    elif cause is not None and cause.operation == "restore":
        yield "MAINT-02"
    elif not sight.time_passed:
        yield from ("LIFE-03", "ATOM-01")
    is_in_a_crowd = "ATOM-06" in sight.about  # the task is there, and this one call does not find it
    if (cause is None or not cause.is_refusal) and not is_in_a_crowd:
        yield "EXP-01" if Capability.EXPIRING in sight.capabilities else "EXP-05"


def _untouched(cause: Cause) -> Iterator[str]:
    """A write that was to change nothing changed something."""
    result, numbers = cause.outcome.result, cause.outcome.requirements
    if isinstance(result, Raised) and result.error in ("InvalidArgument", "TaskFinal"):
        yield "LIFE-14"
        numbers = tuple(number for number in numbers if number == "VAL-05")  # the others say that it raises, as it did
    yield from numbers


def _of_page(sight: Sight, expected: Page, observed: Page) -> Iterator[str]:
    names = set(sight.names)
    if sight.cause is not None and sight.cause.is_refusal:
        yield from _untouched(sight.cause)
    status = sight.arguments.get("status")
    if "tasks" in names:
        yield from _of_members(sight, expected, observed)
    if "total" in names:
        yield "LIST-03"
        if not expected.records:
            yield "LIST-04"  # an empty page has the total
        yield from _of_place(sight)
    if names & {"limit", "offset"}:
        yield "LIST-06"
    if "following" in names and not ("tasks" in names and _goes_on_from_its_end(observed)):
        yield from ("LIST-12", "LIST-13")
    if "unreadable" in names:
        yield "FAIL-09"
    fields = names - {"tasks", "total", "limit", "offset", "following", "unreadable"}
    if fields:
        yield from _of_place(sight)
        if status is not None and "status" in fields:
            yield "LIST-03"
        yield "LIFE-03"
        yield from _content(fields)


def _goes_on_from_its_end(page: Page) -> bool:
    """Whether the cursor of a page is that of its last task, whichever task that is."""
    return bool(page.records) and str(page.following).endswith(f".{page.records[-1].task_id}")


def _of_members(sight: Sight, expected: Page, observed: Page) -> Iterator[str]:
    wanted = [one.task_id for one in expected.records]
    came = [one.task_id for one in observed.records]
    if sight.arguments.get("after") is not None:
        yield "LIST-12"
    if sorted(map(str, wanted)) == sorted(map(str, came)):
        yield "LIST-01"
        return
    if sight.lost:
        yield "EXP-01" if Capability.EXPIRING in sight.capabilities else "EXP-05"
    extra = [str(task_id) for task_id in came if task_id not in set(wanted)]
    yield from sight.about
    if any(sight.state.get(task_id) is None for task_id in extra):
        yield from _of_revival(sight)
    if sight.arguments.get("status") is not None:
        yield "LIST-03"
    if sight.arguments.get("offset") or expected.total > len(wanted):
        yield "LIST-04"
    yield from _of_place(sight)
    if sight.cause is not None and sight.cause.operation == "create_task" and not sight.cause.is_refusal:
        yield "ATOM-01"
    if sight.cause is not None and sight.cause.operation in ("purge", "restore"):
        yield {"purge": "MAINT-01", "restore": "MAINT-02"}[sight.cause.operation]
    yield from ("LIST-03", "LIST-01")


def _of_revival(sight: Sight) -> Iterator[str]:
    """A listing holds what should not be there."""
    if sight.time_passed and Capability.EXPIRING in sight.capabilities:
        yield "EXP-01"
    if sight.cause is not None and sight.cause.operation == "purge":
        yield "MAINT-01"


def _of_place(sight: Sight) -> Iterator[str]:
    """Where the call was made, if that may be why."""
    if sight.was_reopened:
        yield "DUR-01" if Capability.PERSISTENT in sight.capabilities else "DUR-03"
    elif sight.cause is not None and sight.cause.on != sight.on:
        yield "SHARE-01" if Capability.SHARED in sight.capabilities else "SHARE-02"
    if sight.time_passed and Capability.EXPIRING in sight.capabilities:
        yield "EXP-01"


def _of_record(sight: Sight) -> Iterator[str]:
    names, cause = set(sight.names), sight.cause
    if sight.operation == "get_task":
        yield from _of_place(sight)
        if cause is not None and cause.is_refusal:  # a read before it was right
            yield from _untouched(cause)
            return
        if cause is not None and cause.operation == "restore":
            yield "MAINT-02"
        elif cause is None:
            yield from sight.about
        elif cause.before is not None and not cause.is_refusal and _is_as_before(sight, cause.before):
            yield "ATOM-01"  # the write is lost
        yield "LIFE-03"
        yield from _content(names)
        return
    if sight.outcome.written is None:  # a repetition, which changes nothing
        yield from sight.outcome.requirements
        return
    if sight.operation == "create_task":
        yield from _of_created(sight, names)
    elif sight.operation == "cancel_task":
        yield from _of_cancelled(names)
    else:
        yield from _of_updated(sight, names)
    yield from _content({name for name in names if not _is_cleared(sight, name)})


def _of_created(sight: Sight, names: set[str]) -> Iterator[str]:
    if names - {"metadata", "created_at", "updated_at", "task_id"}:
        yield "LIFE-01"
        if sight.arguments.get("task_id") is not None:
            yield "ID-06"  # it may be the task that had this id before
    if "task_id" in names:
        yield "ID-06"
    if names & {"created_at", "updated_at"}:
        yield "LIFE-17"


def _of_cancelled(names: set[str]) -> Iterator[str]:
    if names - {"created_at", "updated_at", "completed_at"}:
        yield "LIFE-09"
    if "completed_at" in names:
        yield "LIFE-18"
    if names & {"created_at", "updated_at"}:
        yield "LIFE-17"


def _of_updated(sight: Sight, names: set[str]) -> Iterator[str]:
    before = sight.state.get(str(sight.arguments.get("task_id")))
    if before is not None and _is_as_before(sight, before):
        yield "ATOM-01"  # nothing was written
    status = getattr(sight.outcome.written, "status", "")
    given = {name for name, value in sight.arguments.items() if value is not None}
    if "status" in names:
        yield "LIFE-02"
    ends = status in ("completed", "failed")
    if ends and names & {"progress", "completed_at", "error_message", "error_traceback"}:
        yield "LIFE-05"
    if "completed_at" in names and status == "cancelled":
        yield "LIFE-18"
    if names & {"created_at", "updated_at"}:
        yield "LIFE-17"
    kept = names - given - {"created_at", "updated_at", "status"}
    if not ends:
        kept -= {"completed_at"} if status in FINAL else set()
    if kept or names & given - {"status"}:
        yield "LIFE-04"


def _is_as_before(sight: Sight, before: Record) -> bool:
    """Whether all that a write was to change is as it was."""
    expected = sight.outcome.written or sight.outcome.result
    names = [
        name for name in FIELDS if name not in _MOVED and not is_same(getattr(expected, name), getattr(before, name))
    ]
    return bool(names) and all(
        name in sight.names and is_same(getattr(sight.observed, name), getattr(before, name)) for name in names
    )


def _is_cleared(sight: Sight, name: str) -> bool:
    """Whether a write that does not give a field has emptied it: nothing is wrong with what the field held."""
    return sight.arguments.get(name) is None and getattr(sight.observed, name) in (None, "")


def _content(names: set[str]) -> Iterator[str]:
    """The requirements on what fields hold, whatever the operation."""
    if "metadata" in names:
        yield "VAL-01"
    if names & {*TEXTS, "video_ids"}:
        yield "VAL-09"
