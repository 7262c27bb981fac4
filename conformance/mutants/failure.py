"""Stores that say something else when their server, or a record, cannot be used."""

from __future__ import annotations

from typing import Any, ClassVar

from conformance.mutants.around import Around, page_of
from conformance.mutants.mutant import On, mutant
from conformance.mutants.scripts import Scripted, edited
from taskstore import (
    FailureKind,
    RecordUnreadable,
    StoreUnavailable,
    Task,
    TaskCreateRequest,
    TaskNotFound,
    TaskPage,
    TaskStatus,
)
from taskstore.redis import RedisTaskStore
from taskstore.redis.scripts import LIST, UPDATE, Script

AWAY = "failure.test_nothing_listening_is_not_not_found"
NOT_WRITTEN = "failure.test_nothing_listening_means_that_nothing_was_written"
PASSWORD = "failure.test_a_password_is_in_no_message"  # noqa: S105  the name of a case
MEMORY = "failure.test_out_of_memory_is_said"
READ_ONLY = "failure.test_read_only_is_said"
SILENT = "failure.test_a_silent_server_is_not_not_found"
UNREADABLE = "failure.test_an_unreadable_record_is_named"
UNREADABLE_LISTED = "failure.test_an_unreadable_record_does_not_take_the_list_down"


@mutant("FAIL-01", by=(AWAY, SILENT), on=On.REDIS)
class ListsNothingWhenRedisIsAway(Around):
    """A failed listing is an empty one."""

    async def list_tasks(
        self, status: TaskStatus | None = None, limit: int = 50, offset: int = 0, *, after: str | None = None
    ) -> TaskPage:
        try:
            return await super().list_tasks(status, limit, offset, after=after)
        except StoreUnavailable:
            return page_of([], 0, limit, offset)


@mutant("FAIL-01", by=(AWAY, SILENT), on=On.REDIS, source="celery #8588")
class CreatesNoneWhenRedisIsAway(Around):
    """A failed creation returns None."""

    async def create_task(self, request: TaskCreateRequest, **named: Any) -> Task:
        try:
            return await super().create_task(request, **named)
        except StoreUnavailable:
            return None  # type: ignore[return-value]  # the fault


@mutant(
    "FAIL-01",
    by=(AWAY, SILENT),
    on=On.REDIS,
    instead=TaskNotFound,
    source="Cm_Cache_Backend_Redis #171; arq #362",
)
class NotFoundWhenRedisIsAway(Around):
    """A failed look-up says that there is no such task."""

    async def get_task(self, task_id: str) -> Task:
        try:
            return await super().get_task(task_id)
        except StoreUnavailable:
            raise TaskNotFound(task_id) from None


class _Reworded(RedisTaskStore):
    """Raises another StoreUnavailable than the right one."""

    def reword(self, error: StoreUnavailable) -> StoreUnavailable:
        """What is raised instead."""
        return error

    async def _run(self, script: Script, *arguments: str | bytes | int, **named: Any) -> Any:
        try:
            return await super()._run(script, *arguments, **named)
        except StoreUnavailable as error:
            raise self.reword(error) from None

    async def get_task(self, task_id: str) -> Task:
        try:
            return await super().get_task(task_id)
        except StoreUnavailable as error:
            raise self.reword(error) from None


@mutant("FAIL-01", by=AWAY, on=On.REDIS)
class SaysTimeoutForEverything(_Reworded):
    """Whatever failed, it is called a timeout."""

    def reword(self, error: StoreUnavailable) -> StoreUnavailable:
        return StoreUnavailable(error.address, FailureKind.TIMEOUT, error.write_may_have_happened, error.detail)


@mutant("FAIL-11", "FAIL-06", by=(NOT_WRITTEN, MEMORY, READ_ONLY), on=On.REDIS)
class NeverKnowsWhetherItWrote(_Reworded):
    """A write that did not happen may have happened."""

    def reword(self, error: StoreUnavailable) -> StoreUnavailable:
        return StoreUnavailable(error.address, error.failure_kind, True, error.detail)


class _Tells(_Reworded):
    @property
    def password(self) -> object:
        """The password that the store connects with."""
        opening: Any = self._server._open_connection  # noqa: SLF001
        return opening.args[0].connection_kwargs.get("password")


@mutant("FAIL-05", by=PASSWORD, on=On.REDIS)
class ShowsItsPassword(_Tells):
    """The repr of a store shows what it connects with."""

    def __repr__(self) -> str:
        return f"RedisTaskStore(password={self.password!r})"


@mutant("FAIL-05", by=PASSWORD, on=On.REDIS)
class NamesTheWholeUrl(_Tells):
    """A message names the URL as it was given."""

    def reword(self, error: StoreUnavailable) -> StoreUnavailable:
        address = f"redis://:{self.password}@{error.address}"
        return StoreUnavailable(address, error.failure_kind, error.write_may_have_happened, error.detail)


@mutant("FAIL-05", by=PASSWORD, on=On.REDIS)
class NotesItsPassword(_Tells):
    """The message is right, and a note says what was sent."""

    def reword(self, error: StoreUnavailable) -> StoreUnavailable:
        error.add_note(f"AUTH {self.password}")
        return error


@mutant("FAIL-06", by=(MEMORY, READ_ONLY), on=On.REDIS)
class SaysBrokenForEverything(_Reworded):
    """What the server said is not told."""

    def reword(self, error: StoreUnavailable) -> StoreUnavailable:
        return StoreUnavailable(error.address, FailureKind.BROKEN, error.write_may_have_happened, error.detail)


@mutant("FAIL-06", by=(MEMORY, READ_ONLY), on=On.REDIS, source="redis-py #435")
class AWriteThatIsRefusedIsDropped(Around):
    """An update that the server refuses is reported as done."""

    async def write(self, task_id: str, status: TaskStatus, **fields: Any) -> Task:
        try:
            return await super().write(task_id, status, **fields)
        except StoreUnavailable:
            return await self.get_task(task_id)


@mutant("FAIL-06", by=READ_ONLY, on=On.REDIS, instead=StoreUnavailable)
class ListingWrites(Scripted):
    """A listing writes, so that a replica cannot be read."""

    scripts: ClassVar = {
        LIST: edited(LIST, "if sweep(bound) then", "redis.call('SET', base .. ':listed', now_ms)\nif sweep(bound) then")
    }


@mutant("FAIL-09", by=UNREADABLE, on=On.REDIS, instead=TaskNotFound, source="docket #153")
class NotFoundWhenUnreadable(Around):
    """A record that cannot be read is not there."""

    async def get_task(self, task_id: str) -> Task:
        try:
            return await super().get_task(task_id)
        except RecordUnreadable:
            raise TaskNotFound(task_id) from None


@mutant("FAIL-09", by=UNREADABLE, on=On.REDIS)
class IgnoresAnUpdateOfWhatItCannotRead(Around):
    """An update of a record that cannot be read does nothing, and says nothing."""

    async def write(self, task_id: str, status: TaskStatus, **fields: Any) -> Task:
        try:
            return await super().write(task_id, status, **fields)
        except RecordUnreadable:
            return None  # type: ignore[return-value]  # the fault


@mutant("FAIL-09", by=UNREADABLE, on=On.REDIS)
class DoesNotNameTheKey(Around):
    """The error does not say which record cannot be read."""

    async def get_task(self, task_id: str) -> Task:
        try:
            return await super().get_task(task_id)
        except RecordUnreadable as fault:
            raise RecordUnreadable("a task", fault.reason) from None


@mutant("FAIL-09", by="failure.test_a_record_with_a_wrong_value_is_named", on=On.REDIS, instead=StoreUnavailable)
class UpdatesWhatItCannotRead(Scripted):
    """An update writes over a record that a get refuses."""

    scripts: ClassVar = {UPDATE: edited(UPDATE, " and not is_readable()", " and #found == 0")}


@mutant("FAIL-09", by=UNREADABLE_LISTED, on=On.REDIS, instead=RecordUnreadable)
class OneBadRecordTakesTheListDown(Around):
    """A listing that meets a record that cannot be read raises."""

    async def list_tasks(
        self, status: TaskStatus | None = None, limit: int = 50, offset: int = 0, *, after: str | None = None
    ) -> TaskPage:
        page = await super().list_tasks(status, limit, offset, after=after)
        for key in page.unreadable:
            raise RecordUnreadable(key, "met in a listing")
        return page


@mutant("FAIL-09", by=UNREADABLE_LISTED, on=On.REDIS)
class SkipsWhatItCannotRead(Around):
    """A listing leaves out what it cannot read, and does not say so."""

    async def list_tasks(
        self, status: TaskStatus | None = None, limit: int = 50, offset: int = 0, *, after: str | None = None
    ) -> TaskPage:
        return (await super().list_tasks(status, limit, offset, after=after)).model_copy(update={"unreadable": ()})
