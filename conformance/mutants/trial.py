"""A trial: one case run on one stage, in this process, and what came of it."""

from __future__ import annotations

import asyncio
import os
import pkgutil
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any

import hypothesis
import pytest
from hypothesis import Phase
from hypothesis.errors import HypothesisWarning

from conformance import cases
from conformance.case import Subject
from conformance.engine.play import Player
from conformance.engine.scene import Populate, Scene
from conformance.engine.tally import Tally
from conformance.harness import Harness
from conformance.mutants.mutant import Mutant
from conformance.tour.plan import plan
from conformance.tour.run import Tour, about_ids, play, why_not
from conformance.tour.run import run as run_tour
from conformance.verify.faults import FAULTS, run_fault
from conformance.verify.histories.run import run_histories
from conformance.verify.operations import OPERATIONS
from conformance.verify.search import search
from conformance.verify.walk import walk

_CASES = Path(cases.__file__).parent
SCENES, SEQUENCES, HISTORIES = 150, 0.05, 20
"""How much of each part a mutant gets that only the verification catches."""


@dataclass(frozen=True)
class Outcome:
    """`pass`, `fail` (by an assertion of the case), `skip`, or `crash` (anything else that was raised)."""

    verdict: str
    reason: str = ""
    raised: type[BaseException] | None = None


@cache
def find_cases() -> dict[str, Callable[[Subject], None]]:
    """Every case, by the name that results give it."""
    found: dict[str, Callable[[Subject], None]] = {}
    for _, module, _ in pkgutil.iter_modules([str(_CASES)]):
        inside = vars(import_module(f"{cases.__name__}.{module}"))
        found |= {
            f"{module}.{name}": case
            for name, case in inside.items()
            if hasattr(case, "conformance_case") and case.__module__ == f"{cases.__name__}.{module}"
        }
    return found


_EVERY = 5
"""A right store gets one of so many scenes."""
TOUR = "tour"
"""What stands for the tour among the cases that catch a mutant."""


def tour_on(harness: Harness, seed: int) -> Callable[[], Tour]:
    """What runs a share of the tour on a stage, once."""
    return cache(lambda: asyncio.run(run_tour(harness, seed, every=_EVERY)))


def play_until_found(requirements: tuple[str, ...], harness: Harness, seed: int) -> Outcome:
    """Play the scenes of the tour, short ones first, until one breaks one of the requirements."""
    tally = Tally()
    player = Player(harness, tally)
    scenes = [scene for scene in plan(seed) if not why_not(harness, scene)]
    Random(seed).shuffle(scenes)  # noqa: S311  nothing secret is made
    scenes.sort(key=_size)

    async def play_all() -> Outcome:
        for scene in scenes:
            await play(player, scene)
            found = [one for one in tally.findings if set(one.requirements) & set(requirements)]
            if found:
                return Outcome("fail", f"{scene.name}: {found[0].words}"[:200])
        if any(set(one.requirements) & set(requirements) for one in about_ids(tally)):
            return Outcome("fail", "the ids of all scenes")
        other = tally.findings[0].requirements if tally.findings else "nothing"
        return Outcome("pass", f"the tour reports {other}")

    return asyncio.run(play_all())


def _size(scene: Scene) -> int:
    return max((action.count for action in scene.actions if isinstance(action, Populate)), default=0)


def run(case: Callable[[Subject], None], harness: Harness, seed: int, tour: Callable[[], Any] | None = None) -> Outcome:
    """Run a case, and say what came of it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", HypothesisWarning)  # it finds the longest failing examples too long
            case(Subject("mutant", harness, {}, seed, tour=tour or tour_on(harness, seed)))
    except pytest.skip.Exception as skipped:
        return Outcome("skip", str(skipped))
    except (AssertionError, pytest.fail.Exception) as failed:
        return Outcome("fail" if _is_of_the_case(failed) else "crash", _shown(failed), type(failed))
    except Exception as fault:  # noqa: BLE001  whatever else comes out is what a survivor is told for
        return Outcome("crash", _shown(fault), type(fault))
    return Outcome("pass")


def judge(mutant: Mutant, outcomes: dict[str, Outcome]) -> str:
    """Say why a mutant survived, or nothing: each of its cases has to fail, or let out what it declares."""
    for name, outcome in outcomes.items():
        declared = mutant.instead is not None and outcome.raised is mutant.instead
        if outcome.verdict != "fail" and not declared:
            return f"{name}: {outcome.verdict} {outcome.reason}".rstrip()
    return "" if outcomes else "it names no case"


def judge_beyond(mutant: Mutant, harness: Harness, seed: int) -> str:
    """Say why a mutant is not one that only its part of the verification catches, or nothing."""
    (part,) = mutant.caught_by
    tour = tour_on(harness, seed)
    by_cases = [
        name for name, case in find_cases().items() if run(case, harness, seed, tour).verdict in ("fail", "crash")
    ]
    if by_cases:
        return f"a case catches it, and is enough: {', '.join(by_cases)}"
    return "" if _is_found(part.split(), harness, seed) else f"{part}: finds nothing"


def _is_found(part: list[str], harness: Harness, seed: int) -> bool:
    subjects = {"mutant": harness}
    match part:
        case ["search"]:
            return bool(search(subjects, count=SCENES, seed=seed, most=1, shrink=False)[1])
        case ["walk"]:
            return bool(walk(subjects, length=4, share=SEQUENCES, seed=seed)[1])
        case ["histories"]:
            return bool(run_histories(subjects, count=HISTORIES, seed=seed).subjects["mutant"].contradictions)
        case _:
            fault = next(one for one in FAULTS if one.name == part[1])
            operation = next(one for one in OPERATIONS if one.name == part[2])
            return asyncio.run(run_fault(harness, "mutant", fault, operation)).verdict == "fail"


def _is_of_the_case(failed: BaseException) -> bool:
    """Whether a case asserted it, and not something beneath: pytest's own frames aside, a case is innermost."""
    files = [Path(frame.filename) for frame in traceback.extract_tb(failed.__traceback__)]
    ours = [file for file in files if "_pytest" not in file.parts]
    return bool(ours) and ours[-1].is_relative_to(_CASES)


def _shown(fault: BaseException) -> str:
    return f"{type(fault).__name__}: {str(fault).partition(os.linesep)[0]}"[:200]


def without_shrinking() -> None:
    """Let Hypothesis stop at the first example that fails: that it fails is all that is asked."""
    hypothesis.settings.register_profile("mutants", phases=[Phase.explicit, Phase.generate])
    hypothesis.settings.load_profile("mutants")
