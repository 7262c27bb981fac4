"""Mutants of servers and records that fail: what is lost, taken for something else, or told."""

from __future__ import annotations

from collections import deque
from typing import Any

from conformance.mutants.mutant import On, mutant
from conformance.mutants.wrapper import Wrapper
from taskstore import FailureKind, RecordUnreadable, StoreUnavailable, Task, TaskCreateRequest, TaskNotFound
from taskstore.redis import RedisTaskStore
from taskstore.redis.connection import Connection
from taskstore.redis.scripts import Script

SERVER = "durability.test_tasks_outlive_the_server"
AWAY = ("failure.test_nothing_listening_is_not_not_found", "failure.test_a_silent_server_is_not_not_found")
PASSWORD = "failure.test_a_password_is_in_no_message"  # noqa: S105  the name of a case
REFUSED = ("failure.test_out_of_memory_is_said", "failure.test_read_only_is_said")
UNREADABLE = "records.test_an_unreadable_record_is_named"
LOST = "failure.test_a_lost_answer_denies_no_write"
READ = "failure.test_a_read_that_is_cut_off_finds_out_nothing"
NOBODYS = "connection.test_nobody_gets_an_answer_that_came_too_late"


@mutant("DUR-01", by=SERVER, on=On.REDIS, source="cashews #387")
class AnUnknownScriptIsAnEmptyList(RedisTaskStore):
    """A script that the server does not know, as after a restart, is an empty list."""

    async def _run(self, script: Script, *arguments: str | int, **named: Any) -> Any:
        try:
            return await self.server.read("EVALSHA", script.digest, "1", self.base, *map(str, arguments))
        except StoreUnavailable as fault:
            if "matching script" not in fault.detail or script.writes:
                return await super()._run(script, *arguments, **named)
            return [0, 0, [], []]


@mutant("FAIL-01", by=AWAY, on=On.REDIS, source="celery #8588")
class CreatesNoneWhenRedisIsAway(Wrapper):
    """A failed creation returns None."""

    async def create_task(self, request: TaskCreateRequest, **named: Any) -> Any:
        try:
            return await self.store.create_task(request, **named)
        except StoreUnavailable:
            return None


@mutant("FAIL-01", by=AWAY, on=On.REDIS, instead=TaskNotFound, source="Cm_Cache_Backend_Redis #171; arq #362")
class NotFoundWhenRedisIsAway(Wrapper):
    """A failed look-up says that there is no such task."""

    async def get_task(self, task_id: str) -> Any:
        try:
            return await self.store.get_task(task_id)
        except StoreUnavailable:
            raise TaskNotFound(task_id) from None


@mutant("FAIL-05", by=PASSWORD, on=On.REDIS)
class NotesItsPassword(RedisTaskStore):
    """The message is right, and a note says what was sent."""

    async def get_task(self, task_id: str) -> Task:
        opener: Any = self.server._opener  # noqa: SLF001
        try:
            return await super().get_task(task_id)
        except StoreUnavailable as error:
            error.add_note(f"AUTH {opener._options.get('password')}")  # noqa: SLF001
            raise


@mutant("FAIL-06", by=REFUSED, on=On.REDIS, source="redis-py #435")
class AWriteThatIsRefusedIsDropped(Wrapper):
    """An update that the server refuses is reported as done."""

    async def update_task_status(self, task_id: str, *arguments: Any, **named: Any) -> Any:
        try:
            return await self.store.update_task_status(task_id, *arguments, **named)
        except StoreUnavailable:
            return await self.store.get_task(task_id)


@mutant("FAIL-09", by=UNREADABLE, on=On.REDIS, instead=TaskNotFound, source="docket #153")
class NotFoundWhenUnreadable(Wrapper):
    """A record that cannot be read is not there."""

    async def get_task(self, task_id: str) -> Any:
        try:
            return await self.store.get_task(task_id)
        except RecordUnreadable:
            raise TaskNotFound(task_id) from None


@mutant("FAIL-11", by=LOST, on=On.REDIS, source="redis-py #261")
class SendsAgain(RedisTaskStore):
    """A write whose reply was cut off is sent again; only a create under its id may be."""

    async def _run(self, script: Script, *arguments: str | int, **named: Any) -> Any:
        try:
            return await super()._run(script, *arguments, **named)
        except StoreUnavailable as error:
            if error.failure_kind is not FailureKind.BROKEN:
                raise
            return await super()._run(script, *arguments, **named)


@mutant("FAIL-13", by=READ, on=On.REDIS)
class NotFoundWhenCut(RedisTaskStore):
    """A read whose reply was cut off finds nothing."""

    async def get_task(self, task_id: str) -> Task:
        try:
            return await super().get_task(task_id)
        except StoreUnavailable as error:
            if error.failure_kind not in (FailureKind.BROKEN, FailureKind.UNREACHABLE):
                raise
            raise TaskNotFound(task_id) from None


class _Forgetful(Connection):
    def retire(self) -> None:
        self._awaited = deque(one for one in self._awaited if not one[0].done())


@mutant("FAIL-13", by=NOBODYS, on=On.REDIS, instead=RecordUnreadable, source="redis-py #2665")
class OneReplyBehind(RedisTaskStore):
    """The reply that a caller did not wait for goes to the next one."""

    def __init__(self, server: Any, **named: Any) -> None:
        super().__init__(server, **named)
        opener = server._opener  # noqa: SLF001
        opens = opener.open

        async def open_connection(*where: Any) -> Connection:
            connection: Connection = await opens(*where)
            connection.__class__ = _Forgetful
            return connection

        opener.open = open_connection
