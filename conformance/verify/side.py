"""A side: one subject in step with the model. What it gives comes out in the model's own words."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from conformance.case import World
from conformance.equality import FIELDS
from conformance.harness import Capability, Harness
from conformance.subjects.memory import MemoryHarness
from conformance.verify.model import OPERATIONS, STATUSES, Call, Page, Record, Refusal, Result, canonical
from taskstore import InvalidArgument, Task, TaskCreateRequest, TaskPage, TaskStatus, TaskStoreError

HOUR = 3_600_000
"""In milliseconds. Calls take effect on a whole hour, or a few milliseconds later."""
_SECONDS = 20
"""How long one call may take: one that hangs shall not hang the proof."""
_MOST_LATER = 60
_MARGIN = timedelta(seconds=20)
_WEEK = 168
_MOMENTS = {"ever": datetime(1, 1, 2, tzinfo=UTC), "never": datetime(9999, 12, 31, tzinfo=UTC)}
_MARK = "changed by the caller"
_WRITES = ("update_task_status", "cancel_task")
_TIMES = ("created", "updated", "completed")
_UNKNOWN = 0
"""Stands for a time that no write gave: no moment of the model."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NOT_DECLARED = "not declared"
"""Stands for the next cursor of a subject that does not declare cursors: it is not compared."""


class Side:
    """One subject, a store on it that is opened on a fresh world, and all that was seen of it.

    Use it with `async with`. Ids become the labels that calls gave (`Call.new_id`), times become moments: the first
    time that is seen for a moment is bound to it, and any later sight of the moment has to be exactly equal. A time
    that fits no moment, is not later than the one before it, or is not in UTC is moment 0, which the model never gives.
    """

    def __init__(self, name: str, harness: Harness) -> None:
        self.name = name
        self.harness = harness
        self.expires = Capability.EXPIRING in harness.capabilities
        self.has_cursor = Capability.CURSOR in harness.capabilities
        self.operations: frozenset[str] = frozenset()
        """Those of the model's operations that the store has. Known once it is open."""
        self.reason = ""
        """Why the last call was an `InvalidArgument`, in the store's words."""
        self._at = 0
        self._ids: dict[object, str] = {}
        self._labels: dict[str, str] = {}
        self._places: dict[str, tuple[int, datetime]] = {}
        self._births: dict[tuple[str, int], tuple[datetime, dict[datetime, int]]] = {}
        self._moments: dict[str, dict[datetime, int]] = {}
        self._current: dict[str, int] = {}
        self._handed: list[tuple[Any, tuple[Any, ...]]] = []
        self._tasks: dict[Record, Task] = {}
        self._records: dict[tuple[Any, ...], Record] = {}

    async def __aenter__(self) -> Self:
        """Open a store on a world that nobody has seen."""
        self._world = World(self.harness).name
        async with AsyncExitStack() as stack:
            stack.callback(self.harness.discard, self._world)
            if isinstance(self.harness, MemoryHarness):
                self.harness.freeze(self._world)
            self._store: Any = await stack.enter_async_context(self.harness.open(self._world))
            self._stack = stack.pop_all()
        self.operations = frozenset(name for name in OPERATIONS if hasattr(self._store, name))
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the store, and discard the world."""
        await self._stack.aclose()

    async def do(self, call: Call) -> Result:
        """Make the call at its time, and give what comes of it as the model would.

        Raises:
            HookMissingError: if time has to pass, and the harness has no hook for it.
        """
        self._pass(call.at)
        self.reason = ""
        try:
            given = self._given(call)
            async with asyncio.timeout(_SECONDS):
                answer = await getattr(self._store, call.operation)(**given)
        except Exception as error:  # noqa: BLE001  whatever comes out is what is compared
            return self._refusal(error)
        try:
            return self._result(call, given, answer)
        except (AttributeError, TypeError, ValueError):
            return Refusal("no answer of the contract", (("answer", repr(answer)),))

    def wait(self, by: timedelta) -> None:
        """Let time pass.

        Raises:
            HookMissingError: if the harness has no hook for it.
        """
        self.harness.advance(self._world, by)

    def changed(self) -> str:
        """Which task of those handed out earlier has changed since, or nothing."""
        for task, seen in self._handed:
            if _key(task) != seen:
                return f"a task that was handed out has changed: {self._ids.get(task.task_id, task.task_id)}"
        return ""

    def _pass(self, at: int) -> None:
        """Let time pass until `at`.

        Where the clock stands still it is exact. A server's own clock goes on, by what the calls take. So its weeks
        are a margin too short and its milliseconds two margins long, and both sides are before a deadline or after it
        by the same calls, however slow they are.
        """
        if at != self._at:
            self.wait(self._elapsed(at) - self._elapsed(self._at))
            self._at = at

    def _elapsed(self, at: int) -> timedelta:
        if isinstance(self.harness, MemoryHarness):
            return timedelta(milliseconds=at)
        hours, milliseconds = divmod(at, HOUR)
        if milliseconds > _MOST_LATER:
            raise ValueError(f"{milliseconds} ms after a whole hour: a server cannot be that exact")
        return timedelta(hours=hours) - _MARGIN * hours / _WEEK + 2 * _MARGIN * milliseconds

    def _given(self, call: Call) -> dict[str, Any]:
        """The arguments as this store takes them: its own ids and tasks, and copies of everything else."""
        given = dict(call.arguments)
        if isinstance(label := given.get("task_id"), str):
            given["task_id"] = self._labels.get(label, label)
        if call.operation == "create_task":
            chosen = {"task_id": given.pop("task_id")} if "task_id" in given else {}
            return {"request": TaskCreateRequest(**copy.deepcopy(given)), **chosen}
        if type(after := given.get("after")) is str:
            given["after"] = self._cursor(after)
        if type(status := given.get("status")) is str and status in STATUSES:
            given["status"] = TaskStatus(status)
        if call.operation == "purge" and type(before := given["before"]) is str:
            given["before"] = _MOMENTS.get(before, before)
        if call.operation == "restore" and isinstance(task := given["task"], Record):
            given["task"] = self._tasks[task]
        return given

    def _result(self, call: Call, given: Mapping[str, Any], answer: Any) -> Result:
        """What the call gave; all that a careless caller can reach from outside is changed, and must not show."""
        if call.operation == "create_task":
            self._learn(answer, call.arguments.get("task_id") or call.new_id)
            _spoil(given["request"].config)
        if call.operation == "restore":
            restored = call.arguments["task"]
            self._current[restored.task_id] = restored.updated
            created, self._moments[restored.task_id] = self._births[restored.task_id, restored.created]
            self._places[restored.task_id] = restored.created, created
        if isinstance(answer, TaskPage):
            return self._page(answer)
        if answer is None or type(answer) is int:
            return answer
        record = self._record(answer, written=call.operation in _WRITES)
        _spoil(answer.metadata)
        return record

    def _learn(self, task: Any, label: str) -> None:
        """Bind a new task's id, its place among all, and the moment of its creation."""
        task_id, created = task.task_id, task.created_at
        if not _is_utc(created) or (task_id in self._ids and created == self._places[self._ids[task_id]][1]):
            return
        latest = max((time for time, _ in self._births.values()), default=datetime.min.replace(tzinfo=UTC))
        place = len(self._births) + 1 if created > latest else _UNKNOWN
        self._ids[task_id], self._labels[label] = label, task_id
        self._places[label] = place, created
        self._moments[label] = {created: 1}
        self._births[label, place] = created, self._moments[label]
        self._current[label] = 1

    def _page(self, page: TaskPage) -> Result:
        if page.unreadable:
            return Refusal("unreadable", tuple(("key", key) for key in page.unreadable))
        following = self._place_of(page.next) if self.has_cursor else NOT_DECLARED
        return Page(tuple(map(self._record, page.tasks)), page.total, page.limit, page.offset, following)

    def _cursor(self, after: str) -> str:
        """A cursor of the model, which names a place among all creations and a label, as this store has it."""
        place, dot, label = after.partition(".")
        times = {str(known): time for known, time in self._places.values()}
        if dot and place in times:
            place = str((times[place] - _EPOCH) // timedelta(microseconds=1))
        return f"{place}{dot}{self._labels.get(label, label)}"

    def _place_of(self, cursor: str | None) -> str | None:
        """A cursor of the store as the model has it."""
        if cursor is None:
            return None
        microseconds, _, task_id = cursor.partition(".")
        label = self._ids.get(task_id, task_id)
        place, created = self._places.get(label, (_UNKNOWN, _EPOCH))
        is_right = microseconds == str((created - _EPOCH) // timedelta(microseconds=1))
        return f"{place if is_right else _UNKNOWN}.{label}"

    def _record(self, task: Any, *, written: bool = False) -> Record:
        seen = _key(task)
        self._handed.append((task, seen))
        label = self._ids.get(task.task_id, task.task_id)
        moments = self._moments.get(label, {})
        if written and task.updated_at not in moments and _is_utc(task.updated_at):
            later = all(task.updated_at > known for known in moments)
            moments[task.updated_at] = self._current[label] + 1 if later and moments else _UNKNOWN
        if (known := self._records.get(seen)) is None:
            known = self._records[seen] = self._look(task, label, moments)
            self._tasks[known] = task
        if written:
            self._current[label] = known.updated
        return known

    def _look(self, task: Any, label: str, moments: Mapping[datetime, int]) -> Record:
        place, created = self._places.get(label, (_UNKNOWN, None))
        completed = task.completed_at
        return Record(
            label,
            place if _is_utc(task.created_at) and task.created_at == created else _UNKNOWN,
            task.video_ids if type(task.video_ids) is tuple else canonical(task.video_ids),
            canonical(task.metadata),
            task.status.value if type(task.status) is TaskStatus else repr(task.status),
            task.progress,
            task.current_step,
            task.result_url,
            task.error_message,
            task.error_traceback,
            self._moment(task.updated_at, moments),
            None if completed is None else self._moment(completed, moments),
        )

    def _moment(self, time: Any, moments: Mapping[datetime, int]) -> int:
        return moments.get(time, _UNKNOWN) if _is_utc(time) else _UNKNOWN

    def _refusal(self, error: Exception) -> Refusal:
        """An exception by its facts; what no contract names, by its full name and all that it says."""
        if not isinstance(error, TaskStoreError):
            kind = type(error)
            return Refusal(f"{kind.__module__}.{kind.__qualname__}", (("message", str(error)),))
        facts = {name: value for name, value in vars(error).items() if name != "reason"}
        if isinstance(error, InvalidArgument):
            self.reason = error.reason
        if "task_id" in facts:
            facts["task_id"] = self._ids.get(facts["task_id"], facts["task_id"])
        return Refusal(type(error).__name__, tuple((name, str(value)) for name, value in facts.items()))


def difference(expected: Result, got: Result) -> str | None:
    """What is not the same, in words; None if nothing differs. `50` is not `50.0`, and `-0.0` is not `0.0`."""
    if type(expected) is not type(got):
        return f"{_shown(got)} instead of {_shown(expected)}"
    if isinstance(expected, Record) and isinstance(got, Record):
        return _record_difference(expected, got)
    if isinstance(expected, Page) and isinstance(got, Page):
        return _page_difference(expected, got)
    return None if expected == got else f"{_shown(got)} instead of {_shown(expected)}"


def _record_difference(expected: Record, got: Record) -> str | None:
    if expected == got and _is_same(expected.progress, got.progress):
        return None
    for name in Record.__slots__:
        one, other = getattr(expected, name), getattr(got, name)
        if not _is_same(one, other):
            odd = " (a time that no write gave, or out of order)" if other == _UNKNOWN and name in _TIMES else ""
            return f"{name} of {expected.task_id!r} is {other!r} instead of {one!r}{odd}"
    return None


def _page_difference(expected: Page, got: Page) -> str | None:
    one, other = ([record.task_id for record in page.records] for page in (expected, got))
    if one != other:
        return f"the page has {other} instead of {one}"
    names = ("total", "limit", "offset") if got.next == NOT_DECLARED else ("total", "limit", "offset", "next")
    for name in names:
        if not _is_same(getattr(expected, name), getattr(got, name)):
            return f"the {name} of the page is {getattr(got, name)!r} instead of {getattr(expected, name)!r}"
    pairs = zip(expected.records, got.records, strict=True)
    return next((found for pair in pairs if (found := _record_difference(*pair))), None)


def _is_same(one: object, other: object) -> bool:
    return type(one) is type(other) and (repr(one) == repr(other) if isinstance(one, float) else one == other)


def _shown(result: Result) -> str:
    if isinstance(result, Refusal):
        return f"{result.error}({', '.join(f'{name}={value!r}' for name, value in result.facts)})"
    if isinstance(result, Page):
        return f"a page of {len(result.records)} of {result.total}"
    return f"the task {result.task_id!r} ({result.status})" if isinstance(result, Record) else repr(result)


def _is_utc(time: object) -> bool:
    return isinstance(time, datetime) and time.utcoffset() == timedelta(0)


def _key(task: Any) -> tuple[Any, ...]:
    """A task in full: hashable, and equal only where value and type are."""
    if type(task) is Task and type(task.video_ids) is tuple:  # metadata is text inside: no need to decode it
        return (*vars(task).values(), type(task.status), type(task.progress), repr(task.progress))
    return tuple(canonical(copy.deepcopy(getattr(task, name))) for name in FIELDS)


def _spoil(value: Any) -> None:
    """Change all that can be changed in it, as a careless caller may."""
    if isinstance(value, dict):
        for inside in value.values():
            _spoil(inside)
        value[_MARK] = True
    elif isinstance(value, list):
        for inside in value:
            _spoil(inside)
        value.append(_MARK)
