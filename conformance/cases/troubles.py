"""Two troubles at once, as expired tasks and an evicted index: the first call is right, and so are the listings."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast
from weakref import WeakKeyDictionary

from conformance.case import Namespace, NotTestable, case
from conformance.cases.eviction import LATER, evicting, others_than_records, unless_refused
from conformance.cases.expiry import MINUTE, WEEK, create_many
from conformance.cases.listing import newest_first
from conformance.cases.operations import Operation, make_target, operations_of
from conformance.cases.records import named
from conformance.cases.table.bench import outcome_of
from conformance.harness import Capability, Harness, HookMissingError
from conformance.spec.equality import snapshots
from conformance.strategies import a_request
from taskstore import StoreUnavailable, Task, TaskPage, TaskStatus

TROUBLES = ("tasks have expired", "records were removed", "records cannot be read", "indexes were evicted")
EXPIRED, REMOVED, BROKEN, EVICTED = TROUBLES
DAY = timedelta(days=1)
CROWD = 110
"""How many tasks expire: more than many a store removes with one write."""
_PURGE = "purge all"
_FIRST = ("create", "create under an id", "get", "list", "count a status", "list by status", "update", "cancel")
_RETURN_NO_TASK = (_PURGE, "list", "count a status", "list by status")
_VICTIMS = (TaskStatus.PENDING, TaskStatus.COMPLETED, TaskStatus.CANCELLED) * 2


@dataclass
class Met:
    """What came of a call that was the first after two troubles, and what every listing had then."""

    name: str
    may_be_refused: bool
    came: object
    """What the call returned or raised."""
    right: list[Task]
    """The tasks that are there and can be read."""
    purged: int
    """How many of them a purge of all has removed."""
    broken: Mapping[str, TaskStatus]
    """The ids and the statuses of those that cannot be read."""
    pages: Mapping[TaskStatus | None, TaskPage | None]
    """A page of all, and one of each status; None for one that was refused."""

    def __str__(self) -> str:
        return self.name


_known: WeakKeyDictionary[Harness, list[Met]] = WeakKeyDictionary()


async def met(namespace: Namespace) -> list[Met]:
    """Make each call the first one after each two troubles; once for all cases."""
    if (found := _known.get(namespace.harness)) is None:
        found = []
        capabilities = namespace.harness.capabilities
        first = [one for one in operations_of(capabilities) if one.name in _FIRST]
        if Capability.MAINTENANCE in capabilities:
            first.append(Operation(_PURGE, lambda store, _: store.purge(LATER)))
        possible = [one for one in TROUBLES if one is not EXPIRED or Capability.EXPIRING in capabilities]
        for number, (pair, one) in enumerate(itertools.product(itertools.combinations(possible, 2), first)):
            if not (one.name == _PURGE and BROKEN in pair):  # it may remove them or leave them
                with namespace.beside(f"-{number}") as place:
                    try:
                        found.append(await _met(place, pair, one))
                    except NotTestable:
                        if EVICTED not in pair:  # else the cases about evictions say what cannot be done
                            raise
        _known[namespace.harness] = found
    return found


async def _met(place: Namespace, troubles: tuple[str, ...], operation: Operation) -> Met:
    async with contextlib.AsyncExitStack() as stack:
        store: Any = await stack.enter_async_context(place.open())
        if EXPIRED in troubles:
            for task in (await create_many(store, CROWD))[::20]:
                await store.cancel_task(task.task_id)
            place.advance(WEEK - DAY)
        target = await make_target(store)
        victims = [await store.create_task(a_request()) for _ in _VICTIMS]
        victims = [await store.update_task_status(one.task_id, to) for one, to in zip(victims, _VICTIMS, strict=True)]
        removed, broken = victims[:3] * (REMOVED in troubles), victims[3:] * (BROKEN in troubles)
        there = [target.task, target.other, *target.bystanders]
        there += [task for task in victims if task not in (*removed, *broken)]
        if EXPIRED in troubles:
            place.advance(DAY + MINUTE)
        for task in removed:
            place.inspector.delete(task.task_id)
        for task, text in zip(broken, (b"not a record", b"", b"{}"), strict=False):
            place.inspector.overwrite(task.task_id, text)
        if broken:
            with contextlib.suppress(HookMissingError):  # the texts are enough for a verdict
                place.inspector.overwrite_with_another_type(broken[1].task_id)
        if EVICTED in troubles:
            stack.enter_context(evicting(place, others_than_records(place, [*there, *broken]), there))
        came = await outcome_of(operation.call(store, target))
        pages = {one: await unless_refused(store.list_tasks(one, limit=1_000)) for one in (None, *TaskStatus)}
    right = there
    if operation.name not in _RETURN_NO_TASK and not isinstance(came, BaseException):
        written = cast(Task, came)
        right = [written, *(task for task in there if task.task_id != written.task_id)]
    elif operation.name == _PURGE and not isinstance(came, BaseException):
        right = [task for task in there if not task.status.is_final]
    return Met(
        name=f"{operation.name} first, when {' and '.join(troubles)}",
        may_be_refused=EVICTED in troubles,
        came=came,
        right=right,
        purged=len(there) - len(right),
        broken={task.task_id: task.status for task in broken},
        pages=pages,
    )


@case("LIFE-03", needs=(Capability.SHARED, Capability.REMOTE))
async def test_the_first_call_after_two_troubles_is_answered(namespace: Namespace) -> None:
    """Tasks have expired, records were removed or cannot be read, indexes were evicted: a call about others works."""
    for one in await met(namespace):
        if not (one.may_be_refused and isinstance(one.came, StoreUnavailable)):
            assert not isinstance(one.came, BaseException), f"{one}: raised {one.came!r}"


@case("MAINT-01", needs=(Capability.SHARED, Capability.REMOTE, Capability.MAINTENANCE))
async def test_a_purge_after_two_troubles_counts_what_it_removes(namespace: Namespace) -> None:
    """What has expired, or was removed behind the store's back, is not counted."""
    for one in await met(namespace):
        if one.name.startswith(_PURGE) and not (one.may_be_refused and isinstance(one.came, StoreUnavailable)):
            assert one.came == one.purged, f"{one}"


@case("LIST-03", "LIST-11", "EXP-01", needs=(Capability.SHARED, Capability.REMOTE))
async def test_listings_after_two_troubles_have_the_tasks_that_are_there(namespace: Namespace) -> None:
    """All tasks and those of each status, in order; the total is theirs, and that of the tasks that cannot be read."""
    for one in await met(namespace):
        for status, page in one.pages.items():
            if page is None and one.may_be_refused:
                continue
            assert page is not None, f"{one}, a listing of {status} is refused"
            right = newest_first(task for task in one.right if status in (None, task.status))
            assert snapshots(page.tasks) == snapshots(right), f"{one}, in a listing of {status}"
            assert page.total == len(right) + len(page.unreadable), f"{one}, in a listing of {status}"


@case("FAIL-09", needs=(Capability.SHARED, Capability.REMOTE))
async def test_listings_after_two_troubles_name_what_cannot_be_read(namespace: Namespace) -> None:
    """Each is named where it is listed. A store that has lost its indexes cannot tell what status it has."""
    for one in await met(namespace):
        for status, page in one.pages.items():
            if page is not None and not one.may_be_refused:
                wanted = {key for key, its in one.broken.items() if status in (None, its)}
                assert named(page.unreadable, wanted), f"{one}, in a listing of {status}"
