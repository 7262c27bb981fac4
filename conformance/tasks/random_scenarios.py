"""Scenarios that are drawn: the next call depends on what the store holds by now.

While it is played a walk writes down its scenario, so it can be played again, made shorter, and printed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import Any

from conformance.engine import scenario as do
from conformance.engine.player import Player
from conformance.engine.scenario import Action, Call, Id, Look, Race, Scenario
from conformance.harness import Capability, Harness
from conformance.tasks.spec.model import FINAL, LIFETIME, STATUSES, TEXTS, Request
from conformance.tasks.tables import values
from conformance.tasks.tables.arguments import refused
from conformance.tasks.tables.tasks import BEYOND, DAY, LONG_AGO, MINUTE, SECOND
from taskstore import TaskStatus

_TIMES = (SECOND, 11 * MINUTE, DAY, 3 * DAY, 6 * DAY - 3 * MINUTE, LIFETIME - MINUTE, LIFETIME + 2 * SECOND, 8 * DAY)
_LIMITS, _OFFSETS = (0, 1, 2, 3, 5, 50, 100, 1_000), (0, 1, 2, 3, 49, 50, 51, 100, 10**12)
_TEXTS = (values.TEXTS[:-3], values.ALIKE_TEXTS, ("", "x"))  # the last ones take time
_RACED = ("create", "again", "update", "update", "cancel", "get", "restore")
_KINDS = ("list", "cursor", "purge", "bad", "wait", "race", "reopen", *_RACED)


def walks(harness: Harness, seed: int, count: int) -> Iterator[Walk]:
    """So many walks. The same seed draws the same ones from a store that gives the same answers."""
    for number in range(count):
        yield Walk(harness, Random(f"{seed}-{number}"))  # noqa: S311  it guards no secret


class Walk:
    """One scenario that is drawn while it is played."""

    def __init__(self, harness: Harness, random: Random) -> None:
        self._has, self._random, self._one_of = harness.capabilities, random, random.choice

    async def play(self, player: Player) -> None:
        """Draw actions and perform them, until they show a difference or the walk is over.

        Raises:
            EndedError: if they showed a difference.
        """
        kinds = self._random.sample(_KINDS, self._random.randint(3, len(_KINDS)))
        is_looked_at = self._one_of(((True,), (False,), (True, False)))
        if size := self._pick((0,), (0,), (0,), (3, 51, 110)):
            await player.perform(do.Populate(size, ("pending", "completed")))
        for _ in range(self._random.randint(4, 16)):
            action = self._action([*player.results], self._one_of(("create", *kinds)))
            if self._can(action):
                await player.perform(action)
                if self._one_of(is_looked_at):
                    await player.perform(Look())
        await player.perform(Look())
        await player.perform(do.Pages(self._one_of((1, 7, 50)), by_cursor=Capability.CURSOR in self._has))

    def _can(self, action: Action) -> bool:
        return Scenario((action,)).required <= self._has

    def _pick(self, *tables: Any) -> Any:
        return self._one_of(self._one_of(tables))

    def _some(self, **fields: Any) -> dict[str, Any]:
        return {name: value for name, value in fields.items() if self._one_of((True, False))}

    def _action(self, made: list[str], kind: str) -> Action:
        match kind:
            case "wait":
                return do.Wait(self._one_of(_TIMES)) if Capability.EXPIRING in self._has else do.Wait()
            case "race":
                drawn = [replace(self._call(made, self._one_of(_RACED)), label="") for _ in range(4)]
                lost, turns = self._one_of(((), (), (0,))), self._one_of((0, 1, 2, 4))
                return Race(tuple(filter(self._can, drawn)), lost, turns)
            case "reopen":
                return do.Reopen()
        return self._call(made, kind)

    def _call(self, made: list[str], kind: str) -> Call:  # noqa: PLR0911  one way to draw each
        ids: list[Any] = [*map(Id, made)] or ["nobody"]
        task = self._pick(ids, ids[:2], ids[-4:], ("job-1", "restored"))
        match kind:
            case "create":
                chosen = self._some(task_id=self._one_of(values.NEW_IDS)) if Capability.CALLER_IDS in self._has else {}
                return Call("create_task", {"request": self._request(), **chosen}, f"task{len(made) + 1}")
            case "again":
                return do.create(task_id="job-1", config=self._one_of(values.ALIKE_CONFIGS[:9]))
            case "update":
                status = self._pick(STATUSES, FINAL)
                fields = {name: self._pick(*_TEXTS) for name in (TEXTS if status == "failed" else TEXTS[:2])}
                fields["progress"] = self._pick(values.PROGRESSES, (0.0, 100))
                return do.update(task, self._one_of((status, TaskStatus(status))), **self._some(**fields))
            case "cancel":
                return do.cancel(task)
            case "list":
                return do.listing(**self._page(), **self._some(offset=self._one_of(_OFFSETS)))
            case "cursor" if made:
                return do.listing(**self._page(), after=do.CursorOf(self._one_of(made)))
            case "purge":
                return do.purge(self._one_of((LONG_AGO + DAY, BEYOND)))
            case "restore" if made:
                fields = {"current_step": self._pick(*_TEXTS), "progress": float(self._pick(values.PROGRESSES))}
                fields |= {"task_id": "restored", "created_at": LONG_AGO}
                return do.restore(do.TaskOf(self._one_of(made), self._some(**fields)))
            case "bad":
                call: Call = self._pick(*refused(task))
                return call
        return do.get(task)

    def _page(self) -> dict[str, Any]:
        return self._some(status=self._one_of([*TaskStatus]), limit=self._one_of(_LIMITS))

    def _request(self) -> Request:
        value, other, text = self._one_of(values.JSON), self._one_of(values.JSON), self._pick(*_TEXTS)
        forms = None, {"x": value}, {"x": [0, value, other], "a": {"y": {"z": [value]}}}, {text: other}
        videos = self._pick(values.VIDEO_IDS, [(text,)])
        return Request(videos, self._one_of((None, text)), self._pick(forms, values.ALIKE_CONFIGS))
