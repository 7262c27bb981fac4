"""Mutants of lifetimes: tasks that go too late, too early, or only in part."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar

from conformance.mutants.mutant import On, mutant
from conformance.mutants.wrapper import Scripted, edited
from taskstore import MemoryTaskStore, Task, TaskNotFound, TaskStatus
from taskstore.redis.scripts import INSERT, LIST, UPDATE

GONE = "expiry.test_an_expired_task_is_gone_everywhere"
BOUNDARY = "expiry.test_a_task_lives_in_the_last_millisecond_of_its_lifetime"
RENEWED = "expiry.test_each_successful_write_renews_the_lifetime"
LEFT = "cleanup.test_nothing_is_left_of_expired_tasks"
SWEPT = "cleanup.test_a_write_lets_go_of_what_has_expired"
UNCALLED = "cleanup.test_nothing_is_left_when_nobody_calls"
RENEWAL = "if redis.call('PTTL', index) < least"
WEEK = "expiry.test_the_lifetime_is_seven_days_by_default"


@mutant("EXP-01", by=GONE, on=On.EXPIRING, source="flask-limiter #4")
class NeverSweeps(MemoryTaskStore):
    """What has expired is not found, and still listed and counted."""

    def _sweep(self, most: int) -> bool:
        return False


@mutant("EXP-01", by=GONE, on=On.REDIS, source="rq: romm #3195")
class ListsWhatHasExpired(Scripted):
    """The index still counts what has expired."""

    scripts: ClassVar = {LIST: edited(LIST, "if sweep(250) then return {'again'} end", "")}


@mutant("EXP-01", by="tour", on=On.REDIS, source="romm #3195")
class CreatesBesideAGhost(Scripted):
    """A task that takes the id of an expired one is listed under the status of that one too."""

    scripts: ClassVar = {INSERT: edited(INSERT, "if other ~= status then", "if false then")}


@mutant("EXP-01", by=BOUNDARY, on=On.EXPIRING, source="CoCache #477")
class IsGoneAtItsDeadline(MemoryTaskStore):
    """A task goes a millisecond before its time, and lives on at that moment in the other mode."""

    def _live(self, task_id: str) -> Task:
        task = super()._live(task_id)
        if self._deadline_of[task_id] == self._now_ms():
            raise TaskNotFound(task_id)
        return task


@mutant("EXP-03", by=RENEWED, on=On.EXPIRING, instead=TaskNotFound, source="aiocache #423")
class TheFirstTimerCounts(MemoryTaskStore):
    """A task goes a lifetime after its creation, whatever was written since."""

    def _renew(self, task_id: str) -> None:
        if task_id not in self._deadline_of:
            super()._renew(task_id)


@mutant("EXP-03", by=RENEWED, on=On.REDIS, instead=TaskNotFound, source="fastmcp #5143")
class RenewsTheRecordAndNotTheIndex(Scripted):
    """An update renews the record, and not its entry among those that are due."""

    scripts: ClassVar = {UPDATE: edited(UPDATE, "  enter(DEADLINES, deadline, 1.5 * life)", "")}


@mutant("EXP-04", by=LEFT, on=On.REDIS, source="keyv #455")
class NeverPrunesAnIndex(Scripted):
    """The index of finished tasks only grows."""

    scripts: ClassVar = {
        script: edited(script, "{CREATED, DEADLINES, FINISHED}", "{CREATED, DEADLINES}")
        for script in (INSERT, UPDATE, LIST)
    }


@mutant("EXP-04", by=LEFT, on=On.EXPIRING, source="keyv #455")
class KeepsAnEntryOfWhatHasExpired(MemoryTaskStore):
    """One index of the memory store only grows."""

    def _remove(self, task_id: str) -> None:
        (place,) = (one for one in self._created if one.endswith(task_id))
        super()._remove(task_id)
        self._created_by_status[TaskStatus.PENDING].add(place)


@mutant("EXP-06", by=WEEK, on=On.REDIS, source="koog #2141")
class UpdateDropsTheExpiry(Scripted):
    """An updated record never goes."""

    scripts: ClassVar = {
        UPDATE: edited(UPDATE, "write('PEXPIREAT', record_key(id), deadline)", "write('PERSIST', record_key(id))")
    }


@mutant("EXP-06", by=WEEK, on=On.EXPIRING)
class LivesADay(MemoryTaskStore):
    """The lifetime is a day, whatever was asked for."""

    def __init__(self, *, lifetime: timedelta, **named: Any) -> None:
        super().__init__(lifetime=lifetime / 7, **named)


@mutant("EXP-08", by=SWEPT, on=On.EXPIRING, source="flask-limiter #4")
class SweepsInListingsOnly(MemoryTaskStore):
    """A store that nobody lists only grows."""

    def _sweep(self, most: int) -> bool:
        return most > 100 and super()._sweep(most)  # noqa: PLR2004  what a write removes


@mutant("EXP-08", by=UNCALLED, on=On.REDIS, source="keyv #455")
class AnIndexNeverExpires(Scripted):
    """The index of all tasks stays until somebody lists."""

    scripts: ClassVar = {
        script: edited(script, RENEWAL, f"{RENEWAL} and index ~= CREATED") for script in (INSERT, UPDATE)
    }


@mutant("EXP-08", by=UNCALLED, on=On.REDIS, source="keyv #455")
class AnIndexThatComesLaterNeverExpires(Scripted):
    """An index goes in time if it is there when lifetimes are renewed; one that an update makes later does not."""

    scripts: ClassVar = {UPDATE: edited(UPDATE, RENEWAL, f"{RENEWAL} and redis.call('PTTL', index) >= 0")}
