"""Run the tour on one subject, and gather what it found."""

from __future__ import annotations

import re
import time
import warnings
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any

from pydantic import BaseModel

from conformance.engine.play import MethodMissingError, Player
from conformance.engine.scene import Scene
from conformance.engine.tally import Finding, Tally
from conformance.harness import Harness, HookMissingError
from conformance.tour.plan import plan

_SHOWN = 5
"""Findings of one kind that are kept whole; of the others only the scene is named."""
_ENOUGH_IDS = 200
_DIGITS = 32
_OWN_ID = re.compile(r"task_[0-9a-fA-F]{32,}")


class Found(BaseModel):
    """One kind of finding: the requirements that are broken, what was seen, and how to see it again."""

    requirements: tuple[str, ...]
    words: str
    scene: str
    lines: tuple[str, ...]


class Tour(BaseModel):
    """What came out of a tour."""

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
    """Why scenes were left out, by the requirements that they are about."""
    calls: dict[str, dict[str, int]] = {}
    """How often an operation ended in a result, or in an exception of that name."""
    met: dict[str, dict[str, int]] = {}
    """How often an operation met a task of that status, or no task."""
    sizes: dict[str, dict[str, int]] = {}
    """How often an operation was called on a store of at least so many tasks, and less than the next size."""
    seconds: float = 0.0

    def coverage(self) -> dict[str, Any]:
        """What the results say of the tour: what it reached, and why not more."""
        return self.model_dump(include={"reached", "missing", "calls", "met", "sizes", "seconds"})

    def against(self, number: str) -> list[Found]:
        """The findings that break a requirement."""
        return [one for one in self.found if number in one.requirements]


async def run(harness: Harness, seed: int, *, every: int = 1) -> Tour:
    """Play every scene that applies to a subject, which is running, or only each `every`-th of them."""
    began = time.perf_counter()
    tally = Tally()
    player = Player(harness, tally)
    reached: Counter[str] = Counter()
    missing: dict[str, Counter[str]] = {}
    reasons: dict[str, Counter[str]] = {}
    for scene in plan(seed)[::every]:
        reason = why_not(harness, scene) or await play(player, scene)
        if not reason:
            reached.update(scene.classes)
            continue
        for name in scene.classes:
            missing.setdefault(name, Counter())[reason] += 1
        for number in scene.about:
            reasons.setdefault(number, Counter())[reason] += 1
    findings = [*tally.findings, *about_ids(tally)]
    return Tour(
        found=_kept(findings),
        scenes=_scenes(findings),
        exercised=dict(sorted(tally.exercised.items())),
        reached=dict(reached),
        missing={name: dict(counted) for name, counted in missing.items()},
        reasons={number: dict(counted) for number, counted in reasons.items()},
        calls=_by_operation(tally.calls),
        met=_by_operation(tally.met),
        sizes=_by_operation(tally.sizes),
        seconds=time.perf_counter() - began,
    )


async def play(player: Player, scene: Scene) -> str:
    """Play a scene, or return why it cannot be played."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what a store warns of decides nothing, even where warnings are errors
            await player.play(scene)
    except HookMissingError as fault:
        return f"the harness has no hook {fault.hook}"
    except MethodMissingError as fault:
        return f"the store has no {fault}"
    return ""


def why_not(harness: Harness, scene: Scene) -> str:
    """Why a scene does not apply to a subject, or nothing."""
    for capability in sorted(scene.needs - harness.capabilities):
        return f"not-applicable: the subject does not declare {capability}"
    for capability in sorted(scene.lacks & harness.capabilities):
        return f"not-applicable: the subject declares {capability}"
    return ""


def _kept(findings: list[Finding]) -> list[Found]:
    kept: list[Found] = []
    count: Counter[tuple[str, ...]] = Counter()
    for one in sorted(findings, key=lambda one: (len(one.lines), sum(map(len, one.lines)))):
        count[one.requirements] += 1
        if count[one.requirements] <= _SHOWN:
            kept.append(Found(requirements=one.requirements, words=one.words, scene=one.scene.name, lines=one.lines))
    return kept


def _scenes(findings: Iterable[Finding]) -> dict[str, list[str]]:
    scenes: dict[str, dict[str, None]] = {}
    for one in findings:
        for number in one.requirements:
            scenes.setdefault(number, {})[one.scene.name] = None
    return {number: list(names) for number, names in scenes.items()}


def _by_operation(counted: Mapping[tuple[str, Any], int]) -> dict[str, dict[str, int]]:
    table: dict[str, dict[str, int]] = {}
    for (operation, what), count in sorted(counted.items()):
        table.setdefault(operation, {})[str(what)] = count
    return table


def about_ids(tally: Tally) -> list[Finding]:
    """What only many ids together show: repetitions, another form, and digits that are not random."""
    ids = tally.made_ids
    scene = Scene("all ids of the run", ())
    found: list[Finding] = []

    def report(number: str, words: str) -> None:
        found.append(Finding((number,), words, scene, (f"# {words}",)))

    twice = [task_id for task_id, count in Counter(ids).items() if count > 1]
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
