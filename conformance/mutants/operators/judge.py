"""The judge: plays the tour on stores with faults, until each fault is killed or every scene was played.

Each fault first plays some scenes alone that can reach it, which kill most faults. Those that are left play the whole
tour around one store together: until one of them changes something, they are a right store.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache

from conformance.engine.play import Player
from conformance.engine.scene import Action, Advance, Known, Optional, Populate, Reopen, Scene, Step, Together, steps_of
from conformance.engine.tally import Tally
from conformance.harness import Harness, HookMissingError
from conformance.mutants.operators.fault import Fault
from conformance.mutants.operators.harness import FaultyHarness
from conformance.mutants.operators.ways import CONCURRENT
from conformance.tour.plan import plan

CRASH = "crash of the engine"
_FIRST = 100
"""Scenes that are played on each fault by itself. Most faults are killed there."""
_BIG = 200_000


@dataclass
class Trial:
    """A fault on a subject, while the tour is played on it."""

    fault: Fault
    subject: str
    wanted: str = ""
    """The requirement that has to be broken by the finding that kills it; nothing where any will do."""
    source: str = ""
    """Where somebody had the bug."""
    reached: bool = False
    changed: bool = False
    requirements: tuple[str, ...] = ()
    """Those of the finding that killed it."""
    scene: str = ""
    words: str = ""
    others: set[str] = field(default_factory=set)
    """Requirements of findings that did not kill it."""

    @property
    def reason(self) -> str:
        """Why the fault survived; nothing if it was killed."""
        if self.requirements:
            return ""
        if self.others:
            return f"reported as {', '.join(sorted(self.others))}"
        if not self.reached:
            return "not reached"
        return "unnoticed" if self.changed else "changed nothing"

    @property
    def has_crashed(self) -> bool:
        """Whether the engine raised something, which it never should."""
        return self.requirements[:1] == (CRASH,)


@dataclass(frozen=True)
class Planned:
    """A scene, and what decides whether it can reach a fault."""

    scene: Scene
    operations: frozenset[str]
    passed: timedelta
    tasks: int
    longest: int
    """About how large the largest arguments are."""
    is_reopened: bool
    is_concurrent: bool
    cost: int
    """About how much work it is: tasks that are made, and bytes that are sent."""

    def can_reach(self, fault: Fault) -> bool:
        """Whether the operation is called, and there can be the place, time, number and size that it needs."""
        kind, bound = fault.condition.kind, fault.condition.bound
        needed = {
            "second": self.scene.instances > 1,
            "reopened": self.is_reopened,
            "later": kind == "later" and self.passed >= timedelta(seconds=bound),
            "tasks": kind == "tasks" and self.tasks > bound,
            **dict.fromkeys(("size", "items", "depth"), kind in ("size", "items", "depth") and self.longest >= bound),
        }
        return (
            fault.operation in self.operations
            and needed.get(kind, True)
            and (self.is_concurrent or fault.way not in CONCURRENT)
            and (self.longest >= fault.amount or fault.operator != "truncate")
            and (self.tasks >= fault.amount or (fault.way, fault.field) != ("page", "tasks"))
        )

    @classmethod
    def of(cls, scene: Scene) -> Planned:
        """Look at a scene."""
        actions = list(_flat(scene.actions))
        steps = list(steps_of(scene.actions))
        populated = sum(one.count for one in actions if isinstance(one, Populate))
        sizes = [_size(step) for step in steps]
        return cls(
            scene,
            frozenset(step.operation for step in steps) | {"get_task", "list_tasks"},  # those that follow each write
            sum((one.by for one in actions if isinstance(one, Advance)), timedelta()),
            populated + sum(step.operation in ("create_task", "restore") for step in steps),
            max(sizes, default=0),
            any(isinstance(one, Reopen) for one in actions),
            any(isinstance(one, Together) for one in actions),
            populated * 500 + sum(sizes) + 1_000 * len(steps),
        )


@cache
def scenes(seed: int) -> tuple[Planned, ...]:
    """The scenes of the tour, in a drawn order but for the big ones, which come last."""
    planned = [Planned.of(scene) for scene in plan(seed)]
    random.Random(seed).shuffle(planned)  # noqa: S311  it is to be repeatable
    return tuple(sorted(planned, key=lambda one: one.cost // _BIG))


def _size(step: Step) -> int:
    """About how many bytes a call passes in."""
    try:
        return len(repr([*step.arguments.values()]))
    except (ValueError, RecursionError):  # an integer of many digits, or nested without end
        return _BIG


def _flat(actions: Sequence[Action]) -> list[Action]:
    return [inner for one in actions for inner in (_flat(one.actions) if isinstance(one, Known | Optional) else [one])]


async def play(trials: Sequence[Trial], base: Harness, scene: Scene) -> list[Trial]:
    """Play a scene on a store that has the faults of all the trials. Return those that changed something.

    The finding is kept if there is one trial. With several it is not known whose it is: if something was found and no
    trial changed anything, all are returned.
    """
    if scene.required - base.capabilities or scene.lacks & base.capabilities:
        return []
    harness = FaultyHarness(base, *(one.fault for one in trials))
    found: list[tuple[tuple[str, ...], str]] = []
    try:
        found = [(one.requirements, one.words) for one in await Player(harness, Tally()).play(scene)]
    except HookMissingError:
        return []
    except Exception as error:  # noqa: BLE001  what the engine does not survive is to be known
        found = [((CRASH,), f"{type(error).__name__}: {error}")]
    changed = [one for one in trials if harness.traces[one.fault].changed] or (list(trials) if found else [])
    if len(trials) == 1 or not changed:  # what one fault changes may reach another
        for one in trials:
            one.reached |= harness.traces[one.fault].reached
            one.changed |= harness.traces[one.fault].changed or bool(found)
    if len(trials) == 1:
        _keep(trials[0], scene, found)
    return changed


def _keep(trial: Trial, scene: Scene, found: Sequence[tuple[tuple[str, ...], str]]) -> None:
    for requirements, words in found:
        if trial.requirements:
            return
        if not trial.wanted or requirements == (CRASH,) or trial.wanted in requirements:
            trial.requirements, trial.words, trial.scene = requirements, words[:300], scene.name
        else:
            trial.others.update(requirements[:1])


def play_alone(trial: Trial, base: Harness, seed: int) -> None:
    """Play scenes that can reach a fault on it alone, until it is killed or there were enough."""
    chosen = [one for one in scenes(seed) if one.cost < _BIG and one.can_reach(trial.fault)]

    async def play_all() -> None:
        for one in chosen[:_FIRST]:
            await play([trial], base, one.scene)
            if trial.requirements:
                return

    asyncio.run(play_all())


def play_stacked(trials: Sequence[Trial], base: Harness, seed: int) -> None:
    """Play the tour on many faults at once: until one of them changes something, they are a right store together."""
    ordered = sorted(trials, key=lambda one: one.fault.way == "alias")  # what it hands out is no task for the others

    async def play_all() -> None:
        for planned in scenes(seed):
            left = [one for one in ordered if not one.requirements and planned.can_reach(one.fault)]
            await _sift(left, base, planned.scene)

    asyncio.run(play_all())


async def _sift(trials: Sequence[Trial], base: Harness, scene: Scene) -> None:
    """Play a scene on faults until each that changes something has been played alone, and the others without it."""
    changed = await play(trials, base, scene) if trials else []
    if not changed or len(trials) == 1:
        return
    if len(changed) < len(trials):
        parts = [*([one] for one in changed), [one for one in trials if one not in changed]]
    else:
        parts = [list(trials[: len(trials) // 2]), list(trials[len(trials) // 2 :])]
    for part in parts:
        await _sift(part, base, scene)
