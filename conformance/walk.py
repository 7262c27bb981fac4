"""Scenarios that are drawn: the next call depends on what the store holds by now, and prefers what is near a bound.

While it is played a walk writes down its scenario, so it can be played again, made shorter, and printed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from conformance.core.player import Player
from conformance.core.scenario import (
    Action,
    Call,
    Close,
    CursorOf,
    Id,
    Look,
    Pages,
    Populate,
    Race,
    Reopen,
    Scenario,
    TaskOf,
    Tick,
    TimeOf,
    Wait,
    cancel,
    get,
    listing,
    purge,
    restore,
    update,
)
from conformance.harness import Capability, Harness
from conformance.spec.model import FINAL, LIFETIME, STATUSES, TEXTS, Record, Request, canonical
from conformance.tables import values
from conformance.tables.arguments import refused
from conformance.tables.tasks import BEYOND, DAY, LONG_AGO, MICROSECOND, MINUTE, SECOND, restorable
from taskstore import TaskStatus

_TIMES = (SECOND, 11 * MINUTE, DAY, 3 * DAY, 6 * DAY - 3 * MINUTE, LIFETIME - MINUTE, LIFETIME + 2 * SECOND, 8 * DAY)
_AROUND = (-40 * SECOND, -SECOND, SECOND, 40 * SECOND)
"""How near to the end of a lifetime time passes."""
_LIMITS, _OFFSETS = (0, 1, 2, 3, 5, 50, 100, 1_000), (0, 1, 2, 3, 49, 50, 51, 100, 10**12)
_SIZES = (0,) * 30 + (3,) * 6 + (51,) * 4 + (110, 320)
_LARGE = (300_000, 600_000, values.MOST_BYTES - 3_000, values.MOST_BYTES)
_ROOM = values.MOST_BYTES - len('["v"]{"webhook_url":null,"config":{"k":""}}')
_KINDS = (
    *("create", "again", "update", "end", "cancel", "get", "list", "cursor", "purge", "restore", "bad"),
    *("wait", "race", "pages", "reopen"),
)
_RACED = ("again", "update", "end", "cancel", "get", "restore", "list")


def walks(harness: Harness, seed: int, count: int) -> Iterator[Walk]:
    """So many walks. The same seed draws the same ones from a store that gives the same answers."""
    for number in range(count):
        yield Walk(harness, Random(f"{seed}-{number}"))  # noqa: S311  it guards no secret


class Walk:
    """One scenario that is drawn while it is played."""

    def __init__(self, harness: Harness, random: Random) -> None:
        self._random, self._has, self._partitions = random, harness.capabilities, harness.partitions
        self._labels: list[str] = []
        self._chosen: list[str] = []
        self._again = self._request()

    async def play(self, player: Player) -> None:
        """Draw actions and perform them, until they show a difference or the walk is over.

        Raises:
            EndedError: if they showed a difference.
        """
        chance = self._random
        kinds = chance.sample(_KINDS, chance.randint(3, len(_KINDS)))
        looks = chance.choice((0.0, 0.5, 1.0))
        if size := chance.choice(_SIZES):
            await player.perform(Populate(size, ("pending", "completed", "clipping")))
        for _ in range(chance.randint(4, 16)):
            action = self._draw(player, chance.choice(("create", *kinds)))
            if action is not None:
                await player.perform(action)
                if self._is(looks):
                    await player.perform(Look())
        await player.perform(Look())
        if self._is(0.3):
            await player.perform(Pages(2, by_cursor=Capability.CURSOR in self._has and self._is(0.5)))
        if self._is(0.2):
            await player.perform(Close())
            for kind in chance.sample(_RACED[:-2], 3):
                if (call := self._call(player, kind)) is not None:
                    await player.perform(call)

    def _is(self, probability: float) -> bool:
        return self._random.random() < probability

    def _draw(self, player: Player, kind: str) -> Action | None:
        """The next action, or nothing if the store is not made for it."""
        chance = self._random
        match kind:
            case "wait":
                is_idle = Capability.EXPIRING not in self._has and self._is(0.8)  # nothing happens then
                return Tick() if is_idle else Wait(self._time(player))
            case "race":
                kinds = _RACED if self._partitions == 1 else _RACED[:-1]  # a listing is no one moment of several
                drawn = [self._call(player, chance.choice(kinds)) for _ in range(chance.randint(2, 4))]
                odd = {*values.UNKNOWN_IDS, *values.INTERNAL_IDS}  # what they show, one call shows by itself
                calls = tuple(one for one in drawn if one and one.arguments.get("task_id") not in odd)
                return (
                    Race(calls, chance.choice(((), (), (), (0,))), chance.choice((0, 1, 2, 4))) if calls[1:] else None
                )
            case "pages":
                return Pages(chance.choice((1, 7, 50)), chance.choice((None, TaskStatus.PENDING)))
            case "reopen":
                return Reopen()
        return self._call(player, kind)

    def _time(self, player: Player) -> timedelta:
        """How long to wait: often until about the end of a task."""
        written = [one.updated_at for one in player.last.values() if isinstance(one.updated_at, datetime)]
        ends = [moment + LIFETIME - datetime.now(UTC) - player.passed for moment in written]
        near = [end + self._random.choice(_AROUND) for end in ends if end > MINUTE]
        return self._random.choice(near if near and self._is(0.6) else _TIMES)

    def _call(self, player: Player, kind: str) -> Call | None:
        """A call, or nothing if the store has not what it needs."""
        call = self._call_of(kind, player)
        return call if call and Scenario((call,)).required <= self._has else None

    def _call_of(self, kind: str, player: Player) -> Call | None:  # noqa: C901, PLR0911  one way to draw each
        chance, task = self._random, self._task(player)
        match kind:
            case "create":
                return self._create()
            case "again":
                return Call("create_task", {"request": self._near(self._again), "task_id": "job-1"})
            case "update":
                return update(task, self._status(STATUSES), **self._fields())
            case "end":
                status = self._status(FINAL)
                return update(task, status, **self._fields(is_failed=status == "failed"))
            case "cancel":
                return cancel(task)
            case "list":
                return listing(**self._page())
            case "cursor" if self._labels:
                page = {name: value for name, value in self._page().items() if name != "offset"}
                return listing(**page, after=CursorOf(chance.choice(self._labels)))
            case "purge":
                ended = [label for label in self._labels if getattr(player.results.get(label), "completed_at", None)]
                near = [TimeOf(label, plus=by * MICROSECOND) for label in ended for by in (-1, 0, 1)]
                return purge(chance.choice((*near, LONG_AGO + DAY, BEYOND)))
            case "restore":
                again = [TaskOf(label) for label in self._labels]
                return restore(chance.choice((*again[-2:], self._record())))
            case "bad":
                return chance.choice(chance.choice(refused(task)))
        return get(task)

    def _create(self) -> Call:
        label = f"task{len(self._labels) + 1}"
        self._labels.append(label)
        arguments: dict[str, Any] = {"request": self._request()}
        if Capability.CALLER_IDS in self._has and self._is(0.3):
            arguments["task_id"] = self._pick(("job-1",), values.NEW_IDS)
            self._chosen.append(arguments["task_id"])
        return Call("create_task", arguments, label)

    def _task(self, player: Player) -> Any:
        """The id of a task: mostly of one that is there, of the first or the last."""
        known = [*(Id(label) for label in self._labels if label in player.results), *self._chosen]
        if known and self._is(0.85):
            return self._pick(known[-4:], known[:2], known)
        near = [Id(label, *around) for around in values.OTHER_IDS for label in self._labels[-1:]]
        return self._pick(values.UNKNOWN_IDS, values.INTERNAL_IDS, near or values.UNKNOWN_IDS)

    def _pick(self, *tables: Any) -> Any:
        return self._random.choice(self._random.choice(tables))

    def _text(self) -> str:
        text: str = self._pick(values.TEXTS, values.ALIKE_TEXTS, ("", "x"))
        return text if len(text) < 500 or self._is(0.2) else "x"  # noqa: PLR2004  few are long

    def _request(self) -> Request:
        if self._is(0.05):  # as large as a task may be, or one byte more
            return Request(config={"k": "x" * (_ROOM + self._random.choice((0, 0, 1, -200_000)))})
        value, other = self._pick(values.JSON), self._pick(values.JSON)
        forms = None, {"x": value}, {"x": [0, value, other], "a": {"y": {"z": [value]}}}, {self._text(): other}
        videos = self._pick(values.VIDEO_IDS) if self._is(0.4) else (self._text(),)
        return Request(videos, self._text() if self._is(0.4) else None, self._pick(forms, values.ALIKE_CONFIGS))

    def _near(self, request: Request) -> Request:
        """The same request, or one that careless code takes for the same."""
        config = request.config
        return replace(request, config=self._pick((config, config, values.twin(config), values.reordered(config))))

    def _status(self, among: tuple[str, ...]) -> Any:
        status = self._random.choice(among)
        return status if self._is(0.15) else TaskStatus(status)  # some as text

    def _fields(self, *, is_failed: bool = False) -> dict[str, Any]:
        names = [name for name in TEXTS[: 4 if is_failed else 2] if self._is(0.4)]
        fields: dict[str, Any] = {name: self._text() for name in names}
        if self._is(0.4):
            fields["progress"] = self._pick(values.PROGRESSES, values.PROGRESSES, (0.0,))
        if self._is(0.04):  # seldom: such a call takes time
            fields[self._random.choice(TEXTS[:2])] = "x" * self._random.choice(_LARGE)
        return fields

    def _page(self) -> dict[str, Any]:
        page = {"status": self._status(STATUSES), "limit": self._pick(_LIMITS), "offset": self._pick(_OFFSETS)}
        return {name: value for name, value in page.items() if self._is(0.5)}

    def _record(self) -> Record:
        """A task to restore."""
        chance, status = self._random, self._random.choice(STATUSES)
        created = chance.choice((LONG_AGO + chance.randrange(9) * DAY, BEYOND, datetime.now(UTC) + 3 * MINUTE))
        return restorable(
            chance.choice(("restored", "job-1", "a", "B")),
            status=status,
            progress=100.0 if status == "completed" else float(self._pick(values.PROGRESSES)),
            metadata=canonical({"webhook_url": self._text(), "config": self._request().config}),
            **{name: self._text() for name in (TEXTS if status == "failed" else TEXTS[:2])},
            created_at=created,
            updated_at=created + DAY,
            completed_at=created + chance.choice((0, 1)) * DAY if status in FINAL else None,
        )
