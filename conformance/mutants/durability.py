"""Stores that keep to themselves what is to be shared, or lose what is to stay."""

from __future__ import annotations

from typing import Any

from conformance.mutants.around import Shown
from conformance.mutants.mutant import On, mutant
from taskstore import StoreUnavailable, Task, TaskNotFound
from taskstore.redis import RedisTaskStore
from taskstore.redis.scripts import UPDATE, Script

APPLICATION = "durability.test_tasks_outlive_the_application"
SERVER = "durability.test_tasks_outlive_the_server"
SEES = "durability.test_an_instance_sees_what_another_wrote"
RECORD = "durability.test_another_client_can_read_the_record"


@mutant("DUR-01", by=APPLICATION, on=On.REDIS)
class TakesItsIndexAlong(RedisTaskStore):
    """A store that is closed removes the index of its tasks."""

    async def aclose(self) -> None:
        await self._server.read("DEL", f"{self._base}:created")
        await super().aclose()


@mutant("DUR-01", by=APPLICATION, on=On.REDIS, instead=TaskNotFound)
class TakesItsTasksAlong(RedisTaskStore):
    """A store that is closed removes its tasks."""

    async def aclose(self) -> None:
        keys = await self._server.read("KEYS", f"{self._base}:*")
        await self._server.read("DEL", "none", *keys)
        await super().aclose()


@mutant("DUR-02", by=SERVER, on=On.REDIS, source="cashews #387")
class AnUnknownScriptIsAnEmptyList(RedisTaskStore):
    """A script that the server does not know, as after a restart, is an empty list."""

    async def _run(self, script: Script, *arguments: str | bytes | int, **named: Any) -> Any:
        try:
            return await self._server.read("EVALSHA", script.digest, "1", self._base, *map(str, arguments))
        except StoreUnavailable as fault:
            if "matching script" not in fault.detail or script.writes:
                return await super()._run(script, *arguments, **named)
            return [0, 0, b"", [], []]


@mutant("DUR-02", by=SERVER, on=On.REDIS, instead=TaskNotFound)
class ANewServerIsANewStore(RedisTaskStore):
    """Keys begin with the number of the server's run, so that a restart hides them."""

    async def _run(self, script: Script, *arguments: str | bytes | int, **named: Any) -> Any:
        await self._find_run()
        return await super()._run(script, *arguments, **named)

    async def get_task(self, task_id: str) -> Task:
        await self._find_run()
        return await super().get_task(task_id)

    async def _find_run(self) -> None:
        info = await self._server.read("INFO", "server")
        run = info.partition(b"run_id:")[2][:8].decode()
        self._base = f"{self._base.partition('}')[0]}}}:{run}"


@mutant("SHARE-01", by=SEES, on=On.REDIS)
class ReadsFromItsOwnCache(Shown):
    """A task that was read or written here is not asked for again."""

    def __init__(self, store: Any) -> None:
        super().__init__(store)
        self._cache: dict[str, Task] = {}

    def show(self, task: Task) -> Task:
        self._cache[task.task_id] = task
        return task

    async def get_task(self, task_id: str) -> Task:
        return self._cache[task_id] if task_id in self._cache else await super().get_task(task_id)


@mutant("SHARE-03", by=RECORD, on=On.REDIS, instead=StoreUnavailable)
class WritesNumbersAsText(RedisTaskStore):
    """The record holds the progress as text, which only this client reads as a number."""

    async def _run(self, script: Script, *arguments: str | bytes | int, **named: Any) -> Any:
        if script is UPDATE and arguments[7]:
            arguments = (*arguments[:7], f'"{arguments[7]!s}"', *arguments[8:])
        return await super()._run(script, *arguments, **named)
