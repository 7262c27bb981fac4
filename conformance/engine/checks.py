"""What no model can know of a result: its times by the clock, its id, and whether what was handed out stays."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import islice
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
from taskstore import Task, TaskStatus

TICK = 0.005
"""Seconds after which the time of the next write has to be another one."""
_CLOCK_SLACK = timedelta(minutes=5)
_KEPT = 64
_SPOILED, _SPOILED_IMMUTABLE = 2, 7
_IMMUTABLE = {str, float, tuple, datetime, type(None), TaskStatus}


class Checks:
    """The checks of the results of one scene. What is wrong is given to `report`."""

    def __init__(self, report: Callable[..., None], tally: Tally, namespace: str) -> None:
        self.has_ticked = False
        self._report = report
        self._tally = tally
        self._namespace = namespace
        self._handed: list[tuple[Any, tuple[Any, ...] | None, Record]] = []
        self._count = 0

    def result(self, planned: Step, outcome: Outcome, observed: Any, raw: Any, passed: timedelta) -> None:
        """Check a result. `passed` is how much time the harness let pass."""
        if isinstance(observed, Odd):
            return
        self._tally.exercised["VAL-10"] += 1
        is_one = isinstance(observed, Record)
        tasks = (raw,) if is_one else tuple(islice(getattr(raw, "tasks", ()), 2))
        records = (observed,) if is_one else getattr(observed, "records", ())
        for task in tasks:
            for name, requirement in type_faults(task):
                self._report((requirement,), f"{name} is {shown(getattr(task, name))}", "type", name)
        if outcome.written is not None and isinstance(observed, Record):
            self.written(planned, outcome, observed, passed)
        for task, record in zip(tasks, records, strict=False):
            self._hand_out(task, record)

    def _hand_out(self, task: Any, record: Record) -> None:
        """Keep a task that was returned, changed as its caller may change it, or not.

        One that is immutable as the contract's own class makes it is not changed as often: each such look takes time.
        """
        self._count += 1
        values = _immutable_values_of(task)
        if self._count % (_SPOILED if values is None else _SPOILED_IMMUTABLE) == 0:
            spoil_task(task)
            values = None
        if values is None:  # its caller may have changed it by now, with the argument that it shares an object with
            record = record_of(task)
        self._keep(task, values, record)

    def hand_in(self, task: Task) -> None:
        """Keep a task that is passed in: it may be one that came out of a store, so no later write changes it.

        One that no store could have produced may have no metadata, and is not kept.
        """
        values = _immutable_values_of(task)
        if values is not None:
            with suppress(ValueError, RecursionError):
                self._keep(task, values, record_of(task))

    def _keep(self, task: Any, values: tuple[Any, ...] | None, record: Record) -> None:
        if len(self._handed) < _KEPT:
            self._handed.append((task, values, record))

    def written(self, planned: Step, outcome: Outcome, observed: Record, passed: timedelta) -> None:
        """Check the id and the times of a task that was written."""
        if isinstance(outcome.written and outcome.written.task_id, Symbol):
            self._tally.made_ids.append((self._namespace, str(observed.task_id)))
        if self.has_ticked and planned.operation != "create_task":
            self.has_ticked = False
            completed = "LIFE-18" if planned.operation == "cancel_task" else "LIFE-05"
            for name, requirement in (("updated_at", "LIFE-17"), ("completed_at", completed)):
                symbol, moment = getattr(outcome.written, name, None), getattr(observed, name)
                if isinstance(symbol, Symbol) and moment == symbol.not_before:
                    words = f"{name} is {moment}, the time of the write before, which was {TICK} s earlier"
                    self._report((requirement,), words, planned.operation, (name,))
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

    def unchanged(self) -> None:
        """Check at the end of a scene that no write changed a task that came out of it or went in."""
        for task, values, record in self._handed:
            if values is not None and tuple(map(id, vars(task).values())) == tuple(map(id, values)):
                continue  # the same immutable objects
            names = list(differences(record, result_of(task)))
            if names:
                now, was = (describe(one, tuple(names)) for one in (result_of(task), record))
                words = f"a task that was returned or passed in earlier changed: {now}; it was {was}"
                self._report(("VAL-02",), words, "handed", tuple(names))
        self._tally.exercised["VAL-02"] += len(self._handed)


def _immutable_values_of(task: Any) -> tuple[Any, ...] | None:
    """The values of a task of the contract's own class, if none of them can change: its metadata is text in it."""
    values = tuple(vars(task).values()) if type(task) is Task else (task,)
    return values if {*map(type, values)} <= _IMMUTABLE else None


def _is_behind(expected: Symbol, now: datetime) -> bool:
    """Whether a time may be later than the clock because an earlier time was."""
    before = expected.not_before
    return isinstance(before, datetime) and before > now - _CLOCK_SLACK
