"""A contradiction made again, by the fewest clients and calls that still lead to one."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace

from conformance.harness import Harness
from conformance.verify.histories.contention import play
from conformance.verify.histories.contradiction import shorten
from conformance.verify.histories.history import History, Planned
from conformance.verify.histories.judge import Judgement, Verdict, judge
from conformance.verify.histories.workload import plan_of, with_creations
from conformance.verify.shrink import shrink

_ATTEMPTS = 20
_FEWER_ATTEMPTS = 8
_SECONDS = 2.0
_MOST_PAUSE = 4


def replay(
    harness: Harness, calls: Iterable[Planned], *, subject: str = "", attempts: int = _ATTEMPTS
) -> tuple[History, Judgement]:
    """Make the calls again until they contradict each other, and return the last history and its judgement.

    The first attempt is as planned. Later ones differ in how many turns the clients wait: with fewer calls, or on
    another machine, other calls have to meet.
    """
    rng = random.Random(0)  # noqa: S311  no secret
    planned = with_creations(calls)
    for _ in range(attempts):
        history = asyncio.run(play(harness, planned, subject=subject))
        if (judgement := judge(history)).verdict is not Verdict.EXPLAINED:
            break
        planned = [replace(call, pause=rng.randrange(_MOST_PAUSE)) for call in planned]
    return history, judgement


@dataclass
class Reproduction:
    """The fewest calls found that lead to a contradiction again, and the last one that they led to, if any."""

    calls: list[Planned]
    shown: tuple[History, Judgement] | None = None


def reproduce(harness: Harness, history: History, contradiction: History) -> Reproduction:
    """Look for a few seconds for the fewest calls that lead to some contradiction again.

    It begins with those that contradict each other, and takes all calls of the history if these do not do it again.
    """
    deadline = time.monotonic() + _SECONDS
    found = Reproduction(plan_of(history))

    def attempt(calls: list[Planned]) -> list[Planned] | None:
        is_shorter = found.shown is None or len(with_creations(calls)) < len(found.calls)
        if time.monotonic() > deadline or not is_shorter:
            return None
        again, judgement = replay(harness, calls, subject=history.subject, attempts=_FEWER_ATTEMPTS)
        if judgement.verdict is not Verdict.CONTRADICTION:
            return None
        found.calls, found.shown = plan_of(again), (again, judgement)
        return found.calls

    if attempt(plan_of(contradiction)) or attempt(found.calls):
        if found.shown is not None:
            attempt(plan_of(shorten(*found.shown).history))
        shrink(found.calls, attempt, by=lambda call: call.client)
    return found
