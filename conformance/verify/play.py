"""A play: one sequence of steps, taken by the model and by every side, until something differs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from conformance.compare.picture import source
from conformance.verify import steps
from conformance.verify.model import LIFETIME, STATUSES, Call, Page, Record, Refusal, Result, State, step
from conformance.verify.side import HOUR, Side, difference
from conformance.verify.steps import AGAIN, Behind, Deadline, Earlier, Seen, Step

WRITES = ("create_task", "update_task_status", "cancel_task", "purge", "restore")
_EVERYTHING = {"limit": 1_000}
_NO_ID = "no such id"


@dataclass
class Tally:
    """What was done, and how much was compared. `visits` are the calls that met the end of a task's life.

    They are counted by side, operation, and whether the task was still `alive`, or just `gone`.
    """

    sequences: int = 0
    steps: int = 0
    comparisons: int = 0
    visits: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    def add(self, other: Tally) -> None:
        """Count what another one counted."""
        self.sequences += other.sequences
        self.steps += other.steps
        self.comparisons += other.comparisons
        self.visits += other.visits


class DiffersError(Exception):
    """Something is not as the model says, or not alike: `words` by the names of the sides."""

    def __init__(self, operation: str, words: Mapping[str, str]) -> None:
        super().__init__(operation, words)
        self.operation = operation
        self.words = words


@dataclass(frozen=True)
class _Taken:
    """A call that was made, and what the model gave: where tasks expire (True), and where they do not."""

    calls: Mapping[bool, Call]
    expected: Mapping[bool, Result]


class Play:
    """The model, one state for the sides whose tasks expire and one for the others, and all sides, freshly opened.

    `offered` are the operations that every side has; steps with another one are left out. Without `can_wait` no time
    passes.
    """

    def __init__(self, sides: Sequence[Side], *, offered: frozenset[str], can_wait: bool) -> None:
        self.tally = Tally()
        self._sides = sides
        self._offered = offered
        self._can_wait = can_wait
        self._has_cursor = all(side.has_cursor for side in sides)
        self._states = {True: State(LIFETIME), False: State()}
        self._seen: dict[bool, dict[str, list[Record]]] = {True: {}, False: {}}
        self._created: list[str] = []
        self._at = 0
        self._write: tuple[str, Mapping[bool, Mapping[str, Any]]] | None = None
        self._log: list[_Taken] = []

    async def take(self, sequence: steps.Sequence) -> None:
        """Take every step.

        Raises:
            DiffersError: at the first difference.
        """
        for one in sequence.steps:
            if one is not None and await self._take(one) in WRITES and not sequence.quiet:
                await self._call("list_tasks", _EVERYTHING)
        for status in STATUSES:
            await self._call("list_tasks", {"status": status, **_EVERYTHING})
        for label in self._created:
            await self._call("get_task", {"task_id": label})
        await self._call("list_tasks", _EVERYTHING)
        if changed := {side.name: words for side in self._sides if (words := side.changed())}:
            raise DiffersError(self._log[-1].calls[True].operation, changed)

    async def _take(self, one: Step) -> str:
        """Take a step, and give the operation that was called."""
        operation, arguments = one.operation, self._resolve(one.arguments)
        if operation == AGAIN:
            operation, arguments = self._write or ("", {})
        if operation not in self._offered or (not self._has_cursor and "after" in arguments[True]):
            return ""
        visited = self._wait(one.wait) if self._can_wait and one.wait else ""
        if operation in WRITES[1:3]:
            self._write = operation, arguments
        await self._call_each(operation, arguments)
        self.tally.steps += 1
        if visited:
            name = "total" if one.arguments.get("limit") == 0 else operation
            self.tally.visits.update((side.name, name, visited) for side in self._sides if side.expires)
        return operation

    def _wait(self, wait: int | Deadline) -> str:
        """Let the time pass; say whether the task whose deadline it is, if there is one, is `alive` or `gone` now."""
        if isinstance(wait, int):
            self._at += wait * HOUR
            return ""
        label = self._label(Earlier(wait.back))
        ends = [end for task, end in self._states[True].tasks if task.task_id == label and end is not None]
        if not ends or ends[0] < self._at:
            return ""
        self._at = ends[0] + wait.after
        return "gone" if wait.after else "alive"

    async def _call(self, operation: str, arguments: Mapping[str, Any]) -> None:
        await self._call_each(operation, {True: arguments, False: arguments})

    async def _call_each(self, operation: str, arguments: Mapping[bool, Mapping[str, Any]]) -> None:
        new_id = f"t{len(self._created) + 1}" if operation == "create_task" else ""
        calls = {expires: Call(operation, arguments[expires], self._at, new_id) for expires in (True, False)}
        expected: dict[bool, Result] = {}
        for expires, call in calls.items():
            expected[expires], self._states[expires] = step(self._states[expires], call)
            self._learn(expected[expires], self._seen[expires])
        self._log.append(_Taken(calls, expected))
        created = expected[True]
        if new_id and isinstance(created, Record) and created.task_id not in self._created:
            self._created.append(created.task_id)
        words: dict[str, str] = {}
        for side in self._sides:
            self.tally.comparisons += 1
            if found := difference(expected[side.expires], await side.do(calls[side.expires])):
                words[side.name] = found
        if words := words or self._reasons(expected):
            raise DiffersError(operation, words)

    def _reasons(self, expected: Mapping[bool, Result]) -> dict[str, str]:
        """What the sides say about an invalid argument, if they do not all say the same about the same."""
        refused = {side.name: side.reason for side in self._sides if isinstance(expected[side.expires], Refusal)}
        told = {name: reason for name, reason in refused.items() if reason}
        alike = len(set(told.values())) <= 1 or expected[True] != expected[False]
        return {} if alike else {name: f"says that the argument {reason}" for name, reason in told.items()}

    def _learn(self, result: Result, seen: dict[str, list[Record]]) -> None:
        for record in result.records if isinstance(result, Page) else [result]:
            if isinstance(record, Record):
                sights = seen.setdefault(record.task_id, [])
                if record not in sights:
                    sights.append(record)

    def _resolve(self, arguments: Mapping[str, Any]) -> Mapping[bool, Mapping[str, Any]]:
        return {
            expires: {name: self._find(value, self._seen[expires]) for name, value in arguments.items()}
            for expires in (True, False)
        }

    def _find(self, value: Any, seen: Mapping[str, list[Record]]) -> Any:
        if isinstance(value, Earlier):
            return self._label(value)
        if isinstance(value, Behind):
            place = (
                self._created.index(label) + 1 if (label := self._label(Earlier(value.back))) in self._created else 1
            )
            return f"{place}.{value.task_id or label}"
        if isinstance(value, Seen):
            sights = seen.get(self._label(Earlier(value.back)), [])
            return sights[-1 - value.sight % len(sights)] if sights else None
        return value

    def _label(self, earlier: Earlier) -> str:
        return self._created[-1 - earlier.back % len(self._created)] if self._created else _NO_ID

    def script(self, side: Side) -> tuple[str, ...]:
        """The calls on one side as a person can run them, without the looks that did not show anything."""
        taken = [(one.calls[side.expires], one.expected[side.expires]) for one in self._log]
        return tuple(_write_script(taken))


def _write_script(taken: Sequence[tuple[Call, Result]]) -> list[str]:
    lines: list[str] = []
    names: dict[Record, str] = {}
    at = 0
    for number, (call, result) in enumerate(taken, start=1):
        if call.at != at:
            lines.append(f"world.advance(timedelta(milliseconds={call.at - at}))")
            at = call.at
        if call.operation in ("get_task", "list_tasks") and number < len(taken):
            continue
        line = f"await store.{call.operation}({', '.join(_written(call, names))})"
        if isinstance(result, Record) and result not in names:
            names[result] = result.task_id if result.updated == 1 else f"{result.task_id}_{result.updated}"
            line = f"{names[result]} = {line}"
        lines.append(line)
    return lines


def _written(call: Call, names: Mapping[Record, str]) -> list[str]:
    given = dict(call.arguments)
    if call.operation == "create_task":
        chosen = [f"task_id={source(given.pop('task_id'))}"] if "task_id" in given else []
        return [f"TaskCreateRequest({', '.join(f'{name}={source(value)}' for name, value in given.items())})", *chosen]
    labels = {name for name in names.values() if "_" not in name}
    return [f"{name}={_value(name, value, names, labels)}" for name, value in given.items()]


def _value(name: str, value: Any, names: Mapping[Record, str], labels: set[str]) -> str:
    if isinstance(value, Record):
        return names[value]
    if name == "task_id" and value in labels:
        return f"{value}.task_id"
    if name == "status" and isinstance(value, str) and value in STATUSES:
        return f"TaskStatus.{value.upper()}"
    if value == "ever":
        return "datetime(1, 1, 2, tzinfo=UTC)"
    return "datetime(9999, 12, 31, tzinfo=UTC)" if value == "never" else source(value)
