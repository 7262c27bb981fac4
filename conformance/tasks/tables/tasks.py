"""Helpers of the tables: short ways to write scenarios and calls, and tasks to restore."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import product
from typing import Any, TypeAlias

from conformance.engine.kinds import scenario
from conformance.engine.scenario import Action, Call, ReadBack, Scenario
from conformance.harness import Capability
from conformance.tasks.calls import Id, cancel, create, get, listing, update
from conformance.tasks.spec.model import Record, canonical
from taskstore import TaskStatus

DAY = timedelta(days=1)
MINUTE, SECOND, MICROSECOND = timedelta(minutes=1), timedelta(seconds=1), timedelta(microseconds=1)
LONG_AGO = datetime(2020, 2, 29, 23, 59, 59, 120_000, tzinfo=UTC)
BEYOND = datetime(2100, 1, 1, tzinfo=UTC)
"""Later than the end of every task."""
A, B = Id("a"), Id("b")
"""The ids of two tasks that most scenarios have."""
MIXED = ("pending", "completed", "clipping", "cancelled", "pending", "failed", "uploading")
"""The statuses of many tasks, in turn."""

Actions: TypeAlias = Iterator[Action]


class Table:
    """Scenarios of one kind. Each is a function that yields its actions, for every combination of its parameters."""

    def __init__(self) -> None:
        self._rows: list[Callable[[str], Iterator[Scenario]]] = []

    def __call__(
        self,
        about: str = "",
        needs: Collection[Capability] = (),
        lacks: Collection[Capability] = (),
        instances: int = 1,
        **values: Any,
    ) -> Callable[[Callable[..., Actions]], Callable[..., Actions]]:
        """Add a function. Give the values of each parameter, or by depth the values."""
        make = partial(scenario, about=about, needs=needs, lacks=lacks, instances=instances)

        def add(actions: Callable[..., Actions]) -> Callable[..., Actions]:
            def rows(depth: str) -> Iterator[Scenario]:
                columns = [_of_depth(column, depth) for column in values.values()]
                for row in product(*columns):
                    given = dict(zip(values, row, strict=True))
                    yield make(actions(**given))

            self._rows.append(rows)
            return actions

        return add

    def scenarios(self, depth: str = "default") -> Iterator[Scenario]:
        """Yield all of them."""
        for rows in self._rows:
            yield from rows(depth)


def _of_depth(column: Any, depth: str) -> Any:
    return column[depth] if isinstance(column, Mapping) else column


def to(status: str, task: Any = A, on: int = 0, label: str = "", **fields: Any) -> Call:
    """An update to a status, of the task `a` if no other is named."""
    return update(task, TaskStatus(status), on, label, **fields)


def restorable(task_id: str = "restored", **fields: Any) -> Record:
    """A task as `restore` takes it."""
    metadata = canonical({"webhook_url": None, "config": None})
    task = Record(task_id, "pending", 0.0, "", ("v",), None, None, None, metadata, LONG_AGO, LONG_AGO, None)
    return task._replace(**fields)


SIMPLE = Table()
"""Each operation by itself, again and again: what that shows is learned, and not blamed on what comes next."""


@SIMPLE(end=(to("completed"), to("failed", error_message="e"), to("cancelled")) * 4)
def _life(end: Call) -> Actions:
    yield create("a", config={"k": [1]})
    yield create("b")
    yield to("clipping", current_step="s")
    yield get(A)
    yield listing()
    yield cancel(B)
    yield end
    yield cancel(B)
    yield get(A)
    yield listing()
    yield ReadBack()
