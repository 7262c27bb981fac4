"""Run the tour on one subject, and gather what it found."""

from __future__ import annotations

import asyncio
import re
import time
import warnings
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise, permutations
from math import factorial
from typing import Any, TypeVar

from pydantic import BaseModel

from conformance.engine.observe import MARK
from conformance.engine.play import Player
from conformance.engine.scene import Action, Populate, Scene, Together
from conformance.engine.tally import Finding, Tally
from conformance.engine.written import written
from conformance.harness import Harness, HookMissingError
from conformance.tour.plan import plan

TOURED = (
    *("API-02", "API-03", "API-05", "API-07", "VAL-01", "VAL-02", "VAL-05", "VAL-06", "VAL-09", "VAL-10"),
    *("LIFE-01", "LIFE-02", "LIFE-03", "LIFE-04", "LIFE-05", "LIFE-09", "LIFE-10", "LIFE-12"),
    *("LIFE-13", "LIFE-14", "LIFE-16", "LIFE-17", "LIFE-18", "ATOM-01", "ATOM-02", "ATOM-03", "ATOM-06"),
    *("LIST-01", "LIST-03", "LIST-04", "LIST-06", "LIST-09", "LIST-12", "LIST-13", "EXP-01", "EXP-03", "EXP-05"),
    *("ID-01", "ID-02", "ID-03", "ID-05", "ID-06", "ID-07", "ID-08", "DUR-01", "DUR-03", "SHARE-01", "SHARE-02"),
    *("MAINT-01", "MAINT-02", "MAINT-04"),
)
"""The requirements that the tour decides. Each has a test, and a finding breaks at least one of them."""
_ELSE = "API-02"
"""What a finding breaks that breaks none of them: the operation does not work."""
_FEW = 3
"""Calls of a race of which every order is tried."""
_SHOWN = 5
"""Findings of one kind that are kept whole; of the others only the scene is named."""
OUT_OF_TIME = "the time that --conformance-seconds gives was over"
"""Why scenes are left out that would begin later."""
_MANY = 1_000
_ENOUGH_IDS = 200
_DIGITS = 32
_OWN_ID = re.compile(r"task_[0-9a-fA-F]{32,}")


class Found(BaseModel):
    """One kind of finding: the requirements that are broken, what was seen, and how to see it again."""

    requirements: tuple[str, ...]
    words: str
    scene: str
    lines: tuple[str, ...]
    actions: tuple[str, ...] = ()
    """The actions of the scene up to the finding, as Python that plans them again."""
    instances: int = 1
    """On how many instances of the store they are played."""
    traits: tuple[str, ...] = ()
    """What differed, if not in a call by itself."""


class Tour(BaseModel):
    """What came out of a tour, or of a part of it."""

    found: list[Found] = []
    """The findings, those with the shortest scripts first, at most five for the same requirements."""
    scenes: dict[str, list[str]] = {}
    """The names of the scenes in which a requirement was broken."""
    exercised: dict[str, int] = {}
    """How many results were compared that a requirement decides."""
    reached: dict[str, int] = {}
    """How many scenes were played, by the classes of the plan that they visit."""
    missing: dict[str, dict[str, int]] = {}
    """Why scenes were left out, by the classes that they would have visited."""
    reasons: dict[str, dict[str, int]] = {}
    """Why scenes were left out, by the requirements that they are about; `` for those that are about all."""
    planned: dict[str, int] = {}
    """How many scenes of the plan are about a requirement, whether they were played or not; `` for all."""
    calls: dict[str, dict[str, int]] = {}
    """How often an operation ended in a result, or in an exception of that name."""
    met: dict[str, dict[str, int]] = {}
    """How often an operation met a task of that status, or no task."""
    sizes: dict[str, dict[str, int]] = {}
    """How often an operation was called on a store of at least so many tasks, and less than the next size."""
    alone: list[str] = []
    """What differed, in a part, in a call by itself."""
    made_ids: list[tuple[str, str]] = []
    """The ids that the store made in a part, each after its namespace. They are judged together, in the whole."""
    seconds: float = 0.0
    """How long it took; where several processes shared it, how long it took them together."""

    def coverage(self) -> dict[str, Any]:
        """What the results say of the tour: what it reached, and why not more."""
        return self.model_dump(include={"reached", "missing", "calls", "met", "sizes", "seconds"})

    def is_out_of_time(self, number: str) -> bool:
        """Whether a scene that could break a requirement was left out for lack of time."""
        return OUT_OF_TIME in self.reasons.get(number if number in self.planned else "", {})

    def against(self, number: str) -> list[Found]:
        """The findings that break a requirement."""
        return [one for one in self.found if number in one.requirements]


async def run(
    harness: Harness,
    seed: int,
    *,
    every: int = 1,
    on_progress: Callable[[], None] = lambda: None,
    seconds: float | None = None,
) -> Tour:
    """Play every scene that applies to a subject, which is running, or only each `every`-th of them.

    `on_progress` is called in every scene, and in a long one now and then. Scenes that would begin after so many
    `seconds` are left out; those that visit many classes in little time come first then.
    """
    scenes = plan(seed)[::every]
    if seconds is None:
        return whole_of([await play_all(harness, scenes, on_progress)])
    return whole_of([await play_all(harness, broadest_first(scenes), on_progress, time.monotonic() + seconds)])


async def play_all(
    harness: Harness,
    scenes: Iterable[Scene],
    on_progress: Callable[[], None] = lambda: None,
    until: float | None = None,
) -> Tour:
    """Play those of the scenes that apply to a subject. What came out is a part of a tour.

    Those that would begin after `until`, a moment of `time.monotonic`, are left out.
    """
    began = time.perf_counter()
    tally = Tally(on_progress=on_progress)
    player = Player(harness, tally)
    reached: Counter[str] = Counter()
    missing: Counter[tuple[str, str]] = Counter()
    reasons: Counter[tuple[str, str]] = Counter()
    planned: Counter[str] = Counter()

    async def play_next(left: Iterator[Scene]) -> None:
        for scene in left:
            about = scene.about or ("",)
            planned.update(about)
            reason = why_not(harness, scene)
            is_late = until is not None and time.monotonic() > until
            before = len(tally.findings)
            reason = reason or (OUT_OF_TIME if is_late else await _play(player, scene))
            if not reason:
                reached.update(scene.classes)
                broken = next((one.requirements[0] for one in tally.findings[before:] if one.scene is scene), "")
                if broken:  # it may have ended there
                    reasons.update((number, f"its scenes end where {broken} fails") for number in scene.about)
                continue
            missing.update((name, reason) for name in scene.classes)
            reasons.update((number, reason) for number in about)

    chosen = list(scenes)
    places = {id(scene): place for place, scene in enumerate(chosen)}
    alone = [scene for scene in chosen if _is_alone(scene)]
    with _without_warnings():
        left = iter([scene for scene in chosen if not _is_alone(scene)])
        players = [asyncio.ensure_future(play_next(left)) for _ in range(harness.namespaces_at_once)]
        try:
            await asyncio.gather(*players)
        finally:
            for one in players:
                one.cancel()
            await asyncio.wait(players)
        await play_next(iter(alone))  # they are the long ones, and last where there is no time for all
        found = [one async for one in _of_races(harness, tally.findings, on_progress)]
    findings = [_decided(one) for one in sorted(found, key=lambda one: places[id(one.scene)])]
    findings, explained = _apart(findings, tally.alone)
    return Tour(
        found=[_found(one) for one in _kept(findings, of_traits=True)],
        scenes=_scenes(findings),
        exercised=tally.exercised + explained,
        reached=reached,
        missing=_table(missing),
        reasons=_table(reasons),
        planned=planned,
        calls=_table(tally.calls),
        met=_table(tally.met),
        sizes=_table(tally.sizes),
        alone=sorted(tally.alone),
        made_ids=tally.made_ids,
        seconds=time.perf_counter() - began,
    )


def whole_of(parts: Sequence[Tour]) -> Tour:
    """The tour that was played in parts."""
    tally = Tally(made_ids=[one for part in parts for one in part.made_ids])
    about_all = about_ids(tally)
    scenes: dict[str, dict[str, None]] = {}
    for broken in (*(part.scenes for part in parts), _scenes(about_all)):
        for number, names in broken.items():
            scenes.setdefault(number, {}).update(dict.fromkeys(names))
    alone = {trait for part in parts for trait in part.alone}
    found, explained = _apart([one for part in parts for one in part.found], alone)
    return Tour(
        found=_kept([*found, *map(_found, about_all)]),
        scenes={number: list(names) for number, names in scenes.items()},
        exercised=_sum([*(part.exercised for part in parts), tally.exercised, explained]),
        reached=_sum([part.reached for part in parts]),
        missing=_sum_of_tables([part.missing for part in parts]),
        reasons=_sum_of_tables([part.reasons for part in parts]),
        planned=_sum([part.planned for part in parts]),
        calls=_sum_of_tables([part.calls for part in parts]),
        met=_sum_of_tables([part.met for part in parts]),
        sizes=_sum_of_tables([part.sizes for part in parts]),
        seconds=sum(part.seconds for part in parts),
    )


def _sum(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for one in counts:
        total.update(one)
    return dict(sorted(total.items(), key=lambda one: (int(one[0]) if one[0].isdigit() else 0, one[0])))


def _sum_of_tables(tables: Sequence[Mapping[str, Mapping[str, int]]]) -> dict[str, dict[str, int]]:
    rows = sorted({row for table in tables for row in table})
    return {row: _sum(table[row] for table in tables if row in table) for row in rows}


def broadest_first(scenes: Sequence[Scene]) -> list[Scene]:
    """The scenes in the order in which they are played if there may be no time for all.

    First come those that visit a class which none before them visits; of both kinds those on small stores come first.
    """
    seen: set[str] = set()
    first: list[Scene] = []
    others: list[Scene] = []
    for scene in scenes:
        (others if seen.issuperset(scene.classes) else first).append(scene)
        seen.update(scene.classes)
    return [*sorted(first, key=_size), *sorted(others, key=_size)]


def _size(scene: Scene) -> int:
    return max((action.count for action in scene.actions if isinstance(action, Populate)), default=0)


def _is_alone(scene: Scene) -> bool:
    """Whether no other scene is played beside it.

    Calls that are cancelled after so many turns of the event loop need it for themselves, and among many tasks each
    namespace takes longer to look at.
    """
    is_cancelled = any(isinstance(one, Together) and one.cancelled for one in scene.actions)
    return is_cancelled or _size(scene) >= _MANY


@contextmanager
def _without_warnings() -> Iterator[None]:
    """What a store warns of decides nothing, even where warnings are errors."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


async def play(player: Player, scene: Scene) -> str:
    """Play a scene, or return why it cannot be played."""
    with _without_warnings():
        return await _play(player, scene)


async def _play(player: Player, scene: Scene) -> str:
    try:
        await player.play(scene)
    except HookMissingError as fault:
        return f"the harness has no hook {fault.hook}"
    return ""


def why_not(harness: Harness, scene: Scene) -> str:
    """Why a scene does not apply to a subject, or nothing."""
    for capability in sorted(scene.required - harness.capabilities):
        return f"not-applicable: the subject does not declare {capability}"
    for capability in sorted(scene.lacks & harness.capabilities):
        return f"not-applicable: the subject declares {capability}"
    return ""


def _decided(finding: Finding) -> Finding:
    """The finding, so that a test shows it."""
    if not {*finding.requirements}.isdisjoint(TOURED):
        return finding
    return replace(finding, requirements=(*finding.requirements, _ELSE))


async def _of_races(
    harness: Harness, findings: Iterable[Finding], on_progress: Callable[[], None]
) -> AsyncIterator[Finding]:
    """The findings. One of a race keeps its traits only if the same calls, made in turn, show all of them too."""
    in_turn: dict[int, set[str]] = {}
    for finding in findings:
        traits = {trait for trait in finding.traits if MARK not in trait}
        if traits and any(isinstance(one, Together) for one in finding.scene.actions[: finding.played]):
            place = id(finding.scene)
            if place not in in_turn:
                tally = Tally(on_progress=on_progress)
                for scene in _in_turn(finding.scene):
                    await Player(harness, tally).play(scene)
                in_turn[place] = tally.alone
            if not traits <= in_turn[place]:
                yield replace(finding, traits=())
                continue
        yield finding


def _in_turn(scene: Scene) -> Iterator[Scene]:
    """The scene with the calls of its races one after the other, in every order of a few calls."""
    most = max(len(one.steps) for one in scene.actions if isinstance(one, Together))
    for number in range(factorial(most) if most <= _FEW else 1):
        actions: list[Action] = []
        for one in scene.actions:
            if isinstance(one, Together):
                orders = list(permutations(one.steps)) if most <= _FEW else [one.steps]
                actions += orders[number % len(orders)]
            else:
                actions.append(one)
        yield replace(scene, actions=tuple(actions))


def _found(finding: Finding) -> Found:
    return Found(
        requirements=finding.requirements,
        words=finding.words,
        scene=finding.scene.name,
        lines=finding.lines,
        actions=tuple(map(written, finding.scene.actions[: finding.played])),
        instances=finding.scene.instances,
        traits=finding.traits,
    )


_AnyFound = TypeVar("_AnyFound", Finding, Found)


def _apart(findings: Iterable[_AnyFound], alone: Collection[str]) -> tuple[list[_AnyFound], Counter[str]]:
    """The findings, less those in races, after reopening and the like that show only what a call shows by itself.

    That is reported where it was seen by itself, and what a caller had changed under VAL-02. All else about those calls
    was compared and is right, so it counts for the requirements that the others would break.
    """
    kept: list[_AnyFound] = []
    explained: Counter[str] = Counter()
    for one in findings:
        if one.traits and all(trait in alone or MARK in trait for trait in one.traits):
            explained.update(one.requirements)
        else:
            kept.append(one)
    return kept, explained


def _kept(findings: Iterable[_AnyFound], *, of_traits: bool = False) -> list[_AnyFound]:
    """The shortest findings of the same requirements; in a part, of the same traits: others may go when it is whole."""
    kept: list[_AnyFound] = []
    count: Counter[tuple[Any, ...]] = Counter()
    for one in sorted(findings, key=_length):
        kind = (one.requirements, one.traits) if of_traits else (one.requirements,)
        count[kind] += 1
        if count[kind] <= _SHOWN:
            kept.append(one)
    return kept


def _length(one: Finding | Found) -> tuple[int, int, str]:
    return len(one.lines), sum(map(len, one.lines)), one.scene if isinstance(one, Found) else one.scene.name


def _scenes(findings: Iterable[Finding]) -> dict[str, list[str]]:
    scenes: dict[str, dict[str, None]] = {}
    for one in findings:
        for number in one.requirements:
            scenes.setdefault(number, {})[one.scene.name] = None
    return {number: list(names) for number, names in scenes.items()}


def _table(counted: Mapping[tuple[str, Any], int]) -> dict[str, dict[str, int]]:
    table: dict[str, dict[str, int]] = {}
    for (row, what), count in counted.items():
        table.setdefault(row, {})[str(what)] = count
    return table


def about_ids(tally: Tally) -> list[Finding]:
    """What only many ids together show: repetitions, another form, and digits that are not random."""
    ids = [task_id for _, task_id in tally.made_ids]
    scene = Scene("all ids of the run", (Populate(_ENOUGH_IDS),))
    found: list[Finding] = []

    def report(number: str, words: str) -> None:
        found.append(Finding((number,), words, scene, (f"# {words}",), 1))

    twice = [task_id for (_, task_id), count in Counter(tally.made_ids).items() if count > 1]
    if twice:
        report("ID-01", f"{len(twice)} ids were given more than once, {twice[0]!r} for one")
    odd = [task_id for task_id in ids if not _OWN_ID.fullmatch(task_id)]
    if odd:
        report("ID-02", f"{odd[0]!r} is not task_ and at least {_DIGITS} hexadecimal digits")
    elif len(ids) >= _ENOUGH_IDS and (place := _regular_digit(ids)) is not None:
        report("ID-02", f"digit {place} of {len(ids)} ids is not random, {ids[0]!r} for one")
    tally.exercised.update({"ID-01": len(ids), "ID-02": len(ids)})
    return found


def _regular_digit(ids: list[str]) -> int | None:
    """The first of the last 32 digits whose values in a run of ids are not those of chance.

    Pearson's chi-squared statistic over the sixteen digits has 15 degrees of freedom; a sound generator exceeds 70 once
    in some 10^8 places. The share of ids that repeat the digit of the id before is 1/16.
    """
    for place in range(-_DIGITS, 0):
        digits = [task_id[place].lower() for task_id in ids]
        expected = len(digits) / 16
        chi_squared = sum((count - expected) ** 2 / expected for count in Counter(digits).values())
        chi_squared += expected * (16 - len(set(digits)))
        repeated = sum(one == other for one, other in pairwise(digits)) / len(digits)
        if chi_squared > _CHI_SQUARED_LIMIT or repeated > _REPEATED_LIMIT:
            return place + _DIGITS
    return None


_CHI_SQUARED_LIMIT = 70.0
_REPEATED_LIMIT = 0.25
