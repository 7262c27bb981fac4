"""Random scenarios of a task store: the rows of the tables, in an order that no table has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from conformance.engine.random_scenario import RandomScenario
from conformance.engine.scenario import Action, Call
from conformance.harness import Capability
from conformance.tasks import calls as do
from conformance.tasks.calls import Id
from conformance.tasks.spec.model import LIFETIME, STATUSES, TEXTS
from conformance.tasks.tables import values
from conformance.tasks.tables.arguments import REFUSED, REQUESTS
from conformance.tasks.tables.tasks import BEYOND, DAY, LONG_AGO, MINUTE, SECOND, A
from taskstore import TaskStatus

_TIMES = (SECOND, 11 * MINUTE, DAY, 3 * DAY, 6 * DAY - 3 * MINUTE, LIFETIME - MINUTE, LIFETIME + 2 * SECOND, 8 * DAY)
_LIMITS, _OFFSETS = (0, 1, 2, 3, 5, 50, 100, 1_000), (0, 1, 2, 3, 49, 50, 51, 100, 10**12)
_SIZES = (0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 51, 110)


class RandomTasks(RandomScenario):
    """Draws calls of a task store."""

    first = "create"
    raced = ("create", "named", "update", "update", "cancel", "get", "restore")
    kinds = ("list", "list", "purge", "bad", *raced)
    spans = _TIMES

    def __iter__(self) -> Iterator[Action]:
        """Draw, now and then, many tasks first, and at the end reads of all that is there."""
        if size := self.one_of(_SIZES):
            yield do.Populate(size, ("pending", "completed"))
        yield from super().__iter__()
        yield do.Pages(self.one_of((1, 7, 50)), by_cursor=Capability.CURSOR in self.has)

    def _some(self, **fields: Any) -> dict[str, Any]:
        return {name: value for name, value in fields.items() if self.one_of((True, False))}

    def call(self, made: Sequence[str], kind: str) -> Call:
        """Return a call of a kind; a `get` where nothing is there that another kind needs."""
        task: Any = self.one_of(["job-1", "restored", *map(Id, (*made[:2], *made[-4:]))])
        call = do.get(task)
        match kind:
            case "create":
                call = do.create(f"task{len(made) + 1}", **self.one_of(REQUESTS))
            case "named":
                task_id = self.one_of(("job-1", self.one_of(values.NEW_IDS)))
                call = do.create(task_id=task_id, config=self.one_of(values.ALIKE_CONFIGS[:9]))
            case "update":
                call = self._update(task)
            case "cancel":
                call = do.cancel(task)
            case "list":
                call = self._listing(made)
            case "purge":
                call = do.purge(self.one_of((LONG_AGO + DAY, BEYOND)))
            case "restore" if made:
                fields = self._some(task_id="restored", created_at=LONG_AGO)
                call = do.restore(do.TaskOf(self.one_of(made), fields))
            case "bad":
                call = self._refused(task)
        return call

    def _refused(self, task: Any) -> Call:
        call: Call = self.one_of(self.one_of(REFUSED))
        if call.arguments.get("task_id") is not A:
            return call
        return replace(call, arguments={**call.arguments, "task_id": task})

    def _update(self, task: Any) -> Call:
        status = self.one_of(STATUSES)
        names = TEXTS if status == "failed" else TEXTS[:2]
        fields: dict[str, Any] = {name: self.one_of(values.TEXTS) for name in names}
        fields["progress"] = self.one_of((0.0, 100, self.one_of(values.PROGRESSES)))
        return do.update(task, self.one_of((status, TaskStatus(status))), **self._some(**fields))

    def _listing(self, made: Sequence[str]) -> Call:
        page = self._some(status=self.one_of([*TaskStatus]), limit=self.one_of(_LIMITS))
        by_cursor = self.one_of((True, False))
        if made and by_cursor:
            return do.listing(**page, after=do.CursorOf(self.one_of(made)))
        return do.listing(**page, **self._some(offset=self.one_of(_OFFSETS)))
