"""Stores that list too much, too little, twice or in another order."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, ClassVar

from conformance.mutants.around import Around, page_of
from conformance.mutants.mutant import On, mutant
from conformance.mutants.scripts import Scripted, edited
from taskstore import (
    MAX_LIMIT,
    MAX_OFFSET,
    InvalidArgument,
    MemoryTaskStore,
    Task,
    TaskNotFound,
    TaskPage,
    TaskStatus,
)
from taskstore.redis import RedisTaskStore
from taskstore.redis.scripts import LIST, UPDATE

ORDER = "listing.test_newest_come_first_whatever_was_updated"
TIES = "tour"
EXACT = "listing.test_total_and_filter_are_exact"
WALK = "listing.test_pages_join_without_gap_or_overlap"
NONE = "listing.test_a_limit_or_offset_that_is_none_is_refused"
NEIGHBOUR = "listing.test_a_neighbour_is_never_shown_or_removed"
JOIN = "listing.test_pages_by_cursor_join_while_others_write"
CHANGES = "tour"
OUTLIVES = "tour"
NO_CURSOR = "listing.test_what_is_no_cursor_is_refused"
REMOVED = "listing.test_a_removed_record_is_not_counted"


class _Resorted(Around):
    """Lists everything in an order of its own."""

    def key(self, task: Task) -> Any:
        """What tasks are sorted by, the largest first."""
        return task.created_at, task.task_id

    async def list_tasks(
        self, status: TaskStatus | None = None, limit: int = 50, offset: int = 0, *, after: str | None = None
    ) -> TaskPage:
        page = await super().list_tasks(status, limit, offset, after=after)  # refuses what is to be refused
        everything = (await super().list_tasks(status, MAX_LIMIT)).tasks
        tasks = sorted(everything, key=self.key, reverse=True)
        return page_of(tasks[offset : offset + limit], page.total, limit, offset)


@mutant("LIST-01", by=ORDER, source="langgraph #8831")
class LatestUpdateFirst(_Resorted):
    """The order is that of the latest update."""

    def key(self, task: Task) -> Any:
        return task.updated_at, task.task_id


@mutant("LIST-01", by=ORDER, source="langgraph #8831")
class OldestFirst(_Resorted):
    """The order is that of insertion."""

    def key(self, task: Task) -> Any:
        return -task.created_at.timestamp()


@mutant("LIST-01", by=TIES, source="a2a-js #383")
class TiesAscend(_Resorted):
    """Tasks of one microsecond are in the opposite order of ids."""

    def key(self, task: Task) -> Any:
        return task.created_at, [-ord(character) for character in task.task_id] + [1]


@mutant("LIST-01", by=TIES)
class TiesByLengthFirst(_Resorted):
    """Tasks of one microsecond are ordered by the length of their ids."""

    def key(self, task: Task) -> Any:
        return task.created_at, len(task.task_id), task.task_id


@mutant("LIST-01", by="tour", source="a2a-python #1233")
class ComparesTimesAsText(_Resorted):
    """Times are compared as texts that leave out trailing zeros."""

    def key(self, task: Task) -> Any:
        return f"{task.created_at:%Y-%m-%dT%H:%M:%S.%f}".rstrip("0").rstrip(".") + "Z", task.task_id


class _Paged(Around):
    """Asks for another page than it was asked for."""

    async def page(self, status: TaskStatus | None, limit: int, offset: int) -> TaskPage:
        """What comes in place of a page of a limit and offset that are right."""
        return await self.store.list_tasks(status, limit, offset)

    async def list_tasks(
        self, status: TaskStatus | None = None, limit: int = 50, offset: int = 0, *, after: str | None = None
    ) -> TaskPage:
        right = await self.store.list_tasks(status, limit, offset, after=after)
        wrong = await self.page(status, limit, offset)
        return right.model_copy(update={"tasks": wrong.tasks, "total": wrong.total})


@mutant("LIST-03", by=EXACT)
class TotalIsThatOfThePage(_Paged):
    """Total counts the page."""

    async def page(self, status: TaskStatus | None, limit: int, offset: int) -> TaskPage:
        right = await super().page(status, limit, offset)
        return right.model_copy(update={"total": len(right.tasks)})


@mutant("LIST-03", by=EXACT)
class TotalIgnoresTheFilter(_Paged):
    """Total counts every task, whatever its status."""

    async def page(self, status: TaskStatus | None, limit: int, offset: int) -> TaskPage:
        right = await super().page(status, limit, offset)
        return right.model_copy(update={"total": (await super().page(None, 0, 0)).total})


@mutant("LIST-03", by=EXACT, source="huey 3.0.2")
class OneTaskTooMany(_Paged):
    """A page holds one task more than asked for."""

    async def page(self, status: TaskStatus | None, limit: int, offset: int) -> TaskPage:
        return await super().page(status, limit + 1 if limit < MAX_LIMIT else limit, offset)


@mutant("LIST-03", by=EXACT, source="huey 3.0.2")
class TakesThePageFromTheOtherEnd(_Paged):
    """A page comes from the wrong end."""

    async def page(self, status: TaskStatus | None, limit: int, offset: int) -> TaskPage:
        total = (await super().page(status, 0, 0)).total
        return await super().page(status, limit, max(total - limit - offset, 0))


@mutant("LIST-04", by=WALK)
class PagesOverlap(_Paged):
    """A page begins with the last task of the one before."""

    async def page(self, status: TaskStatus | None, limit: int, offset: int) -> TaskPage:
        return await super().page(status, limit, max(offset - 1, 0))


@mutant("LIST-04", by=WALK)
class PagesHaveGaps(_Paged):
    """Between two pages a task is missing."""

    async def page(self, status: TaskStatus | None, limit: int, offset: int) -> TaskPage:
        return await super().page(status, limit, offset + 1 if offset else 0)


@mutant("LIST-04", by=WALK, source="ioredis #678")
class ShowsATaskTwice(_Paged):
    """The first task of a listing is there twice."""

    async def page(self, status: TaskStatus | None, limit: int, offset: int) -> TaskPage:
        right = await super().page(status, limit, offset)
        return right.model_copy(update={"tasks": (*right.tasks[:1], *right.tasks)})


@mutant("LIST-04", by=WALK, source="thunderbird appointment #1796")
class EndsAtAnEmptyPage(_Paged):
    """A page that a scan finds empty is taken for the end, though more follows."""

    async def page(self, status: TaskStatus | None, limit: int, offset: int) -> TaskPage:
        right = await super().page(status, limit, offset)
        return right.model_copy(update={"tasks": right.tasks if offset < limit else ()})


@mutant("LIST-04", by="tour", source="jumpserver #6341")
class LimitZeroIsAll(_Paged):
    """limit=0 gives everything."""

    async def page(self, status: TaskStatus | None, limit: int, offset: int) -> TaskPage:
        return await super().page(status, limit or MAX_LIMIT, offset)


@mutant("LIST-04", by="tour")
class LimitZeroCountsNothing(_Paged):
    """limit=0 does not count."""

    async def page(self, status: TaskStatus | None, limit: int, offset: int) -> TaskPage:
        right = await super().page(status, limit, offset)
        return right if limit else right.model_copy(update={"total": 0})


class _Lenient(Around):
    """Takes limits and offsets that are none."""

    async def list_tasks(
        self, status: TaskStatus | None = None, limit: int = 50, offset: int = 0, *, after: str | None = None
    ) -> TaskPage:
        return await super().list_tasks(status, self.number(limit, MAX_LIMIT), self.number(offset, 0))

    def number(self, given: Any, default: int) -> Any:
        """What is taken for a limit or offset."""
        return given


@mutant("LIST-06", by=NONE, source="jumpserver #6341")
class ANegativeLimitIsAll(_Lenient):
    """A negative limit gives everything, a negative offset begins at the start."""

    def number(self, given: Any, default: int) -> Any:
        return default if type(given) is int and given < 0 else given


@mutant("LIST-06", by=NONE)
class RoundsALimit(_Lenient):
    """2.5 is taken for 2, and True for 1."""

    def number(self, given: Any, default: int) -> Any:
        return int(given) if isinstance(given, (float, bool)) and given == given else given  # noqa: PLR0124  no NaN


@mutant("LIST-06", by=NONE)
class ReadsALimitFromText(_Lenient):
    """The text 10 is taken for the number."""

    def number(self, given: Any, default: int) -> Any:
        return int(given) if isinstance(given, str) else given


@mutant("LIST-06", by="tour")
class CutsALongPage(_Lenient):
    """A limit beyond the maximum gives a page of the maximum, with no word."""

    def number(self, given: Any, default: int) -> Any:
        return min(given, MAX_LIMIT) if type(given) is int else given


@mutant("LIST-03", by=EXACT)
class IgnoresTheFilter(_Paged):
    """A filter is counted by, and not applied."""

    async def page(self, status: TaskStatus | None, limit: int, offset: int) -> TaskPage:
        right = await super().page(status, limit, offset)
        return right.model_copy(update={"tasks": (await super().page(None, limit, offset)).tasks})


@mutant("LIST-03", by=EXACT, source="nestjs-throttler-storage-redis #1040")
class FiltersAfterThePage(_Paged):
    """A page is cut first and filtered then, so that it is short while more match."""

    async def page(self, status: TaskStatus | None, limit: int, offset: int) -> TaskPage:
        right = await super().page(status, limit, offset)
        tasks = (await super().page(None, limit, offset)).tasks
        return right.model_copy(update={"tasks": tuple(task for task in tasks if status in (None, task.status))})


@mutant("LIST-03", by=EXACT, on=On.REDIS)
class StaysUnderItsOldStatus(Scripted):
    """A task is listed under every status that it ever had."""

    scripts: ClassVar = {
        UPDATE: edited(UPDATE, "{'ZREM', status_index(old_status), id, score = created_us}", "{'ZREM', FINISHED, id}")
    }


@mutant("LIST-04", by="tour")
class StopsAtTheLastPage(_Paged):
    """An offset past the end gives the end."""

    async def page(self, status: TaskStatus | None, limit: int, offset: int) -> TaskPage:
        total = (await super().page(status, 0, 0)).total
        return await super().page(status, limit, min(offset, max(total - 1, 0)))


@mutant("LIST-04", by="tour")
class CountsNothingPastTheEnd(_Paged):
    """Past the end the total is 0."""

    async def page(self, status: TaskStatus | None, limit: int, offset: int) -> TaskPage:
        right = await super().page(status, limit, offset)
        return right if right.tasks or not offset else right.model_copy(update={"total": 0})


@mutant("LIST-09", by=("listing.test_a_page_names_its_place", "tour"))
class TwentyByDefault(Around):
    """A page holds 20 tasks unless asked otherwise."""

    async def list_tasks(
        self, status: TaskStatus | None = None, limit: int = 20, offset: int = 0, *, after: str | None = None
    ) -> TaskPage:
        return await super().list_tasks(status, limit, offset, after=after)


@mutant("LIST-09", by="listing.test_a_page_names_its_place")
class NamesTheLengthOfThePage(Around):
    """limit comes back as the number of tasks on the page."""

    async def list_tasks(
        self, status: TaskStatus | None = None, limit: int = 50, offset: int = 0, *, after: str | None = None
    ) -> TaskPage:
        page = await super().list_tasks(status, limit, offset, after=after)
        return page.model_copy(update={"limit": len(page.tasks)})


class _PurgesKeys(RedisTaskStore):
    """Removes keys, where a purge is asked for."""

    async def remove(self, pattern: str) -> int:
        """Remove every key that matches."""
        keys = await self._server.read("KEYS", pattern)
        return int(await self._server.read("DEL", *keys)) if keys else 0


@mutant("LIST-10", by=NEIGHBOUR, on=On.REDIS, source="aiocache #1081; redis-vl-python #702")
class PurgesWhatBeginsAlike(_PurgesKeys):
    """Clearing "foo" clears "foobar"."""

    async def purge(self, before: datetime) -> int:
        prefix = re.sub(r":0}$", "", self._base)
        return await super().purge(before) + await self.remove(f"{prefix}?*")


@mutant("LIST-10", by=NEIGHBOUR, on=On.REDIS, source="aiocache #580")
class PurgeFlushesTheDatabase(_PurgesKeys):
    """A purge empties the database."""

    async def purge(self, before: datetime) -> int:
        await self._server.read("FLUSHDB")
        return 0


@mutant("LIST-10", by=NEIGHBOUR, on=On.REDIS)
class EverybodySharesOnePrefix(RedisTaskStore):
    """The prefix is not looked at."""

    def __init__(self, server: Any, **_: Any) -> None:
        super().__init__(server, prefix="everybody")


@mutant("LIST-11", by=REMOVED, on=On.REDIS, source="rq: romm #3195")
class CountsGhosts(Scripted):
    """An entry without a record is counted for ever."""

    scripts: ClassVar = {
        LIST: edited(
            LIST, "if #doubtful > 0 and redis.call('EXISTS', unpack(doubtful)) < #doubtful then", "if false then"
        )
    }


class _Continued(Around):
    """Does something else with a cursor."""

    async def list_tasks(
        self, status: TaskStatus | None = None, limit: int = 50, offset: int = 0, *, after: str | None = None
    ) -> TaskPage:
        if after is None:
            return await super().list_tasks(status, limit, offset)
        await super().list_tasks(status, limit, offset, after=after)  # refuses what is to be refused
        return await self.behind(status, limit, after)

    async def behind(self, status: TaskStatus | None, limit: int, after: str) -> TaskPage:
        """What comes in place of the page behind a cursor."""
        return await super().list_tasks(status, limit, after=after)


@mutant("LIST-12", by=JOIN)
class ContinuesByOffset(Around):
    """A cursor stands for the number of tasks before it."""

    def __init__(self, store: Any) -> None:
        super().__init__(store)
        self._before: dict[str, int] = {}

    async def list_tasks(
        self, status: TaskStatus | None = None, limit: int = 50, offset: int = 0, *, after: str | None = None
    ) -> TaskPage:
        start = self._before.get(after, 0) if after else offset
        page = await super().list_tasks(status, limit, start)
        self._before[page.next or ""] = start + len(page.tasks)
        return page


@mutant("LIST-12", by=OUTLIVES)
class ACursorEndsWithItsTask(_Continued):
    """Nothing follows a cursor whose task is gone."""

    async def behind(self, status: TaskStatus | None, limit: int, after: str) -> TaskPage:
        try:
            await self.get_task(after.partition(".")[2])
        except TaskNotFound:
            limit = 0
        return await super().behind(status, limit, after)


@mutant("LIST-12", by=CHANGES)
class ACursorEndsWithItsStatus(_Continued):
    """Behind a cursor whose task has another status now, one task is missing."""

    async def behind(self, status: TaskStatus | None, limit: int, after: str) -> TaskPage:
        page = await super().behind(status, limit, after)
        task = await self.get_task(after.partition(".")[2])
        return page if status in (None, task.status) else page.model_copy(update={"tasks": page.tasks[1:]})


@mutant("LIST-12", by=OUTLIVES)
class ACursorNamesAMomentOnly(_Continued):
    """What follows a cursor was created before its moment: ties are left out."""

    async def behind(self, status: TaskStatus | None, limit: int, after: str) -> TaskPage:
        return await super().behind(status, limit, f"{after.partition('.')[0]}.\x01")


@mutant("LIST-12", by=OUTLIVES, on=On.REDIS)
class ComparesIdsAsALanguageDoes(Scripted):
    """The place of a task that is gone is looked for without regard to capitals."""

    scripts: ClassVar = {
        LIST: edited(
            LIST,
            "local function is_less(one, other)",
            "local function is_less(one, other)\n  one, other = string.lower(one), string.lower(other)",
        )
    }


@mutant("LIST-12", by="tour")
class TheLastPageHasACursor(Around):
    """A page that is not empty always has a cursor."""

    async def list_tasks(
        self, status: TaskStatus | None = None, limit: int = 50, offset: int = 0, *, after: str | None = None
    ) -> TaskPage:
        page = await super().list_tasks(status, limit, offset, after=after)
        return page.model_copy(update={"next": page.next or (page.tasks and f"1.{page.tasks[-1].task_id}") or None})


@mutant("LIST-13", by="tour")
class ACursorIsOpaque(Around):
    """A cursor is text that only this store can read."""

    async def list_tasks(
        self, status: TaskStatus | None = None, limit: int = 50, offset: int = 0, *, after: str | None = None
    ) -> TaskPage:
        page = await super().list_tasks(status, limit, offset, after=after and after.removeprefix("opaque:"))
        return page.model_copy(update={"next": page.next and f"opaque:{page.next}"})


@mutant("LIST-13", by=NO_CURSOR)
class TakesWhatIsNoCursorForTheStart(Around):
    """With a cursor that cannot be read a listing begins anew."""

    async def list_tasks(
        self, status: TaskStatus | None = None, limit: int = 50, offset: int = 0, *, after: str | None = None
    ) -> TaskPage:
        try:
            return await super().list_tasks(status, limit, offset, after=after)
        except InvalidArgument as refused:
            if refused.argument != "after" or offset:
                raise
            return await super().list_tasks(status, limit, offset)


@mutant("LIST-13", by=NO_CURSOR)
class IgnoresTheOffsetBesideACursor(Around):
    """A cursor with an offset is taken as if there were no offset."""

    async def list_tasks(
        self, status: TaskStatus | None = None, limit: int = 50, offset: int = 0, *, after: str | None = None
    ) -> TaskPage:
        return await super().list_tasks(status, limit, 0 if after else offset, after=after)


@mutant("LIST-06", by="tour")
class AnyOffsetIsTaken(_Lenient):
    """An offset beyond the maximum is past the end, and gives an empty page."""

    def number(self, given: Any, default: int) -> Any:
        return min(given, MAX_OFFSET) if type(given) is int and not default else given


@mutant(
    "LIST-10",
    "DUR-03",
    "SHARE-02",
    by=(
        NEIGHBOUR,
        "durability.test_an_application_starts_empty",
        "durability.test_an_instance_sees_only_its_own_tasks",
    ),
    on=On.MEMORY,
    source="aiocache #562",
)
class OneMemoryForAllInstances(MemoryTaskStore):
    """Every store of a process looks at the same tasks."""

    _all = MemoryTaskStore()

    def __init__(self, **named: Any) -> None:
        super().__init__(**named)
        for name in ("_tasks", "_created", "_created_by_status", "_finished"):
            setattr(self, name, getattr(self._all, name))
