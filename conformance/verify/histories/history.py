"""A history: each call with its client, its time span and its result. One line of JSON per call."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import combinations, pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from conformance.files import first_fault, read_file

SCHEMA = "conformance-history/1"
ADVANCE = "advance"
"""The call that lets every task expire. The harness makes it, not the store."""
LIST = "list_tasks"
LOOK = "look"
"""What a listing shows of one task: this stands for the listing in a history of one task."""
OPERATIONS = ("create_task", "get_task", LIST, LOOK, "update_task_status", "cancel_task", ADVANCE)
WRITES = ("update_task_status", "cancel_task")
FINAL = ("completed", "failed", "cancelled")
FIELDS = ("progress", "current_step", "result_url", "error_message", "error_traceback")
"""The fields of a task that a history has, besides the status and the label as id."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A call that a client is to make: in which round, after how many turns of its loop, and when it gives up.

    Tasks are named by labels, never by ids: those differ each time. `arguments` are JSON.
    """

    client: int
    operation: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    round: int = 0
    pause: int = 0
    gives_up: int | None = None
    """After how many turns of the loop the call is cancelled; None if the client waits for the answer."""

    @property
    def task(self) -> str:
        """The label of the task that it is about; an empty text for a listing, and for time that passes."""
        label: str = self.arguments.get("task_id", "")
        return self.arguments["video_ids"][0] if self.operation == "create_task" else label


@dataclass(frozen=True, slots=True)
class Interval:
    """A call that was made: it took effect at one instant from `called` to `returned` (nanoseconds), if it ever did.

    `returned` is None if the answer was lost: the call stays open for ever, and may have no effect at all. Otherwise
    `result` has one of the keys `task` (its fields, but for the times), `page` (`tasks` and `total`) and `raised` (the
    name of an exception, beside `status` if it is TaskFinal), or is None where time passed.
    """

    call: Planned
    called: int
    returned: int | None
    result: Mapping[str, Any] | None = None
    written: float = 0.0
    """When the task that it returned was written, as the store states: not judged, but where to search first."""

    def overlaps(self, other: Interval) -> bool:
        """Whether neither call ended before the other began."""
        return (self.returned is None or other.called <= self.returned) and (
            other.returned is None or self.called <= other.returned
        )


@dataclass(frozen=True)
class History:
    """All calls of all clients on one namespace that was empty at first, in the order in which they were called."""

    intervals: tuple[Interval, ...]
    subject: str = ""
    expiring: bool = False
    seed: int = 0

    def effective_writes(self) -> list[Interval]:
        """The updates and cancels that certainly changed a task. Of final ones only the first of each task counts."""
        found: list[Interval] = []
        final: set[str] = set()
        for interval in sorted(self.intervals, key=lambda one: one.returned or 0):
            task = (interval.result or {}).get("task")
            if interval.call.operation not in WRITES or task is None or interval.call.task in final:
                continue
            if task["status"] in FINAL:
                final.add(interval.call.task)
            found.append(interval)
        return found

    def conflicts(self) -> int:
        """How many pairs of calls on the same task overlapped, one of them at least a write that took effect.

        Listings are left out, and so are calls without an answer, so it is a lower bound.
        """
        writes = {id(interval) for interval in self.effective_writes()}
        calls: dict[str, list[Interval]] = {}
        for interval in self.intervals:
            if interval.call.task and interval.returned is not None:
                calls.setdefault(interval.call.task, []).append(interval)
        return sum(
            one.overlaps(other) and (id(one) in writes or id(other) in writes)
            for group in calls.values()
            for one, other in combinations(group, 2)
        )

    def lost(self) -> int:
        """How many answers were lost."""
        return sum(interval.returned is None for interval in self.intervals)

    def as_lines(self) -> str:
        """The history as JSON Lines: a line about the whole, then one for each call."""
        head = {"schema": SCHEMA, "subject": self.subject, "expiring": self.expiring, "seed": self.seed}
        return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in (head, *map(_line, self.intervals)))


def _line(interval: Interval) -> dict[str, Any]:
    """The content of the line of a call."""
    call = interval.call
    line = {"client": call.client, "operation": call.operation, "arguments": dict(call.arguments), "round": call.round}
    if call.pause:
        line["pause"] = call.pause
    if call.gives_up is not None:
        line["gives_up"] = call.gives_up
    line |= {"called": interval.called, "returned": interval.returned, "result": interval.result}
    return line | ({"written": interval.written} if interval.written else {})


class _Form(BaseModel):
    """An object in a file. Other fields than those that are named here are kept."""

    model_config = ConfigDict(strict=True, extra="allow")


class _Head(_Form):
    """The first line."""

    version: Literal["conformance-history/1"] = Field(alias="schema")
    subject: str = ""
    expiring: bool = False
    seed: int = 0


class _Arguments(_Form):
    task_id: str = ""
    video_ids: Annotated[list[str], Field(min_length=1)] = []
    limit: int = 0
    offset: int = 0
    status: str | None = None


class _Task(_Form):
    task_id: str
    status: str


class _Page(_Form):
    tasks: list[_Task]
    total: int


class _Result(_Form):
    task: _Task | None = None
    page: _Page | None = None
    raised: str | None = None


class _Line(_Form):
    """Each other line: a call, as `Planned` and `Interval` say."""

    client: int
    operation: Literal[*OPERATIONS]  # type: ignore[valid-type]  # a tuple of its names
    arguments: _Arguments = _Arguments()
    round: int = 0
    pause: int = 0
    gives_up: int | None = None
    called: int
    returned: int | None
    result: _Result | None = None
    written: float = 0.0

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.operation == "create_task" and not self.arguments.video_ids:
            raise ValueError("create_task needs video_ids, the first of them the task's label")
        if self.operation in ("get_task", LOOK, *WRITES) and not self.arguments.task_id:
            raise ValueError(f"{self.operation} needs a task_id")
        if self.returned is not None and self.returned < self.called:
            raise ValueError(f"returned ({self.returned}) is before called ({self.called})")
        if self.operation == ADVANCE or self.returned is None:
            self.result = None
            return self
        allowed = ("page" if self.operation == LIST else "task", "raised")
        given = [one for one in _Result.model_fields if self.result and one in self.result.model_fields_set]
        if len(given) != 1 or given[0] not in allowed or getattr(self.result, given[0]) is None:
            raise ValueError(f"the result of {self.operation} has to be an object with {' or '.join(allowed)}")
        return self

    def interval(self) -> Interval:
        """The call."""
        arguments = self.arguments.model_dump(exclude_unset=True)
        call = Planned(self.client, self.operation, arguments, self.round, self.pause, self.gives_up)
        result = None if self.result is None else self.result.model_dump(exclude_unset=True)
        return Interval(call, self.called, self.returned, result, self.written)


class BrokenHistoryError(ValueError):
    """A file that holds no history; the message names the line and what is wrong with it."""


def read_history(file: Path) -> History:
    """Read a history from a file.

    Raises:
        conformance.files.FileError: if it cannot be read, or is no history.
    """
    return read_file(file, lambda content: read_lines(content.decode("utf-8")), "a history")


def read_lines(text: str) -> History:
    """Read what `History.as_lines` wrote, or what somebody else recorded in that form.

    Raises:
        BrokenHistoryError: if it is no history.
    """
    lines = [(number, line) for number, line in enumerate(text.splitlines(), start=1) if line.strip()]
    if not lines:
        raise BrokenHistoryError("the file is empty")
    head = _read(_Head, *lines[0])
    intervals = sorted((_read(_Line, *line).interval() for line in lines[1:]), key=lambda one: one.called)
    _check_clients(intervals)
    return History(tuple(intervals), head.subject, head.expiring, head.seed)


_Model = TypeVar("_Model", bound=BaseModel)


def _read(model: type[_Model], number: int, line: str) -> _Model:
    try:
        return model.model_validate_json(line)
    except ValidationError as fault:
        raise BrokenHistoryError(f"line {number}: {first_fault(fault)}") from None


def _check_clients(intervals: Iterable[Interval]) -> None:
    """Check that no client calls again while it waits for an answer."""
    calls: dict[int, list[Interval]] = {}
    for interval in intervals:
        calls.setdefault(interval.call.client, []).append(interval)
    for client, made in calls.items():
        for one, other in pairwise(made):
            if one.returned is not None and other.called < one.returned:
                raise BrokenHistoryError(f"client {client} calls again at {other.called} before its call returned")
