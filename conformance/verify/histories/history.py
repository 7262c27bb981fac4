"""A history: who called what, from when to when, and what came of it. One line of JSON per call."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

from conformance.files import read_file

SCHEMA = "conformance-history/1"
ADVANCE = "advance"
"""The call that lets every task expire. It is the harness that makes it, not the store."""
LIST = "list_tasks"
LOOK = "look"
"""What a listing shows of one task: all that is kept of it where a history is about one task only."""
OPERATIONS = ("create_task", "get_task", LIST, LOOK, "update_task_status", "cancel_task", ADVANCE)
WRITES = ("update_task_status", "cancel_task")
FINAL = ("completed", "failed", "cancelled")
_FORMS = ("task", "page", "raised")
_SURROGATE = re.compile("[\ud800-\udfff]")


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
    """After how many turns the caller is cancelled, and takes no answer any more; None if it waits."""

    @property
    def task(self) -> str:
        """The label of the task that it is about; nothing for a listing, or the time."""
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
    """When the task that it gave was written, as the store says: it is not judged, and shows where to search first."""

    def overlaps(self, other: Interval) -> bool:
        """Whether neither ended before the other began."""
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
        """The updates and cancels that surely changed a task: of the final ones only the first for each task."""
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
        """The history as JSON Lines: what is known of the whole, then a call a line."""
        head = {"schema": SCHEMA, "subject": self.subject, "expiring": self.expiring, "seed": self.seed}
        return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in (head, *map(as_json, self.intervals)))


def as_json(interval: Interval) -> dict[str, Any]:
    """A call as one line has it."""
    times = {"called": interval.called, "returned": interval.returned, "result": interval.result}
    written = {"written": interval.written} if interval.written else {}
    return {**planned_json(interval.call), **times, **written}


def planned_json(call: Planned) -> dict[str, Any]:
    """A planned call as one line has it."""
    line = {"client": call.client, "operation": call.operation, "arguments": dict(call.arguments), "round": call.round}
    if call.pause:
        line["pause"] = call.pause
    if call.gives_up is not None:
        line["gives_up"] = call.gives_up
    return line


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
    head = _object(*lines[0])
    if head.get("schema") != SCHEMA:
        raise BrokenHistoryError(f"line 1: the schema is {head.get('schema')!r}, not {SCHEMA!r}")
    read = sorted((read_interval(_object(*line), line[0]) for line in lines[1:]), key=lambda one: one.called)
    _check_clients(read)
    return History(
        tuple(read),
        subject=_given(head, "subject", str, lines[0][0], ""),
        expiring=_given(head, "expiring", bool, lines[0][0], False),
        seed=_given(head, "seed", int, lines[0][0], 0),
    )


def read_interval(line: Mapping[str, Any], number: int = 1) -> Interval:
    """Read a call.

    Raises:
        BrokenHistoryError: naming the line's number.
    """
    called = _given(line, "called", int, number)
    returned = None if line.get("returned", ...) is None else _given(line, "returned", int, number)
    if returned is not None and returned < called:
        raise BrokenHistoryError(f"line {number}: returned ({returned}) is before called ({called})")
    call, result = read_planned(line, number), line.get("result")
    waits = call.operation != ADVANCE and returned is not None
    if waits and not (isinstance(result, dict) and sum(form in result for form in _FORMS) == 1):
        raise BrokenHistoryError(f"line {number}: the result has to be an object with one of {', '.join(_FORMS)}")
    if waits and not _has_form(call, result):
        raise BrokenHistoryError(f"line {number}: {call.operation} cannot have the result {json.dumps(result)}")
    written = _given(line, "written", float, number, 0.0)
    return Interval(call, called, returned, result if returned is not None else None, written)


def read_planned(line: Mapping[str, Any], number: int = 1) -> Planned:
    """Read a planned call.

    Raises:
        BrokenHistoryError: naming the line's number.
    """
    operation = _given(line, "operation", str, number)
    if operation not in OPERATIONS:
        raise BrokenHistoryError(f"line {number}: {operation!r} is none of {', '.join(OPERATIONS)}")
    arguments = _given(line, "arguments", dict, number, {})
    videos = arguments.get("video_ids")
    if operation == "create_task" and not (isinstance(videos, list) and videos and isinstance(videos[0], str)):
        raise BrokenHistoryError(f"line {number}: create_task needs video_ids, the first of them the task's label")
    if operation in ("get_task", LOOK, *WRITES) and not isinstance(arguments.get("task_id"), str):
        raise BrokenHistoryError(f"line {number}: {operation} needs a task_id")
    if operation == LIST and not all(type(arguments.get(name, 0)) is int for name in ("limit", "offset")):
        raise BrokenHistoryError(f"line {number}: limit and offset have to be numbers")
    if not isinstance(arguments.get("status"), str | None):
        raise BrokenHistoryError(f"line {number}: status has to be a text")
    gives_up = None if line.get("gives_up") is None else _given(line, "gives_up", int, number)
    round_, pause = _given(line, "round", int, number, 0), _given(line, "pause", int, number, 0)
    return Planned(_given(line, "client", int, number), operation, arguments, round_, pause, gives_up)


def _check_clients(intervals: Iterable[Interval]) -> None:
    """A client waits for its answer before it calls again, or gives up."""
    calls: dict[int, list[Interval]] = {}
    for interval in intervals:
        calls.setdefault(interval.call.client, []).append(interval)
    for client, made in calls.items():
        for one, other in pairwise(made):
            if one.returned is not None and other.called < one.returned:
                raise BrokenHistoryError(f"client {client} calls again at {other.called} before its call returned")


def _has_form(call: Planned, result: Any) -> bool:
    if "raised" in result:
        return isinstance(result["raised"], str)
    if "page" in result:
        page = result["page"]
        tasks = page.get("tasks") if isinstance(page, dict) else None
        return call.operation == LIST and isinstance(tasks, list) and type(page.get("total")) is int and _tasks(*tasks)
    return call.operation != LIST and _tasks(result["task"])


def _tasks(*tasks: Any) -> bool:
    return all(
        isinstance(task, dict) and isinstance(task.get("task_id"), str) and isinstance(task.get("status"), str)
        for task in tasks
    )


def _object(number: int, line: str) -> dict[str, Any]:
    try:
        read = json.loads(line)
    except ValueError as fault:
        raise BrokenHistoryError(f"line {number}: no JSON: {fault}") from None
    if not isinstance(read, dict):
        raise BrokenHistoryError(f"line {number}: not an object")
    if _SURROGATE.search(json.dumps(read, ensure_ascii=False)):
        raise BrokenHistoryError(f"line {number}: half of a surrogate pair stands alone, which no text can have")
    return read


def _given(line: Mapping[str, Any], name: str, kind: type, number: int, default: Any = ...) -> Any:
    value = line.get(name, default)
    if value is ...:
        raise BrokenHistoryError(f"line {number}: {name} is missing")
    if type(value) is not kind:
        raise BrokenHistoryError(f"line {number}: {name} has to be {kind.__name__}, not {type(value).__name__}")
    return value
