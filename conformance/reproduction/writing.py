"""Values as Python, and what came out of calls by the names that a script gives it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

from conformance.engine.observe import shown
from conformance.engine.script import source
from taskstore import Task, TaskCreateRequest

_MICROSECOND = timedelta(microseconds=1)
_TIMES = ("created_at", "updated_at", "completed_at")
_SEARCHED = 50
"""How many of the latest ids are looked for inside a text."""
_SHORTEST = 8
_SERIES = 6


class Names:
    """What a script calls the results that it has: ids, cursors and times in them stand in later lines by name."""

    def __init__(self) -> None:
        self._ids: dict[str, str] = {}
        self._cursors: dict[str, str] = {}
        self._times: dict[datetime, str] = {}
        self._objects: dict[int, tuple[Any, str]] = {}
        self._requests: dict[int, tuple[Any, str]] = {}
        self.definitions: dict[str, str] = {}
        """The Python that makes a request, by its name."""

    def learn(self, answer: Any, name: str) -> None:
        """Remember a result under a name."""
        tasks = _tasks_of(answer)
        if tasks is None:
            self._learn_task(answer, name)
            return
        for index, task in enumerate(tasks):
            self._learn_task(task, f"{name}.tasks[{index}]")
        cursor = getattr(answer, "next", None)
        if isinstance(cursor, str):
            self._cursors.setdefault(cursor, f"{name}.next")

    def _learn_task(self, task: Any, name: str) -> None:
        task_id = getattr(task, "task_id", None)
        if not isinstance(task_id, str):
            return
        self._ids.setdefault(task_id, f"{name}.task_id")
        self._objects.setdefault(id(task), (task, name))
        for one in _TIMES:
            time = getattr(task, one, None)
            if isinstance(time, datetime):
                self._times.setdefault(time, f"{name}.{one}")

    def name_of(self, value: Any) -> str:
        """What the script calls an object that it has, or nothing."""
        known = self._objects.get(id(value))
        return "" if known is None or known[0] is not value else known[1]

    def write(self, value: Any) -> str:
        """A value as an expression."""
        if type(value) is str:
            return self._write_text(value)
        if isinstance(value, datetime):
            return self._write_time(value)
        if isinstance(value, TaskCreateRequest):
            return self._request(value)
        if isinstance(value, Task):
            return self.name_of(value) or self._write_task(value)
        return source(value)

    def _write_text(self, text: str) -> str:
        if text in self._ids or text in self._cursors:
            return self._ids.get(text) or self._cursors[text]
        for task_id in list(self._ids)[-_SEARCHED:]:
            if len(task_id) >= _SHORTEST and task_id in text:
                before, _, behind = text.partition(task_id)
                parts = (source(before), self._ids[task_id], source(behind))
                return " + ".join(part for part in parts if part != "''")
        return source(text)

    def _write_time(self, time: datetime) -> str:
        for plus in (timedelta(0), _MICROSECOND, -_MICROSECOND):
            if (known := self._times.get(time - plus)) is not None:
                return f"{known} + {source(plus)}" if plus else known
        return source(time)

    def _request(self, request: TaskCreateRequest) -> str:
        if type(request.config) is not dict:  # nobody can change it
            return _write_request(request)
        known = self._requests.get(id(request))
        if known is None:
            known = self._requests[id(request)] = request, f"request{len(self._requests) + 1}"
            self.definitions[known[1]] = _write_request(request)
        return known[1]

    def _write_task(self, task: Task) -> str:
        fields = {name: value for name, value in task if name != "metadata"}
        fields["metadata_json"] = task.metadata_json
        return f"Task.model_construct({', '.join(f'{name}={self.write(one)}' for name, one in fields.items())})"


def _tasks_of(answer: Any) -> list[Any] | None:
    tasks = getattr(answer, "tasks", None)
    return list(tasks) if isinstance(tasks, list | tuple) else None


def _write_request(request: TaskCreateRequest) -> str:
    fields = {name: value for name, value in vars(request).items() if value is not None or name == "video_ids"}
    written = ", ".join(f"{name}={source(value)}" for name, value in fields.items())
    try:
        TaskCreateRequest(**fields)
    except ValueError:
        return f"TaskCreateRequest.model_construct({written})"
    return f"TaskCreateRequest({written})"


def changes(before: Any, after: Any, path: str, done: set[int]) -> Iterator[str]:
    """The statements that make the value at a path what it is now, of what it was before.

    `done` holds the objects whose changes are written already, by their `id`: one object may be found at many paths.
    """
    is_container = type(before) is type(after) and type(after) in (dict, list)
    if not is_container:
        if not _is_alike(before, after):
            yield f"{path} = {source(after)}"
    elif id(after) not in done:
        done.add(id(after))
        yield from (_changes_of_dict if type(after) is dict else _changes_of_list)(before, after, path, done)


def _changes_of_dict(before: dict[Any, Any], after: dict[Any, Any], path: str, done: set[int]) -> Iterator[str]:
    for key in before.keys() - after.keys():
        yield f"del {path}[{source(key)}]"
    for key, value in after.items():
        place = f"{path}[{source(key)}]"
        if key not in before:
            yield f"{place} = {source(value)}"
        else:
            yield from changes(before[key], value, place, done)


def _changes_of_list(before: list[Any], after: list[Any], path: str, done: set[int]) -> Iterator[str]:
    kept = len(before)
    if len(after) < kept:
        yield f"{path}[:] = {source(after)}"
        return
    for index, value in enumerate(before):
        yield from changes(value, after[index], f"{path}[{index}]", done)
    for value in after[kept:]:
        yield f"{path}.append({source(value)})"


def _is_alike(one: Any, other: Any) -> bool:
    try:
        return type(one) is type(other) and (bool(one == other) or shown(one) == shown(other))
    except Exception:  # noqa: BLE001  a hostile value may not be compared
        return True


def mentions(text: str, name: str) -> bool:
    """Whether a script mentions a name."""
    return re.search(rf"\b{name}\b", text) is not None


def in_place(text: str, name: str, expression: str) -> str:
    """A script with an expression in the place of a name."""
    replacement: Callable[[re.Match[str]], str] = lambda _: expression  # noqa: E731  a text would be taken for a pattern
    return re.sub(rf"\b{name}\b", replacement, text)


def series(texts: list[str]) -> list[str]:
    """The same expressions, as one with a loop if they differ in nothing but a number that counts."""
    if len(texts) < _SERIES:
        return texts
    if len(set(texts)) == 1:
        return [f"*({texts[0]} for _ in range({len(texts)}))"]
    for number in re.finditer(r"\d+", texts[0]):
        start = int(number.group())
        head, tail = texts[0][: number.start()], texts[0][number.end() :]
        if all(text == f"{head}{start + at}{tail}" for at, text in enumerate(texts)):
            return [f"*({_counted(head, tail)} for n in range({start}, {start + len(texts)}))"]
    return texts


def _counted(head: str, tail: str) -> str:
    if head.count("'") % 2 == 0:
        return f"{head}n{tail}"
    before, quote, inside = head.rpartition("'")
    return f"{before}f{quote}{inside}{{n}}{tail}"
