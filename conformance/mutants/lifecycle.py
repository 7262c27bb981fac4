"""Stores that set, keep or refuse the wrong thing between pending and the end."""

from __future__ import annotations

from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any, ClassVar

from conformance.mutants.around import Around, Shown, altered
from conformance.mutants.mutant import On, mutant
from conformance.mutants.scripts import Scripted, edited
from taskstore import (
    InvalidArgument,
    MemoryTaskStore,
    StoreUnavailable,
    Task,
    TaskCreateRequest,
    TaskFinal,
    TaskNotFound,
    TaskPage,
    TaskStatus,
)
from taskstore.arguments import Change
from taskstore.redis import RedisTaskStore
from taskstore.redis.scripts import UPDATE

ORDER = list(TaskStatus)


@mutant("API-02", by="lifecycle.test_a_task_can_be_created_read_listed_updated_and_cancelled")
class ListsInAPlainFunction(Around):
    """One operation is a plain function."""

    def list_tasks(
        self, status: TaskStatus | None = None, limit: int = 50, offset: int = 0, *, after: str | None = None
    ) -> Coroutine[Any, Any, TaskPage]:
        return super().list_tasks(status, limit, offset, after=after)


@mutant("API-02", by="lifecycle.test_a_task_can_be_created_read_listed_updated_and_cancelled")
class CancelDoesNothing(Around):
    """A cancel returns the task, and leaves it running."""

    async def cancel_task(self, task_id: str) -> Task:
        return await self.get_task(task_id)


@mutant("API-03", by="lifecycle.test_a_closed_store_refuses_every_call", on=On.MEMORY)
class ReadsAfterItsEnd(MemoryTaskStore):
    """A closed store still answers."""

    async def get_task(self, task_id: str) -> Task:
        return self._live(task_id)


@mutant("API-03", by="lifecycle.test_a_closed_store_refuses_every_call", on=On.REDIS, instead=StoreUnavailable)
class BlamesItsServerAfterItsEnd(RedisTaskStore):
    """A closed store says that its server does not answer."""

    async def aclose(self) -> None:
        await self._server.aclose()


@mutant("API-04", by="lifecycle.test_a_store_belongs_to_one_event_loop", on=On.MEMORY)
class ServesEveryLoop(MemoryTaskStore):
    """The memory store takes calls on any loop, so that a mistake shows in production first."""

    async def get_task(self, task_id: str) -> Task:
        return self._live(task_id)


@mutant(
    "API-04",
    by="lifecycle.test_a_store_belongs_to_one_event_loop",
    on=On.REDIS,
    instead=RuntimeError,
    source="redis-py #3351",
)
class TakesItsConnectionToAnotherLoop(RedisTaskStore):
    """On another loop the caller gets what asyncio says of a connection that is not this loop's."""

    async def get_task(self, task_id: str) -> Task:
        return self._task(task_id, await self._server.read("GET", self._key(task_id)))


@mutant("LIFE-01", by="lifecycle.test_a_new_task_is_pending")
class StartsAtOnce(Around):
    """A new task is analyzing already."""

    async def create_task(self, request: TaskCreateRequest, **named: Any) -> Task:
        task = await super().create_task(request, **named)
        return await self.update_task_status(task.task_id, TaskStatus.ANALYZING)


@mutant("LIFE-01", by="lifecycle.test_a_new_task_is_pending")
class SortsTheVideoIds(Around):
    """The video ids are not in the caller's order."""

    async def create_task(self, request: TaskCreateRequest, **named: Any) -> Task:
        return await super().create_task(
            request.model_copy(update={"video_ids": tuple(sorted(request.video_ids))}), **named
        )


@mutant("LIFE-01", by="lifecycle.test_a_new_task_is_pending")
class DropsAVideoId(Around):
    """Only the first two video ids are kept."""

    async def create_task(self, request: TaskCreateRequest, **named: Any) -> Task:
        return await super().create_task(request.model_copy(update={"video_ids": request.video_ids[:2]}), **named)


@mutant("LIFE-02", by="lifecycle.test_every_status_can_follow_one_that_is_not_final")
class IgnoresAStepBack(Around):
    """A status that comes earlier in the list of statuses is ignored."""

    async def write(self, task_id: str, status: TaskStatus, **fields: Any) -> Task:
        task = await self.get_task(task_id)
        if ORDER.index(status) < ORDER.index(task.status):
            return task
        return await super().write(task_id, status, **fields)


@mutant("LIFE-03", by="lifecycle.test_a_write_returns_what_get_then_returns")
class ReturnsTheTaskAsItWas(Around):
    """An update returns the task that it found."""

    async def write(self, task_id: str, status: TaskStatus, **fields: Any) -> Task:
        before = await self.get_task(task_id)
        await super().write(task_id, status, **fields)
        return before


@mutant("LIFE-03", by="lifecycle.test_a_write_returns_what_get_then_returns", source="backend.ai #6695")
class ReturnsTheClientsTime(Around):
    """A cancel returns the client's time of it, and the server stored its own."""

    async def cancel_task(self, task_id: str) -> Task:
        return altered(await super().cancel_task(task_id), updated_at=datetime.now(UTC))


@mutant("LIFE-04", by="lifecycle.test_none_leaves_a_field_as_it_is")
class ResetsTheProgress(Around):
    """An update without progress sets it to 0."""

    async def write(self, task_id: str, status: TaskStatus, **fields: Any) -> Task:
        if fields.get("progress") is None and status is not TaskStatus.COMPLETED:
            fields["progress"] = 0
        return await super().write(task_id, status, **fields)


@mutant("LIFE-04", by="lifecycle.test_none_leaves_a_field_as_it_is", source="flask-caching #106")
class AnEmptyTextIsNotGiven(Around):
    """An empty text leaves its field as it is, as None does."""

    async def write(self, task_id: str, status: TaskStatus, **fields: Any) -> Task:
        return await super().write(task_id, status, **{name: value or None for name, value in fields.items()})


@mutant("LIFE-04", by="lifecycle.test_none_leaves_a_field_as_it_is", on=On.REDIS, source="redis #7520; sidekiq #2478")
class WritesProgressWithFourteenDigits(Scripted):
    """The script decodes and encodes the progress, which loses digits."""

    scripts: ClassVar = {
        UPDATE: edited(UPDATE, '"progress":\' .. fields[2]', '"progress":\' .. cjson.encode(tonumber(fields[2]))')
    }


@mutant("LIFE-05", by="lifecycle.test_completing_sets_progress_and_time")
class StopsAtNinetyNine(Shown):
    """A completed task is at 99."""

    def show(self, task: Task) -> Task:
        return altered(task, progress=99.0) if task.status is TaskStatus.COMPLETED else task


@mutant("LIFE-05", by="lifecycle.test_completing_sets_progress_and_time")
class CompletesWithoutATime(Shown):
    """A completed task does not say since when."""

    def show(self, task: Task) -> Task:
        return altered(task, completed_at=None) if task.status is TaskStatus.COMPLETED else task


@mutant("LIFE-13", by="tour")
class DropsTheProgressOfACompletion(Around):
    """Completing at another progress than 100 is taken for 100."""

    async def write(self, task_id: str, status: TaskStatus, **fields: Any) -> Task:
        if status is TaskStatus.COMPLETED:
            fields["progress"] = None
        return await super().write(task_id, status, **fields)


@mutant("LIFE-05", by="lifecycle.test_failing_keeps_the_error")
class LosesTheTraceback(Around):
    """The traceback of a failure is not kept."""

    async def write(self, task_id: str, status: TaskStatus, **fields: Any) -> Task:
        return await super().write(task_id, status, **{**fields, "error_traceback": None})


@mutant("LIFE-05", by="lifecycle.test_failing_keeps_the_error")
class FailsWithoutATime(Shown):
    """A failed task does not say since when."""

    def show(self, task: Task) -> Task:
        return altered(task, completed_at=None) if task.status is TaskStatus.FAILED else task


@mutant("LIFE-13", by="tour")
class DropsAnErrorWithoutFailure(Around):
    """An error that comes with another status than failed is dropped."""

    async def write(self, task_id: str, status: TaskStatus, **fields: Any) -> Task:
        if status is not TaskStatus.FAILED:
            fields |= {"error_message": None, "error_traceback": None}
        return await super().write(task_id, status, **fields)


@mutant("LIFE-09", by="lifecycle.test_cancelling_sets_the_status")
class CancelResetsTheProgress(Around):
    """A cancel sets progress to 0."""

    async def cancel_task(self, task_id: str) -> Task:
        return await self.update_task_status(task_id, TaskStatus.CANCELLED, progress=0)


@mutant("LIFE-09", by="lifecycle.test_cancelling_sets_the_status")
class CancelSetsTheStep(Around):
    """A cancel writes a step of its own."""

    async def cancel_task(self, task_id: str) -> Task:
        return await self.update_task_status(task_id, TaskStatus.CANCELLED, current_step="cancelled")


def reopen(store: MemoryTaskStore, task: Task) -> None:
    """Make a final task of a memory store pending again, so that the next write takes it."""
    inside: Any = store
    place = (task.created_at, task.task_id)
    inside._created_by_status[task.status].remove(place)  # noqa: SLF001
    inside._created_by_status[TaskStatus.PENDING].add(place)  # noqa: SLF001
    inside._tasks[task.task_id] = altered(task, status=TaskStatus.PENDING, completed_at=None)  # noqa: SLF001


FINAL_UPDATE = "lifecycle.test_update_of_a_final_task_is_refused"
FINAL_CANCEL = "tour"


@mutant("LIFE-10", by=FINAL_UPDATE, on=On.MEMORY, source="celery #6090")
class OverwritesAFinalTask(MemoryTaskStore):
    """Nothing is final: an update that differs overwrites a success."""

    async def _apply(self, task_id: str, change: Change) -> Task:
        if (task := self._live(task_id)).status.is_final and change.result_url != task.result_url:
            reopen(self, task)
        return await super()._apply(task_id, change)


@mutant("LIFE-10", by=FINAL_UPDATE, on=On.REDIS, source="celery #6090")
class OverwritesAFinalRecord(Scripted):
    """Nothing is final: an update that differs overwrites a success."""

    scripts: ClassVar = {
        UPDATE: edited(UPDATE, "if FINAL[old_status] then", "if FINAL[old_status] and not differs then")
    }


@mutant("LIFE-10", by=FINAL_UPDATE, on=On.MEMORY, source="octos #700")
class LateCompletionOverwritesACancel(MemoryTaskStore):
    """A completion that comes after the cancel is taken."""

    async def _apply(self, task_id: str, change: Change) -> Task:
        task = self._live(task_id)
        if task.status is TaskStatus.CANCELLED and change.status is TaskStatus.COMPLETED:
            reopen(self, task)
        return await super()._apply(task_id, change)


@mutant("LIFE-10", by=FINAL_UPDATE, on=On.REDIS, source="octos #700")
class LateCompletionOverwritesACancelledRecord(Scripted):
    """A completion that comes after the cancel is taken."""

    scripts: ClassVar = {
        UPDATE: edited(
            UPDATE,
            "if FINAL[old_status] then",
            "if FINAL[old_status] and not (old_status == 'cancelled' and status == 'completed') then",
        )
    }


@mutant("LIFE-10", by=FINAL_UPDATE)
class NamesTheStateThatWasAskedFor(Around):
    """A refusal names the state that the caller asked for."""

    async def write(self, task_id: str, status: TaskStatus, **fields: Any) -> Task:
        try:
            return await super().write(task_id, status, **fields)
        except TaskFinal:
            raise TaskFinal(task_id, status) from None


@mutant("LIFE-10", by=FINAL_UPDATE)
class IgnoresAnUpdateOfAFinalTask(Around):
    """An update of a final task succeeds, and does nothing."""

    async def write(self, task_id: str, status: TaskStatus, **fields: Any) -> Task:
        try:
            return await super().write(task_id, status, **fields)
        except TaskFinal:
            return await self.get_task(task_id)


@mutant("LIFE-10", by=FINAL_CANCEL)
class LateCancelIsQuiet(Around):
    """A cancel that comes too late is not told so."""

    async def cancel_task(self, task_id: str) -> Task:
        try:
            return await super().cancel_task(task_id)
        except TaskFinal:
            return await self.get_task(task_id)


@mutant("LIFE-10", by=FINAL_CANCEL, on=On.MEMORY, source="Pixelle-Video #96")
class CancelOverwritesAFinalTask(MemoryTaskStore):
    """A cancel makes a completed task a cancelled one."""

    async def cancel_task(self, task_id: str) -> Task:
        if (task := self._live(task_id)).status.is_final:
            reopen(self, task)
        return await super().cancel_task(task_id)


@mutant("LIFE-10", by=FINAL_CANCEL, on=On.REDIS, source="Pixelle-Video #96")
class CancelOverwritesAFinalRecord(Scripted):
    """A cancel makes a completed task a cancelled one."""

    scripts: ClassVar = {
        UPDATE: edited(
            UPDATE, "if FINAL[old_status] then", "if FINAL[old_status] and not (differs and status == 'cancelled') then"
        )
    }


RETRY = "lifecycle.test_repeating_a_final_write_is_a_quiet_success"


@mutant("LIFE-12", by=RETRY, on=On.MEMORY, source="MCP python-sdk #3003")
class RepeatingMovesTheTime(MemoryTaskStore):
    """Repeating the write that made a task final moves its times."""

    async def _apply(self, task_id: str, change: Change) -> Task:
        before = self._live(task_id)
        task = await super()._apply(task_id, change)
        if task is before:
            task = self._tasks[task_id] = altered(task, updated_at=self._now())
        return task


@mutant("LIFE-12", by=RETRY, on=On.REDIS, source="MCP python-sdk #3003")
class RepeatingMovesTheTimeOfTheRecord(Scripted):
    """Repeating the write that made a task final moves its times."""

    scripts: ClassVar = {UPDATE: edited(UPDATE, "if FINAL[old_status] then", "if FINAL[old_status] and differs then")}


@mutant("LIFE-12", by=RETRY, instead=TaskFinal)
class RefusesARetry(Around):
    """Repeating the write that made a task final is refused, as if another had been there first."""

    async def write(self, task_id: str, status: TaskStatus, **fields: Any) -> Task:
        if (task := await self.get_task(task_id)).status.is_final:
            raise TaskFinal(task_id, task.status)
        return await super().write(task_id, status, **fields)


PROGRESS = "lifecycle.test_a_progress_out_of_range_is_refused"


@mutant("LIFE-13", by=PROGRESS)
class ClampsProgress(Around):
    """A progress out of range becomes the nearest in range."""

    async def write(self, task_id: str, status: TaskStatus, **fields: Any) -> Task:
        progress: Any = fields["progress"]
        if type(progress) in (int, float):
            fields["progress"] = max(0, min(100, progress))
        return await super().write(task_id, status, **fields)


@mutant("LIFE-13", by=PROGRESS)
class ReadsProgressFromText(Around):
    """True is taken for 1 and "50" for 50."""

    async def write(self, task_id: str, status: TaskStatus, **fields: Any) -> Task:
        if isinstance(progress := fields.get("progress"), (str, bool)):
            fields["progress"] = float(progress)
        return await super().write(task_id, status, **fields)


REFUSAL = "lifecycle.test_a_refused_call_changes_nothing"


@mutant("LIFE-14", by=REFUSAL)
class ARefusalMovesTheTime(Shown):
    """A refused call moves updated_at."""

    def __init__(self, store: Any) -> None:
        super().__init__(store)
        self._refused: dict[str, datetime] = {}

    def show(self, task: Task) -> Task:
        return altered(task, updated_at=self._refused.get(task.task_id, task.updated_at))

    async def write(self, task_id: str, status: TaskStatus, **fields: Any) -> Task:
        try:
            return await super().write(task_id, status, **fields)
        except (TaskFinal, InvalidArgument):
            self._refused[task_id] = datetime.now(UTC)
            raise


@mutant("LIFE-14", by=REFUSAL)
class WritesBeforeItChecks(Around):
    """A call that is refused for its progress has set the status already."""

    async def write(self, task_id: str, status: TaskStatus, **fields: Any) -> Task:
        if not status.is_final:
            await super().write(task_id, status)
        return await super().write(task_id, status, **fields)


@mutant(
    "ID-03",
    by="tour",
    instead=InvalidArgument,
    source="osparc-simcore #8576",
)
class UpdateCreatesWhatIsMissing(Around):
    """An update of a task that is not there makes one."""

    async def write(self, task_id: str, status: TaskStatus, **fields: Any) -> Task:
        try:
            return await super().write(task_id, status, **fields)
        except TaskNotFound:
            now = datetime.now(UTC)
            await self.restore(
                Task(
                    task_id=task_id,
                    status=TaskStatus.PENDING,
                    progress=0,
                    current_step="",
                    video_ids=("?",),
                    created_at=now,
                    updated_at=now,
                )
            )
            return await super().write(task_id, status, **fields)


@mutant("ID-03", by="tour")
class CancelOfNothingIsQuiet(Around):
    """A cancel of a task that is not there returns nothing."""

    async def cancel_task(self, task_id: str) -> Task:
        try:
            return await super().cancel_task(task_id)
        except TaskNotFound:
            return None  # type: ignore[return-value]  # the fault


@mutant("LIFE-16", by="lifecycle.test_an_unknown_status_is_refused")
class AnUnknownStatusChangesNothing(Around):
    """A status that there is not leaves the status as it is."""

    async def write(self, task_id: str, status: TaskStatus, **fields: Any) -> Task:
        known = status if status in ORDER else (await self.get_task(task_id)).status
        return await super().write(task_id, known, **fields)


@mutant("LIFE-16", by="lifecycle.test_an_unknown_status_is_refused")
class TakesAStatusInCapitals(Around):
    """PENDING is taken for pending."""

    async def write(self, task_id: str, status: TaskStatus, **fields: Any) -> Task:
        meant = status.lower() if isinstance(status, str) else status
        return await super().write(task_id, meant, **fields)  # type: ignore[arg-type]  # the store checks it


TIMES = "lifecycle.test_an_update_moves_updated_at_and_keeps_created_at"


@mutant("LIFE-17", by=TIMES)
class UpdateMovesCreatedAt(Shown):
    """created_at is the time of the latest write."""

    def show(self, task: Task) -> Task:
        return altered(task, created_at=task.updated_at)


@mutant("LIFE-17", by=TIMES)
class UpdatedAtStandsStill(Shown):
    """updated_at is the time of creation, whatever is written."""

    def show(self, task: Task) -> Task:
        return altered(task, updated_at=task.created_at)


@mutant("LIFE-17", by=TIMES, source="backend.ai #6695")
class UpdatedAtGoesBack(Shown):
    """The clock of updated_at runs backwards."""

    def show(self, task: Task) -> Task:
        return altered(task, updated_at=task.created_at - (task.updated_at - task.created_at))


STEP_BACK = "lifecycle.test_no_time_goes_back_when_the_clock_does"


@mutant("LIFE-17", by=STEP_BACK, on=On.MEMORY, source="backend.ai #6695")
class WritesWhatTheClockSays(MemoryTaskStore):
    """A clock that steps back takes the times of a task along."""

    async def _apply(self, task_id: str, change: Change) -> Task:
        task = self._live(task_id)
        self._tasks[task_id] = altered(task, updated_at=min(task.updated_at, self._now()))
        return await super()._apply(task_id, change)


@mutant("LIFE-17", by=STEP_BACK, on=On.REDIS, source="backend.ai #6695")
class WritesWhatTheServersClockSays(Scripted):
    """A clock that steps back takes the times of a task along."""

    scripts: ClassVar = {UPDATE: edited(UPDATE, "if time > now then", "if false then")}


@mutant("LIFE-17", by=STEP_BACK, on=On.REDIS)
class FilesWhatTheServersClockSays(Scripted):
    """A purge goes by another time than the task shows."""

    scripts: ClassVar = {UPDATE: edited(UPDATE, "{'ZADD', FINISHED, written_us, id}", "{'ZADD', FINISHED, now_us, id}")}


@mutant("LIFE-18", by="lifecycle.test_cancelling_sets_the_time_of_completion")
class CancelsWithoutATime(Shown):
    """A cancelled task does not say since when."""

    def show(self, task: Task) -> Task:
        return altered(task, completed_at=None) if task.status is TaskStatus.CANCELLED else task
