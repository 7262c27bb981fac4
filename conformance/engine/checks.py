"""What no model can know of a result: its times by the clock, its id, and whether what was handed out stays."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from conformance.engine.observe import (
    Odd,
    describe,
    differences,
    record_of,
    result_of,
    shown,
    spoil_task,
    type_faults,
)
from conformance.engine.scene import Step
from conformance.engine.tally import Tally
from conformance.spec.model import Outcome, Record, Symbol

TICK = 0.005
"""Seconds after which the time of the next write has to be another one."""
_CLOCK_SLACK = timedelta(minutes=5)
_KEPT = 64


class Checks:
    """The checks of the results of one scene. What is wrong is given to `report`."""

    def __init__(self, report: Callable[..., None], tally: Tally) -> None:
        self.has_ticked = False
        self._report = report
        self._tally = tally
        self._handed: list[tuple[Any, Record]] = []
        self._count = 0

    def result(self, planned: Step, outcome: Outcome, observed: Any, raw: Any, passed: timedelta) -> None:
        """Check a result. `passed` is how much time the harness let pass."""
        if isinstance(observed, Odd):
            return
        self._tally.exercised["VAL-10"] += 1
        tasks = [raw] if isinstance(observed, Record) else list(getattr(raw, "tasks", ()))
        records = [observed] if isinstance(observed, Record) else list(getattr(observed, "records", ()))
        for task in tasks[:2]:
            for name, requirement in type_faults(task):
                self._report((requirement,), f"{name} is {shown(getattr(task, name))}", "type", name)
        if outcome.written is not None and isinstance(observed, Record):
            self.written(planned, outcome, observed, passed)
        for task, record in list(zip(tasks, records, strict=False))[:2]:
            self._count += 1
            if self._count % 2:
                spoil_task(task)
            if len(self._handed) < _KEPT:
                self._handed.append((task, record_of(task) if self._count % 2 else record))
        if planned.operation not in ("get_task", "list_tasks"):
            self._unchanged(self._handed[-4:])

    def written(self, planned: Step, outcome: Outcome, observed: Record, passed: timedelta) -> None:
        """Check the id and the times of a task that was written."""
        if isinstance(outcome.written and outcome.written.task_id, Symbol):
            self._tally.made_ids.append(str(observed.task_id))
        if self.has_ticked and planned.operation != "create_task":
            self.has_ticked = False
            symbol = outcome.written and outcome.written.updated_at
            if isinstance(symbol, Symbol) and observed.updated_at == symbol.not_before:
                words = f"updated_at is still {observed.updated_at}, {TICK} s after the write before"
                self._report(("LIFE-17",), words, planned.operation, ("updated_at",))
        now = datetime.now(UTC)
        for name in ("created_at", "updated_at", "completed_at"):
            moment, expected = getattr(observed, name), getattr(outcome.written, name)
            if not isinstance(expected, Symbol) or not isinstance(moment, datetime):
                continue
            if not now - _CLOCK_SLACK <= moment <= now + passed + _CLOCK_SLACK and not _is_behind(expected, now):
                requirement = "LIFE-17" if name == "updated_at" and planned.operation != "create_task" else "VAL-10"
                self._report(
                    (requirement,), f"{name} is {moment}, and the clock says {now}", planned.operation, (name,)
                )

    def all_unchanged(self) -> None:
        """Check at the end of a scene that the tasks that came out of it are what they were."""
        self._unchanged(self._handed)

    def _unchanged(self, handed: Iterable[tuple[Any, Record]]) -> None:
        for task, record in handed:
            names = list(differences(record, result_of(task)))
            if names:
                now = describe(result_of(task), tuple(names))
                words = f"a task that was returned earlier changed: {now}; it was {describe(record, tuple(names))}"
                self._report(("VAL-02",), words, "handed", tuple(names))
        self._tally.exercised["VAL-02"] += 1


def _is_behind(expected: Symbol, now: datetime) -> bool:
    """Whether a time may be later than the clock because an earlier time was."""
    before = expected.not_before
    return isinstance(before, datetime) and before > now - _CLOCK_SLACK
