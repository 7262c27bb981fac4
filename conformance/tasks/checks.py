"""Checks beside the model: types, clocks, ids, and whether what was handed out stays as it was."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from conformance.engine.contract import Checks, Entry, Symbol, differences
from conformance.engine.finding import Coverage, Finding, complaint
from conformance.tasks.observe import describe, mutate_task, record_of, result_of
from conformance.tasks.spec.model import TIMES, Record
from conformance.tasks.view import TaskView
from conformance.text import shown
from taskstore import TaskStatus

_HALF = 16
"""Digits of which no two ids have the same if they are random."""
_MUTATED = 3
"""One task in this number is changed as a careless caller may; some others are kept, and read again at the end."""
_KEPT = 30
_TYPES = {"status": (TaskStatus, "LIFE-02"), "progress": (float, "LIFE-01"), "video_ids": (tuple, "LIFE-01")}
"""By field, its type and the requirement that says so. A value of another type may compare equal."""


@dataclass
class TaskChecks(Checks):
    """The checks of one scenario."""

    coverage: Coverage
    _handed: list[tuple[Any, Record]] = field(default_factory=list)
    _count: int = 0

    def of(self, entry: Entry, expected: Any) -> Iterator[Finding]:
        """Check a result that the model allows, and keep or change what was handed out."""
        self.coverage.exercised["VAL-10"] += 1
        is_one = isinstance(entry.observed, Record)
        tasks = [entry.answer] if is_one else getattr(entry.answer, "tasks", ())[:2]
        for task in tasks:
            yield from _types(task)
            if self.coverage.mutates:
                self._hand_out(task)
        if isinstance(getattr(expected, "task_id", None), Symbol):
            yield from self._id(entry.observed.task_id)

    def _hand_out(self, task: Any) -> None:
        self._count += 1
        if self._count % _MUTATED == 0:
            mutate_task(task)
        elif len(self._handed) < _KEPT:
            self._handed.append((task, record_of(task)))

    def _id(self, task_id: str) -> Iterator[Finding]:
        made = self.coverage.made
        digits = task_id[-2 * _HALF :].lower()
        halves = {digits[:_HALF], digits[_HALF:]}
        if task_id in made:
            yield complaint("ID-01", "an id that no other task got", f"{task_id!r} again", "task_id")
        elif halves & made or len(halves) == 1:
            yield complaint("ID-02", "ids of random digits", f"{task_id!r}, and one that is alike", "task_id")
        made.add(task_id)
        made |= halves
        self.coverage.exercised.update(("ID-01", "ID-02"))

    def at_the_end(self) -> Iterator[Finding]:
        """Check that what was returned is as it was."""
        for task, record in self._handed:
            now = result_of(task)
            if names := differences(record, now):
                was = f"a task that was returned stays {describe(record, names)}"
                yield complaint("VAL-02", was, describe(now, names), "handed")
        self.coverage.exercised["VAL-02"] += len(self._handed)


def _types(task: Any) -> Iterator[Finding]:
    """Yield values that compare equal but have the wrong type. They are reported once, here."""
    for name in TIMES:
        time = getattr(task, name, None)
        if isinstance(time, datetime) and time.utcoffset() != timedelta(0):
            yield complaint("VAL-10", f"{name} in UTC", shown(time), name)
    for name, (kind, number) in _TYPES.items():
        is_own = isinstance(task, TaskView) and kind is not TaskStatus  # a view has the store's own types
        value = getattr(task, name)
        if type(value) is not kind and not is_own:
            yield complaint(number, f"{name}: a {kind.__name__}", shown(value), name)
