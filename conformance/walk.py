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
    CursorOf,
    Id,
    Look,
    Pages,
    Populate,
    Race,
    Reopen,
    TaskOf,
    Tick,
    TimeOf,
    Wait,
    cancel,
    create,
    get,
    listing,
    purge,
    restore,
    update,
)
from conformance.harness import Capability, Harness
from conformance.spec.model import FINAL, LIFETIME, STATUSES, TEXTS, Record, Request, canonical, plain
from conformance.tables import values
from taskstore import TaskStatus

DAY, MINUTE, SECOND = timedelta(days=1), timedelta(minutes=1), timedelta(seconds=1)
_US = timedelta(microseconds=1)
_LONG_AGO = datetime(2020, 2, 29, 23, 59, 59, 120_000, tzinfo=UTC)
_BEYOND = datetime(2100, 1, 1, tzinfo=UTC)
_MOMENTS = (_LONG_AGO, datetime(1970, 1, 1, tzinfo=UTC), _BEYOND)
_TIMES = (SECOND, 11 * MINUTE, DAY, 3 * DAY, 6 * DAY - 3 * MINUTE, LIFETIME - MINUTE, LIFETIME + 2 * SECOND, 8 * DAY)
_AROUND = (-40 * SECOND, -SECOND, SECOND, 40 * SECOND)
"""How near to the end of a lifetime time passes."""
_LIMITS = (0, 1, 2, 3, 5, 50, 100, 1_000)
_OFFSETS = (0, 1, 2, 3, 49, 50, 51, 100, 10**12)
_SIZES = (0,) * 30 + (3,) * 6 + (51,) * 4 + (110, 320)
_LARGE = (300_000, 600_000, values.MOST_BYTES - 3_000, values.MOST_BYTES)
_CALLS = ("create", "again", "update", "end", "cancel", "get", "list", "cursor", "purge", "restore", "bad")
_OTHERS = ("wait", "race", "crowd", "pages", "reopen")


def walks(harness: Harness, seed: int, count: int) -> Iterator[Walk]:
    """So many walks. The same seed draws the same ones from a store that gives the same answers."""
    for number in range(count):
        yield Walk(harness, Random(f"{seed}-{number}"))  # noqa: S311  it guards no secret


class Walk:
    """One scenario that is drawn while it is played."""

    def __init__(self, harness: Harness, random: Random) -> None:
        self._random = random
        self._has = harness.capabilities
        self._texts = [*values.texts(random).values(), *values.ALIKE_TEXTS]
        self._short = [text for text in self._texts if len(text) < 500]  # noqa: PLR2004  most texts are no long ones
        self._json = [*values.json_values(random).values()]
        self._videos = [*values.video_ids(random).values()]
        self._progresses = [*values.progresses(random).values()]
        self._request = Request(config={"a": [1.0, {"b": 1, "c": 2}]})
        self._labels: list[str] = []
        self._chosen: list[str] = []
        self._partitions = harness.partitions

    async def play(self, player: Player) -> None:
        """Draw actions and perform them, until they show a difference or the walk is over.

        Raises:
            EndedError: if they showed a difference.
        """
        chance = self._random
        kinds = chance.sample(_CALLS + _OTHERS, chance.randint(3, len(_CALLS + _OTHERS)))
        looks = chance.choice((0.0, 0.5, 1.0))
        if size := chance.choice(_SIZES):
            await player.perform(Populate(size, ("pending", "completed", "clipping")))
        for _ in range(chance.randint(4, 16)):
            action = self._draw(player, chance.choice(("create", *kinds)))
            if action is None:
                continue
            await player.perform(action)
            if isinstance(action, Call) and action.operation in ("get_task", "list_tasks"):
                continue
            if chance.random() < looks:
                await player.perform(Look())
        await player.perform(Look())
        if self._is_fit(Pages(2)):
            await player.perform(Pages(2, by_cursor=Capability.CURSOR in self._has and self._random.random() < 0.5))  # noqa: PLR2004  half

    def _is_fit(self, action: Action) -> bool:
        return isinstance(action, Pages) and self._random.random() < 0.3  # noqa: PLR2004  not each walk has to

    def _draw(self, player: Player, kind: str) -> Action | None:  # noqa: PLR0911  one way to draw each
        """The next action, or nothing if the store is not made for it."""
        chance = self._random
        if kind == "wait":
            if Capability.EXPIRING not in self._has and chance.random() < 0.8:  # noqa: PLR2004  nothing happens then
                return Tick()
            return Wait(self._time(player))
        if kind == "race":
            return self._race(player)
        if kind == "crowd":
            call = self._call(player, chance.choice(("create", "again", "update", "cancel", "get")))
            return None if call is None else Race((replace(call, label=""),) * 3, chance.choice(((), (0,), (2,))))
        if kind == "pages":
            return Pages(chance.choice((1, 7, 50)), chance.choice((None, TaskStatus.PENDING)))
        if kind == "reopen":
            return Reopen()
        return self._call(player, kind)

    def _time(self, player: Player) -> timedelta:
        moments = [one.updated_at for one in player.last.values() if isinstance(one.updated_at, datetime)]
        ends = [moment + LIFETIME - datetime.now(UTC) - player.passed for moment in moments]
        ends = [end for end in ends if end > MINUTE]
        if ends and self._random.random() < 0.6:  # noqa: PLR2004  more often than not
            return self._random.choice(ends) + self._random.choice(_AROUND)
        return self._random.choice(_TIMES)

    def _race(self, player: Player) -> Race | None:
        kinds = ["create", "again", "update", "end", "cancel", "get", "restore", "bad"]
        if self._partitions == 1:
            kinds.append("list")
        calls = [self._call(player, self._random.choice(kinds)) for _ in range(self._random.randint(2, 4))]
        made = tuple(replace(call, label="") for call in calls if call is not None)
        if len(made) < 2:  # noqa: PLR2004  a race
            return None
        cancelled = self._random.choice(((), (), (), (0,), (len(made) - 1,)))
        return Race(made, cancelled, self._random.choice((0, 1, 2, 4)))

    def _call(self, player: Player, kind: str) -> Call | None:  # noqa: C901, PLR0911, PLR0912  one way to draw each
        chance = self._random
        task = self._task(player)
        if kind == "create":
            return self._create()
        if kind == "again":
            if Capability.CALLER_IDS not in self._has:
                return None
            known = player.last.get("job-1")
            if known is not None:
                kept = plain(known.metadata)
                self._request = Request(known.video_ids, kept.get("webhook_url"), kept.get("config"))
            return Call("create_task", {"request": self._near(self._request), "task_id": "job-1"})
        if kind == "update":
            return update(task, self._status(STATUSES), **self._fields())
        if kind == "end":
            known = player.last.get(str(player.resolve(task)))
            if known is not None and known.status in FINAL and chance.random() < 0.6:  # noqa: PLR2004  a repetition, or nearly
                given = {name: getattr(known, name) for name in ("progress", *TEXTS) if chance.random() < 0.5}  # noqa: PLR2004
                fields = {name: value for name, value in given.items() if value is not None}
                if chance.random() < 0.5:  # noqa: PLR2004  half
                    fields[chance.choice(TEXTS)] = self._text()
                return update(task, TaskStatus(known.status), **fields)
            status = self._status(FINAL)
            return update(task, status, **self._fields(is_failed=status == "failed"))
        if kind == "cancel":
            return cancel(task)
        if kind == "get":
            return get(task)
        if kind == "list":
            return listing(**self._page())
        if kind == "cursor":
            if Capability.CURSOR not in self._has or not self._labels:
                return None
            page = {name: value for name, value in self._page().items() if name != "offset"}
            return listing(**page, after=CursorOf(chance.choice(self._labels)))
        if Capability.MAINTENANCE not in self._has:
            return None
        if kind == "purge":
            ended = [label for label in self._labels if getattr(player.results.get(label), "completed_at", None)]
            near = TimeOf(chance.choice(ended), plus=chance.choice((-_US, timedelta(0), _US))) if ended else _BEYOND
            return purge(chance.choice((near, near, _LONG_AGO + DAY, _BEYOND)))
        if kind == "restore":
            if self._labels and chance.random() < 0.4:  # noqa: PLR2004  a task that was there, as it was
                return restore(TaskOf(chance.choice(self._labels)))
            return restore(self._record())
        return self._bad(task)

    def _create(self) -> Call:
        self._request = self._new_request()
        label = f"task{len(self._labels) + 1}"
        self._labels.append(label)
        if Capability.CALLER_IDS in self._has and self._random.random() < 0.3:  # noqa: PLR2004  some
            one = self._random.choice(
                ("job-1", "job-1", self._pick(values.NEW_IDS), self._pick(self._pick(values.ALIKE_IDS)))
            )
            self._chosen.append(one)
            return Call("create_task", {"request": self._request, "task_id": one}, label)
        return Call("create_task", {"request": self._request}, label)

    def _task(self, player: Player) -> Any:
        """The id of a task: mostly of one that is there, of the first or the last."""
        chance = self._random
        known = [Id(label) for label in self._labels if label in player.results] + [*self._chosen]
        if known and chance.random() < 0.85:  # noqa: PLR2004  mostly
            return chance.choice([*known[-4:], *known[:2], chance.choice(known)])
        before, behind = self._pick(values.OTHER_IDS)
        like = Id(chance.choice(self._labels), before, behind) if self._labels else f"{before}x{behind}"
        return chance.choice((self._pick(values.UNKNOWN_IDS), self._pick(values.INTERNAL_IDS), like))

    def _pick(self, table: Any) -> Any:
        return self._random.choice([*table.values()] if isinstance(table, dict) else table)

    def _text(self) -> str:
        return self._random.choice(self._texts if self._random.random() < 0.1 else self._short)  # noqa: PLR2004  few are long

    def _config(self) -> Any:
        value, part = self._random.choice(self._json), self._random.random()
        if part < 0.25:  # noqa: PLR2004  a quarter
            return None
        if part < 0.35:  # noqa: PLR2004  a tenth
            return self._pick(values.ALIKE_CONFIGS)
        nested = {"x": [{"y": {"z": [value]}}], "a": 1}
        return self._pick(({"x": value}, {"x": [0, value, value]}, nested, {self._text(): self._pick(self._json)}))

    def _new_request(self) -> Request:
        chance = self._random
        videos = chance.choice(self._videos) if chance.random() < 0.4 else (self._text(),)  # noqa: PLR2004
        url = self._text() if chance.random() < 0.4 else None  # noqa: PLR2004
        if chance.random() < 0.05:  # noqa: PLR2004  as large as a task may be, or one byte more
            room = values.MOST_BYTES - len('["v"]{"webhook_url":null,"config":{"k":""}}')
            return Request(("v",), None, {"k": "x" * (room + chance.choice((0, 0, 1, -200_000)))})
        return Request(videos, url, self._config())

    def _near(self, request: Request) -> Request:
        """The same request, or one that careless code takes for the same."""
        part = self._random.random()
        if part < 0.3:  # noqa: PLR2004
            return request
        if part < 0.5:  # noqa: PLR2004
            return replace(request, config=twin(request.config))
        if part < 0.6:  # noqa: PLR2004
            return replace(request, config=values.reordered(request.config))
        if part < 0.8:  # noqa: PLR2004
            return replace(request, config=values.nearest(request.config) if request.config else {})
        videos = self._pick((request.video_ids[::-1], (*request.video_ids, "v"), request.video_ids))
        return replace(request, video_ids=videos, webhook_url=self._pick((None, "", "w")))

    def _status(self, among: tuple[str, ...]) -> Any:
        status = self._random.choice(among)
        return status if self._random.random() < 0.15 else TaskStatus(status)  # noqa: PLR2004  some as text

    def _fields(self, *, is_failed: bool = False) -> dict[str, Any]:
        chance = self._random
        names = ("progress", *TEXTS[: 4 if is_failed else 2])
        chosen = [name for name in names if chance.random() < 0.4]  # noqa: PLR2004
        fields = {name: chance.choice(self._progresses) if name == "progress" else self._text() for name in chosen}
        if chance.random() < 0.04:  # noqa: PLR2004  seldom: such a call takes time
            fields[chance.choice(names[1:])] = "x" * chance.choice(_LARGE)
        return fields

    def _page(self) -> dict[str, Any]:
        chance = self._random
        page: dict[str, Any] = {"status": self._status(STATUSES)} if chance.random() < 0.5 else {}  # noqa: PLR2004
        page |= {"limit": chance.choice(_LIMITS)} if chance.random() < 0.6 else {}  # noqa: PLR2004
        return page | ({"offset": chance.choice(_OFFSETS)} if chance.random() < 0.4 else {})  # noqa: PLR2004

    def _record(self) -> Record:
        chance = self._random
        created = chance.choice((*_MOMENTS, _LONG_AGO + chance.randrange(9) * DAY, datetime.now(UTC) + 3 * MINUTE))
        status = chance.choice(STATUSES)
        is_failed = status == "failed"
        return Record(
            chance.choice(("restored", "job-1", "a", "B", self._pick(values.NEW_IDS))),
            status,
            100.0 if status == "completed" else float(chance.choice(self._progresses)),
            self._text(),
            chance.choice(self._videos),
            self._text(),
            self._text() if is_failed else None,
            self._text() if is_failed else None,
            canonical({"webhook_url": self._text(), "config": self._config()}),
            created,
            created + DAY,
            created + chance.choice((0, 1)) * DAY if status in FINAL else None,
        )

    def _bad(self, task: Any) -> Call:
        """A call that the store has to refuse."""
        status, wrong = self._status(STATUSES), self._pick(values.WRONG_JSON)
        config = self._pick(
            (self._pick(values.WRONG_CONFIGS), {"x": wrong}, {"x": [1, wrong]}, {"a": {"b": [{"c": wrong}]}})
        )
        fields: list[tuple[str, Any]] = [
            ("progress", values.WRONG_PROGRESSES),
            ("status", values.WRONG_STATUSES),
            ("task_id", values.WRONG_NEW_IDS),
            ("video_ids", values.WRONG_VIDEO_IDS),
            ("updated_at", values.WRONG_TIMES),
            ("current_step", values.WRONG_TEXTS),
            ("metadata", [canonical(one) for one in values.WRONG_METADATA]),
        ]
        name, table = self._random.choice(fields)
        calls = [
            create(video_ids=self._pick(values.WRONG_VIDEO_IDS)),
            create(config=config),
            create(webhook_url=self._pick(values.WRONG_TEXTS)),
            update(task, status, progress=self._pick(values.WRONG_PROGRESSES)),
            update(task, status, **{self._random.choice(TEXTS): self._pick(values.WRONG_TEXTS)}),
            update(task, self._pick(values.WRONG_STATUSES)),
            update(task, "completed", progress=self._pick(values.UNFINISHED)),
            update(task, status, error_message="e"),
            listing(**{**self._page(), self._random.choice(("limit", "offset")): self._pick(values.WRONG_NUMBERS)}),
            listing(status=self._pick(values.WRONG_STATUSES)),
            get(self._pick(values.WRONG_IDS)),
            cancel(self._pick(values.WRONG_IDS)),
        ]
        if Capability.CALLER_IDS in self._has:
            calls.append(create(task_id=self._pick(values.WRONG_NEW_IDS)))
        if Capability.CURSOR in self._has:
            calls.append(listing(after=self._pick(values.WRONG_CURSORS)))
        if Capability.MAINTENANCE in self._has:
            calls += [
                purge(self._pick(values.WRONG_MOMENTS)),
                restore(self._record()._replace(**{name: self._pick(table)})),
            ]
        return self._random.choice(calls)


def twin(value: Any) -> Any:
    """What Python holds for equal to a value, and JSON does not."""
    if isinstance(value, dict):
        return {key: twin(inside) for key, inside in value.items()}
    if isinstance(value, list):
        return [twin(inside) for inside in value]
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int) and abs(value) < 2**53:
        return bool(value) if value in (0, 1) else float(value)
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else value
