"""Stores that take a lost or late answer for something else."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

from conformance.mutants.mutant import On, mutant
from taskstore import FailureKind, RecordUnreadable, StoreUnavailable, Task, TaskNotFound
from taskstore.redis import RedisTaskStore
from taskstore.redis.connection import Connection
from taskstore.redis.scripts import Script

LOST = "connection.test_a_lost_answer_denies_no_write"
LATE = "connection.test_a_late_answer_denies_no_write"
READ = "connection.test_a_read_that_is_cut_off_finds_out_nothing"
NOBODYS = "connection.test_nobody_gets_an_answer_that_came_too_late"
NO_REDIS = "connection.test_what_speaks_no_redis_is_not_not_found"
CANCELLED = "connection.test_a_call_that_is_cancelled_takes_nobody_with_it"
JUST_ENDED = "connection.test_a_connection_that_the_server_has_just_ended_costs_no_call"
BROKEN = "connection.test_after_a_break_everybody_is_told_and_the_next_calls_work"


@mutant("FAIL-11", by=(LOST, LATE), on=On.REDIS)
class DeniesTheWrite(RedisTaskStore):
    """A write whose reply was lost says that nothing was written."""

    async def _run(self, script: Script, *arguments: str | bytes | int, **named: Any) -> Any:
        try:
            return await super()._run(script, *arguments, **named)
        except StoreUnavailable as error:
            error.write_may_have_happened = False
            raise


@mutant("FAIL-11", by=LOST, on=On.REDIS, source="redis-py #261")
class SendsAgain(RedisTaskStore):
    """A write whose reply was cut off is sent again; only a create under its id may be."""

    async def _run(self, script: Script, *arguments: str | bytes | int, **named: Any) -> Any:
        try:
            return await super()._run(script, *arguments, **named)
        except StoreUnavailable as error:
            if error.failure_kind is not FailureKind.BROKEN:
                raise
            return await super()._run(script, *arguments, **named)


@mutant("ATOM-06", by=CANCELLED, on=On.REDIS)
class SwallowsCancellation(RedisTaskStore):
    """A caller that is cancelled gets an exception of the store instead."""

    async def _run(self, script: Script, *arguments: str | bytes | int, **named: Any) -> Any:
        try:
            return await super()._run(script, *arguments, **named)
        except asyncio.CancelledError:
            raise StoreUnavailable("redis", FailureKind.BROKEN, True, "cancelled") from None


@mutant("FAIL-12", by=(READ, NO_REDIS), on=On.REDIS)
class NotFoundWhenCut(RedisTaskStore):
    """A read whose reply was cut off, or no reply at all, finds nothing."""

    async def get_task(self, task_id: str) -> Task:
        try:
            return await super().get_task(task_id)
        except StoreUnavailable as error:
            if error.failure_kind is not FailureKind.BROKEN:
                raise
            raise TaskNotFound(task_id) from None


class _Over(RedisTaskStore):
    """A store whose connections are of another kind."""

    kind: ClassVar[type[Connection]]

    def __init__(self, server: Any, **named: Any) -> None:
        super().__init__(server, **named)
        opens = server._open_connection  # noqa: SLF001  where a mutant breaks it

        async def open_connection() -> Connection:
            connection: Connection = await opens()
            connection.__class__ = self.kind
            return connection

        server._open_connection = open_connection  # noqa: SLF001


class _Forgetful(Connection):
    def send(self, request: bytes) -> asyncio.Future[Any]:
        reply = super().send(request)
        reply.add_done_callback(self._forget)
        return reply

    def _forget(self, reply: asyncio.Future[Any]) -> None:
        if reply.cancelled() and reply in self._awaited:
            self._awaited.remove(reply)


@mutant("FAIL-13", by=NOBODYS, on=On.REDIS, instead=RecordUnreadable, source="redis-py #2665")
class OneReplyBehind(_Over):
    """The reply that a caller did not wait for goes to the next one."""

    kind = _Forgetful


class _Lasting(Connection):
    def retire(self) -> None:
        self._retired = True


@mutant("FAIL-13", by=NOBODYS, on=On.REDIS)
class KeepsEveryConnection(_Over):
    """A connection on which a caller gave up is neither used again nor closed."""

    kind = _Lasting


class _Silent(Connection):
    def connection_lost(self, exc: Exception | None) -> None:
        self._retired = True


@mutant("FAIL-13", by=BROKEN, on=On.REDIS)
class LeavesCallersWaiting(_Over):
    """When the connection breaks, whoever waits for an answer waits until the time is over."""

    kind = _Silent


class _Trusting(Connection):
    @property
    def is_usable(self) -> bool:
        return not self._retired


@mutant("FAIL-14", by=JUST_ENDED, on=On.REDIS)
class TrustsAnIdleConnection(_Over):
    """A request is sent on an idle connection without a look at what has come on it."""

    kind = _Trusting
