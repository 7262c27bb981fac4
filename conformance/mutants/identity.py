"""Stores that take one id for another."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Any, ClassVar

from conformance.mutants.around import Around, Shown, altered
from conformance.mutants.mutant import On, mutant
from conformance.mutants.scripts import Scripted, edited
from taskstore import MAX_LIMIT, MemoryTaskStore, Task, TaskCreateRequest, TaskExists, TaskNotFound, TaskStatus
from taskstore.redis.scripts import INSERT

QUESTION = "identity.test_any_text_is_a_valid_question"
PATTERN = "identity.test_an_id_is_no_pattern"
OVERWRITE = ("identity.test_creating_never_overwrites", "care.test_carrying_over_again_changes_nothing")


@mutant("ID-01", by="identity.test_ids_never_collide")
class GivesAnIdTwice(Around):
    """Every hundredth new task is the one before."""

    def __init__(self, store: Any) -> None:
        super().__init__(store)
        self._count = 0

    async def create_task(self, request: TaskCreateRequest, **named: Any) -> Task:
        self._count += 1
        if self._count % 100:
            self._latest = await super().create_task(request, **named)
        return self._latest


@mutant("ID-02", by="identity.test_an_id_is_task_and_random_digits")
class IdsOfFortyBits(Shown):
    """An id is short enough to be tried out."""

    def show(self, task: Task) -> Task:
        return altered(task, task_id=task.task_id[:15])


@mutant("ID-02", by="identity.test_an_id_is_task_and_random_digits")
class IdsThatCount(Shown):
    """Ids can be guessed from one another."""

    def __init__(self, store: Any) -> None:
        super().__init__(store)
        self._count = 0

    def show(self, task: Task) -> Task:
        self._count += 1
        return altered(task, task_id=f"task_{self._count:032x}")


@mutant("ID-03", by=QUESTION, instead=UnicodeEncodeError)
class EncodesAnyQuestion(Around):
    """An id without a UTF-8 form comes back as an error of Python's."""

    async def get_task(self, task_id: str) -> Task:
        task_id.encode()
        return await super().get_task(task_id)


@mutant("ID-03", by=QUESTION)
class NamesTheIdItCut(Around):
    """TaskNotFound names the id without the white space around it."""

    async def get_task(self, task_id: str) -> Task:
        try:
            return await super().get_task(task_id)
        except TaskNotFound:
            raise TaskNotFound(task_id[:100].strip()) from None


@mutant("ID-03", by=QUESTION)
class AnEmptyIdIsTheNewest(Around):
    """An empty id stands for the newest task."""

    async def get_task(self, task_id: str) -> Task:
        return await super().get_task(task_id) if task_id else (await self.list_tasks()).tasks[0]


class _FindsOthers(Around):
    """Finds a task under an id that is not its own."""

    def meant(self, task_id: str, ids: Iterable[str]) -> str:
        """The id that is looked for."""
        return task_id

    async def _find(self, task_id: str) -> str:
        return self.meant(task_id, [task.task_id for task in (await self.list_tasks(limit=MAX_LIMIT)).tasks])

    async def get_task(self, task_id: str) -> Task:
        return await super().get_task(await self._find(task_id))

    async def write(self, task_id: str, status: TaskStatus, **fields: Any) -> Task:
        return await super().write(await self._find(task_id), status, **fields)

    async def cancel_task(self, task_id: str) -> Task:
        return await super().cancel_task(await self._find(task_id))


@mutant("ID-03", "ID-04", by=(QUESTION, PATTERN), source="langgraphjs #2350; redis-vl-python #702")
class LooksForAGlob(_FindsOthers):
    """An id is taken for a pattern."""

    def meant(self, task_id: str, ids: Iterable[str]) -> str:
        return next((found for found in ids if fnmatchcase(found, task_id)), task_id)


@mutant("ID-04", by=PATTERN)
class StripsIds(_FindsOthers):
    """White space around an id does not count."""

    def meant(self, task_id: str, ids: Iterable[str]) -> str:
        return task_id.strip()


@mutant("ID-04", by=PATTERN)
class NulEndsAnId(_FindsOthers):
    """An id ends at its first NUL."""

    def meant(self, task_id: str, ids: Iterable[str]) -> str:
        return task_id.partition("\0")[0]


@mutant("ID-04", by=PATTERN, source="keyv #2147")
class AColonEndsAnId(_FindsOthers):
    """What follows a colon is not looked at."""

    def meant(self, task_id: str, ids: Iterable[str]) -> str:
        return task_id.partition(":")[0]


@mutant("ID-05", "CARE-03", by=OVERWRITE, on=On.MEMORY)
class RestoreOverwrites(MemoryTaskStore):
    """A task restored under a taken id takes its place."""

    def _insert(self, task: Task) -> None:
        if task.task_id in self._tasks:
            self._remove(self._tasks[task.task_id])
        super()._insert(task)


@mutant("ID-05", "CARE-03", by=OVERWRITE, on=On.REDIS)
class RestoreOverwritesARecord(Scripted):
    """A task restored under a taken id takes its place."""

    scripts: ClassVar = {INSERT: edited(INSERT, "if redis.call('EXISTS', record_key(id)) == 1 then", "if false then")}


@mutant("ID-05", "CARE-03", by=OVERWRITE)
class RestoreDoesNotSay(Around):
    """A task that was not restored, since its id is taken, is reported as restored."""

    async def restore(self, task: Task) -> None:
        try:
            await super().restore(task)
        except TaskExists:
            return
