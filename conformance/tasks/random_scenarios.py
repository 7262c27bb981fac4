"""Random scenarios: the next call depends on what the store holds by now."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import Any

from conformance.engine.player import Player
from conformance.engine.scenario import Action, Call, Race, ReadBack, Reopen, Scenario, Wait
from conformance.harness import Capability, Harness
from conformance.tasks import calls as do
from conformance.tasks.calls import Id
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


def random_scenarios(harness: Harness, seed: int, count: int) -> Iterator[RandomScenario]:
    """Yield `count` random scenarios. The same seed draws the same ones from a store that gives the same answers."""
    for number in range(count):
        yield RandomScenario(harness, Random(f"{seed}-{number}"))  # noqa: S311  it guards no secret


class RandomScenario:
    """A scenario that is drawn while it is played. The player writes it down."""

    def __init__(self, harness: Harness, random: Random) -> None:
        self._has = harness.capabilities
        self._random = random
        self._one_of = random.choice

    async def draw(self, player: Player) -> None:
        """Draw actions and perform them, until they show a difference or there are enough."""
        kinds = self._random.sample(_KINDS, self._random.randint(3, len(_KINDS)))
        how_often = self._one_of((0.0, 0.5, 1.0))
        size = self._pick((0,), (0,), (0,), (3, 51, 110))
        if size:
            await player.perform(do.Populate(size, ("pending", "completed")))
        for _ in range(self._random.randint(4, 16)):
            action = self._action([*player.results], self._one_of(("create", *kinds)))
            if player.contract.required(Scenario((action,))) <= self._has:
                await player.perform(action)
                if self._random.random() < how_often:
                    await player.perform(ReadBack())
        await player.perform(ReadBack())
        await player.perform(do.Pages(self._one_of((1, 7, 50)), by_cursor=Capability.CURSOR in self._has))

    def _pick(self, *tables: Any) -> Any:
        return self._one_of(self._one_of(tables))

    def _some(self, **fields: Any) -> dict[str, Any]:
        return {name: value for name, value in fields.items() if self._random.random() < 0.5}  # noqa: PLR2004

    def _action(self, made: list[str], kind: str) -> Action:
        match kind:
            case "wait":
                return Wait(self._one_of(_TIMES)) if Capability.EXPIRING in self._has else Wait()
            case "race":
                drawn = [replace(self._call(made, self._one_of(_RACED)), label="") for _ in range(4)]
                calls = tuple(call for call in drawn if do.needs_of(call) <= self._has)
                lost, turns = self._one_of(((), (), (0,))), self._one_of((0, 1, 2, 4))
                return Race(calls, lost, turns)
            case "reopen":
                return Reopen()
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
