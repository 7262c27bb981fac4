"""Run the tour on one subject, and gather what it found."""

from __future__ import annotations

import asyncio
import time
import warnings
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import permutations
from math import factorial

from conformance.engine.observe import MARK
from conformance.engine.play import Player
from conformance.engine.scene import Action, Populate, Scene, Together
from conformance.engine.tally import Finding, Tally
from conformance.harness import Harness, HookMissingError
from conformance.tour.outcome import OUT_OF_TIME, Tour, part_of, whole_of
from conformance.tour.plan import plan

_FEW = 3
"""Calls of a race of which every order is tried."""
_MANY = 1_000


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
    return part_of(
        tally,
        sorted(found, key=lambda one: places[id(one.scene)]),
        reached=reached,
        missing=missing,
        reasons=reasons,
        planned=planned,
        seconds=time.perf_counter() - began,
    )


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
