"""Stores that take one id for another."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Any, ClassVar

from conformance.mutants.around import Around, Shown, altered
from conformance.mutants.mutant import On, mutant
from conformance.mutants.scripts import Scripted, edited
from taskstore import (
    MAX_LIMIT,
    InvalidArgument,
    MemoryTaskStore,
    StoreUnavailable,
    Task,
    TaskCreateRequest,
    TaskExists,
    TaskNotFound,
    TaskStatus,
)
from taskstore.redis.scripts import INSERT

QUESTION = "tour"
PATTERN = "identity.test_an_id_is_no_pattern"
OVERWRITE = ("identity.test_creating_never_overwrites", "tour")


@mutant("ID-01", by="tour")
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


@mutant("ID-02", by="tour")
class IdsOfFortyBits(Shown):
    """An id is short enough to be tried out."""

    def show(self, task: Task) -> Task:
        return altered(task, task_id=task.task_id[:15])


@mutant("ID-02", by="tour")
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


@mutant("ID-03", by=(QUESTION, PATTERN), source="langgraphjs #2350; redis-vl-python #702")
class LooksForAGlob(_FindsOthers):
    """An id is taken for a pattern."""

    def meant(self, task_id: str, ids: Iterable[str]) -> str:
        return next((found for found in ids if fnmatchcase(found, task_id)), task_id)


@mutant("ID-03", by=PATTERN)
class StripsIds(_FindsOthers):
    """White space around an id does not count."""

    def meant(self, task_id: str, ids: Iterable[str]) -> str:
        return task_id.strip()


@mutant("ID-03", by=PATTERN)
class NulEndsAnId(_FindsOthers):
    """An id ends at its first NUL."""

    def meant(self, task_id: str, ids: Iterable[str]) -> str:
        return task_id.partition("\0")[0]


@mutant("ID-03", by=PATTERN, source="keyv #2147")
class AColonEndsAnId(_FindsOthers):
    """What follows a colon is not looked at."""

    def meant(self, task_id: str, ids: Iterable[str]) -> str:
        return task_id.partition(":")[0]


@mutant("ID-05", by=OVERWRITE, on=On.MEMORY)
class RestoreOverwrites(MemoryTaskStore):
    """A task restored under a taken id takes its place."""

    def _insert(self, task: Task) -> None:
        if task.task_id in self._tasks:
            self._remove(self._tasks[task.task_id])
        super()._insert(task)


@mutant("ID-05", by=OVERWRITE, on=On.REDIS)
class RestoreOverwritesARecord(Scripted):
    """A task restored under a taken id takes its place."""

    scripts: ClassVar = {INSERT: edited(INSERT, "if redis.call('EXISTS', record_key(id)) == 1 then", "if false then")}


@mutant("ID-05", by=OVERWRITE)
class RestoreDoesNotSay(Around):
    """A task that was not restored, since its id is taken, is reported as restored."""

    async def restore(self, task: Task) -> None:
        try:
            await super().restore(task)
        except TaskExists:
            return


REPEATED = "identity.test_a_create_can_be_repeated_under_its_id"
TAKEN = "tour"


class _Creates(Around):
    """Does something else where the caller's id is taken."""

    async def create_task(self, request: TaskCreateRequest, *, task_id: str | None = None, **_: Any) -> Task:
        if task_id is not None:
            try:
                return await self.again(await self.get_task(task_id), request)
            except TaskNotFound:
                pass
        return await self.store.create_task(request, task_id=task_id)

    async def again(self, task: Task, request: TaskCreateRequest) -> Task:
        """What a create under the id of a live task gives."""
        return await self.store.create_task(request, task_id=task.task_id)


@mutant("ID-06", by=REPEATED, instead=TaskExists)
class RefusesEveryTakenId(_Creates):
    """A create that is repeated is refused."""

    async def again(self, task: Task, request: TaskCreateRequest) -> Task:
        raise TaskExists(task.task_id)


@mutant("ID-06", by=REPEATED, instead=TaskExists)
class ComparesConfigsAsText(_Creates):
    """A config whose keys come in another order is another config."""

    async def again(self, task: Task, request: TaskCreateRequest) -> Task:
        if repr(task.metadata["config"]) != repr(request.config):
            raise TaskExists(task.task_id)
        return task


@mutant("ID-06", by=REPEATED)
class RepeatingStartsAgain(_Creates):
    """A create that is repeated sets the task back to where it began."""

    async def again(self, task: Task, request: TaskCreateRequest) -> Task:
        if not task.status.is_final:
            return await self.update_task_status(task.task_id, TaskStatus.PENDING)
        return await super().again(task, request)


@mutant("ID-06", by=TAKEN)
class AnotherRequestIsQuiet(_Creates):
    """Whoever asks for an id that is taken gets the task that has it."""

    async def again(self, task: Task, request: TaskCreateRequest) -> Task:
        return task


@mutant("ID-06", by=TAKEN)
class ComparesNumbersByValue(_Creates):
    """1, 1.0 and true are the same config."""

    async def again(self, task: Task, request: TaskCreateRequest) -> Task:
        if task.metadata == {"webhook_url": request.webhook_url, "config": request.config}:
            return task
        return await super().again(task, request)


@mutant("ID-06", by="tour", instead=TaskExists)
class RemembersIdsForEver(Around):
    """An id that was used once is taken for ever."""

    def __init__(self, store: Any) -> None:
        super().__init__(store)
        self._used: set[str] = set()

    async def create_task(self, request: TaskCreateRequest, *, task_id: str | None = None, **_: Any) -> Task:
        if task_id in self._used:
            raise TaskExists(str(task_id))
        task = await super().create_task(request, task_id=task_id)
        self._used.add(task.task_id)
        return task


@mutant("EXP-01", by="tour", on=On.REDIS, source="romm #3195")
class CreatesBesideAGhost(Scripted):
    """A task that takes the id of an expired one is listed under the status of that one too."""

    scripts: ClassVar = {INSERT: edited(INSERT, "if is_new == '' then", "if false then")}


@mutant("ID-07", by="identity.test_an_id_is_visible_ascii")
class GivesAnIdOfItsOwn(Around):
    """An id that cannot be taken is replaced without a word."""

    async def create_task(self, request: TaskCreateRequest, *, task_id: str | None = None, **_: Any) -> Task:
        try:
            return await super().create_task(request, task_id=task_id)
        except InvalidArgument as error:
            if error.argument != "task_id":
                raise
            return await super().create_task(request)


@mutant("ID-08", by="identity.test_a_failed_create_names_its_id", on=On.REDIS)
class KeepsTheIdToItself(Around):
    """The exception of a failed create does not say which id was used."""

    async def create_task(self, request: TaskCreateRequest, *, task_id: str | None = None, **_: Any) -> Task:
        try:
            return await super().create_task(request, task_id=task_id)
        except StoreUnavailable as error:
            error.task_id = None
            raise
