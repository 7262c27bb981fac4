"""Random scenarios of a task store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from conformance.engine.random_scenario import RandomScenario
from conformance.engine.scenario import Action, Call
from conformance.harness import Capability
from conformance.tasks import calls as do
from conformance.tasks.calls import Id
from conformance.tasks.spec.model import FINAL, LIFETIME, STATUSES, TEXTS
from conformance.tasks.tables import values
from conformance.tasks.tables.arguments import refused
from conformance.tasks.tables.tasks import BEYOND, DAY, LONG_AGO, MINUTE, SECOND
from taskstore import TaskStatus

_TIMES = (SECOND, 11 * MINUTE, DAY, 3 * DAY, 6 * DAY - 3 * MINUTE, LIFETIME - MINUTE, LIFETIME + 2 * SECOND, 8 * DAY)
_LIMITS, _OFFSETS = (0, 1, 2, 3, 5, 50, 100, 1_000), (0, 1, 2, 3, 49, 50, 51, 100, 10**12)
_TEXTS = (values.TEXTS, ("", "x"))


class RandomTasks(RandomScenario):
    """Draws calls of a task store."""

    first = "create"
    raced = ("create", "again", "update", "update", "cancel", "get", "restore")
    kinds = ("list", "cursor", "purge", "bad", *raced)
    spans = _TIMES

    def __iter__(self) -> Iterator[Action]:
        """Draw, now and then, many tasks first, and at the end reads of all that is there."""
        size = self._pick((0,), (0,), (0,), (3, 51, 110))
        if size:
            yield do.Populate(size, ("pending", "completed"))
        yield from super().__iter__()
        yield do.Pages(self.one_of((1, 7, 50)), by_cursor=Capability.CURSOR in self.has)

    def _pick(self, *tables: Any) -> Any:
        return self.one_of(self.one_of(tables))

    def _some(self, **fields: Any) -> dict[str, Any]:
        return {name: value for name, value in fields.items() if self.random.random() < 0.5}  # noqa: PLR2004

    def call(self, made: Sequence[str], kind: str) -> Call:
        """Return a call of a kind; a `get` where nothing is there that another kind needs."""
        ids: list[Any] = [*map(Id, made)] or ["nobody"]
        task = self._pick(ids, ids[:2], ids[-4:], ("job-1", "restored"))
        page = self._some(status=self.one_of([*TaskStatus]), limit=self.one_of(_LIMITS))
        call = do.get(task)
        match kind:
            case "create":
                call = do.create(f"task{len(made) + 1}", **self._request())
            case "again":
                call = do.create(task_id="job-1", config=self.one_of(values.ALIKE_CONFIGS[:9]))
            case "update":
                call = self._update(task)
            case "cancel":
                call = do.cancel(task)
            case "list":
                call = do.listing(**page, **self._some(offset=self.one_of(_OFFSETS)))
            case "cursor" if made:
                call = do.listing(**page, after=do.CursorOf(self.one_of(made)))
            case "purge":
                call = do.purge(self.one_of((LONG_AGO + DAY, BEYOND)))
            case "restore" if made:
                fields = {"current_step": self._pick(*_TEXTS), "progress": float(self._pick(values.PROGRESSES))}
                fields = self._some(**fields, task_id="restored", created_at=LONG_AGO)
                call = do.restore(do.TaskOf(self.one_of(made), fields))
            case "bad":
                call = self._pick(*refused(task))
        return call

    def _update(self, task: Any) -> Call:
        status = self._pick(STATUSES, FINAL)
        names = TEXTS if status == "failed" else TEXTS[:2]
        fields = {name: self._pick(*_TEXTS) for name in names}
        fields["progress"] = self._pick(values.PROGRESSES, (0.0, 100))
        return do.update(task, self.one_of((status, TaskStatus(status))), **self._some(**fields))

    def _request(self) -> dict[str, Any]:
        value = self.one_of(values.JSON)
        text = self._pick(*_TEXTS)
        forms: list[Any] = [None, {"x": value}, {text: {"y": [0, value, {"z": [text]}]}}]
        fields = {"config": self._pick(forms, values.ALIKE_CONFIGS), "webhook_url": self.one_of((None, text))}
        if Capability.CALLER_IDS in self.has:
            fields |= self._some(task_id=self.one_of(values.NEW_IDS))
        return {"video_ids": self._pick(values.VIDEO_IDS, [(text,)]), **fields}
