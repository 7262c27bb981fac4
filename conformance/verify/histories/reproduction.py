"""A contradiction made again, by the fewest clients and calls that still lead to one."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

from conformance.harness import Harness
from conformance.verify.histories.contention import play
from conformance.verify.histories.contradiction import shorten
from conformance.verify.histories.history import History, Planned
from conformance.verify.histories.judge import Judgement, Verdict, judge
from conformance.verify.histories.workload import Rounds, plan_of, rounds_of

ATTEMPTS = 20
_FEWER_ATTEMPTS = 8
_SECONDS = 2.0
_MOST_PAUSE = 4

Replayed = tuple[History, Judgement]


async def replay(harness: Harness, rounds: Rounds, *, subject: str = "", attempts: int = ATTEMPTS) -> Replayed:
    """Make the calls again until they contradict each other, and return the last history and what was found in it.

    The first attempt is as planned; later ones differ in how many turns the clients wait, since with fewer calls, or on
    another machine, others have to meet.
    """
    rng = random.Random(0)  # noqa: S311  no secret
    for attempt in range(attempts):
        planned = rounds if attempt == 0 else [_shaken(calls, rng) for calls in rounds]
        history = await play(harness, planned, subject=subject)
        if (judgement := judge(history)).verdict is not Verdict.EXPLAINED:
            break
    return history, judgement


def _shaken(calls: tuple[Planned, ...], rng: random.Random) -> tuple[Planned, ...]:
    return tuple(replace(call, pause=rng.randrange(_MOST_PAUSE)) for call in calls)


@dataclass
class Reproduction:
    """The fewest calls that were found to lead to a contradiction again, and one that they led to: None if none did."""

    rounds: Rounds
    shown: tuple[History, Judgement] | None = None


async def reproduce(harness: Harness, history: History, contradiction: History) -> Reproduction:
    """Look for the fewest calls, for a few seconds: clients are dropped, then calls, while some contradiction stays.

    It begins with those that contradict each other, and takes all calls of the history if these do not do it again.
    """
    deadline = time.monotonic() + _SECONDS
    found = Reproduction(plan_of(history))

    async def leads_there(calls: list[Planned]) -> bool:
        if time.monotonic() > deadline:
            return False
        again, judgement = await replay(harness, rounds_of(calls), subject=history.subject, attempts=_FEWER_ATTEMPTS)
        if judgement.verdict is Verdict.CONTRADICTION:
            found.rounds, found.shown = plan_of(again), (again, judgement)
        return judgement.verdict is Verdict.CONTRADICTION

    if not await leads_there(_calls(plan_of(contradiction))) and not await leads_there(_calls(plan_of(history))):
        return found
    for fewer in _fewer(found):
        await leads_there(fewer)
    return found


def _fewer(found: Reproduction) -> Iterator[list[Planned]]:
    """Fewer calls, and fewer of what that led to. A task that is asked for stays created."""
    if found.shown is not None:
        yield _calls(plan_of(shorten(*found.shown).history))
    for client in sorted({call.client for call in _calls(found.rounds)}):
        calls = _calls(found.rounds)
        yield _with_tasks([call for call in calls if call.client != client], calls)
    place = 0
    while place < len(calls := _calls(found.rounds)):
        yield _with_tasks(calls[:place] + calls[place + 1 :], calls)
        place += len(calls) == sum(map(len, found.rounds))


def _calls(rounds: Rounds) -> list[Planned]:
    return [call for calls in rounds for call in calls]


def _with_tasks(calls: list[Planned], before: list[Planned]) -> list[Planned]:
    kept = {id(call) for call in calls}
    wanted = {call.task for call in calls if call.operation != "create_task"}
    return [call for call in before if id(call) in kept or (call.operation == "create_task" and call.task in wanted)]
