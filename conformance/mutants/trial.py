"""A trial: one case, or the tour, on one store in this process, and what came of it."""

from __future__ import annotations

import asyncio
import os
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from conformance import cases
from conformance.case import NotApplicable, NotTestable, Subject
from conformance.cases import find_cases
from conformance.engine.play import Player
from conformance.engine.tally import Tally
from conformance.harness import Harness
from conformance.mutants.mutant import TOUR, Mutant
from conformance.mutants.operators.judge import scenes
from conformance.tour.made_ids import about_ids
from conformance.tour.outcome import Tour
from conformance.tour.run import play, why_not
from conformance.tour.run import run as run_tour

_CASES = Path(cases.__file__).parent
_EVERY = 5
"""A right store gets one of so many scenes."""


_OF_ALL_IDS = {"ID-01", "ID-02"}
"""The requirements that only the ids of many scenes together show."""


@dataclass(frozen=True)
class Outcome:
    """`pass`, `fail` (by an assertion of the case), `skip`, or `crash` (anything else that was raised)."""

    verdict: str
    reason: str = ""
    raised: type[BaseException] | None = None


def tour_on(harness: Harness, seed: int) -> Callable[[], Tour]:
    """What runs a share of the tour on a subject, once."""
    return cache(lambda: asyncio.run(run_tour(harness, seed, every=_EVERY)))


def play_until_found(requirements: tuple[str, ...], harness: Harness, seed: int) -> Outcome:
    """Play the scenes of the tour, big ones last, until one breaks one of the requirements."""
    tally = Tally()
    player = Player(harness, tally)

    async def play_all() -> Outcome:
        for planned in scenes(seed):
            if not why_not(harness, planned.scene):
                await play(player, planned.scene)
            for one in [*tally.findings, *(about_ids(tally) if _OF_ALL_IDS & {*requirements} else ())]:
                if {*one.requirements} & {*requirements}:
                    return Outcome("fail", f"{one.scene.name}: {one.words}"[:200])
        other = tally.findings[0].requirements if tally.findings else "nothing"
        return Outcome("pass", f"the tour reports {other}")

    return asyncio.run(play_all())


def run(case: Callable[[Subject], None], harness: Harness, tour: Callable[[], Any] = lambda: None) -> Outcome:
    """Run a case, and return its outcome."""
    try:
        case(Subject("mutant", harness, {}, 0, tour=tour))
    except (NotApplicable, NotTestable) as skipped:
        return Outcome("skip", str(skipped))
    except (AssertionError, pytest.fail.Exception) as failed:
        return Outcome("fail" if _is_of_the_case(failed) else "crash", _shown(failed), type(failed))
    except Exception as fault:  # noqa: BLE001  whatever else comes out is the reason of a survivor
        return Outcome("crash", _shown(fault), type(fault))
    return Outcome("pass")


def why_it_survived(mutant: Mutant, harness: Harness, seed: int) -> str:
    """Run a mutant on its cases. Each has to fail or raise what the mutant declares. Return which did not, if any."""
    for name in mutant.caught_by:
        is_tour = name == TOUR
        outcome = play_until_found(mutant.breaks, harness, seed) if is_tour else run(find_cases()[name], harness)
        declared = mutant.instead is not None and outcome.raised is mutant.instead
        if outcome.verdict != "fail" and not declared:
            return f"{name}: {outcome.verdict} {outcome.reason}".rstrip()
    return "" if mutant.caught_by else "it names no case"


def _is_of_the_case(failed: BaseException) -> bool:
    """Whether the assertion that failed is in a case: its frame is the innermost one, except for those of pytest."""
    files = [Path(frame.filename) for frame in traceback.extract_tb(failed.__traceback__)]
    ours = [file for file in files if "_pytest" not in file.parts]
    return bool(ours) and ours[-1].is_relative_to(_CASES)


def _shown(fault: BaseException) -> str:
    return f"{type(fault).__name__}: {str(fault).partition(os.linesep)[0]}"[:200]
