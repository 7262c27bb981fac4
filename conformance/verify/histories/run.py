"""A run: so many histories on each subject. Each is judged, and each contradiction is made short and made again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Generator, Mapping
from contextlib import closing
from typing import NamedTuple

from conformance.harness import Harness
from conformance.processes import Crew
from conformance.standalone import of_history
from conformance.verify.document import Contradiction, SubjectHistories
from conformance.verify.histories.contention import contend, meets, qualifies, workload_for
from conformance.verify.histories.contradiction import shorten
from conformance.verify.histories.history import History
from conformance.verify.histories.judge import Judgement, Verdict, judge
from conformance.verify.histories.process import PROCESSES, Clients, can_be_opened_elsewhere
from conformance.verify.histories.reproduction import replay, reproduce
from conformance.verify.histories.workload import plan_of

_EACH = 5
"""One of so many histories has clients in other processes, where there can be any."""
_MOST_FOUND = 3
"""Contradictions after which a subject is left: it has been shown to be wrong."""


class _Judged(NamedTuple):
    """A history, how many processes took part in it, and its judgement."""

    history: History
    processes: int
    judgement: Judgement


def run_histories(subjects: Mapping[str, Harness], *, count: int, seed: int) -> dict[str, SubjectHistories]:
    """Record and judge `count` contended histories on each subject, which has to be running.

    Raises:
        WorkerFailedError: if a process with clients ended, or could not open the store.
    """
    return {name: _run(name, harness, range(seed, seed + count)) for name, harness in subjects.items()}


def replay_history(harness: Harness, history: History, subject: str = "") -> tuple[History, Judgement]:
    """Make the calls of a history again, until they contradict each other or some attempts were made."""
    return replay(harness, plan_of(history), subject=subject)


def _run(name: str, harness: Harness, seeds: range) -> SubjectHistories:
    begun, judged, found = time.monotonic(), list[_Judged](), list[Contradiction]()
    with closing(_recorded(name, harness, seeds)) as recorded:
        for one in recorded:
            judged.append(one)
            if one.judgement.verdict is Verdict.CONTRADICTION:
                found.append(_found(name, harness, one.history, one.judgement))
                if len(found) == _MOST_FOUND:
                    break
    verdicts = [one.judgement.verdict for one in judged]
    return SubjectHistories(
        histories=len(judged),
        calls=sum(len(one.history.intervals) for one in judged),
        effective_writes=sum(len(one.history.effective_writes()) for one in judged),
        conflicting_pairs=sum(one.history.conflicts() for one in judged),
        lost_answers=sum(one.history.lost() for one in judged),
        processes=max([1, *(one.processes for one in judged)]),
        across_processes=sum(one.processes > 1 for one in judged),
        unqualified=sum(not qualifies(one.history) for one in judged),
        explained=verdicts.count(Verdict.EXPLAINED),
        contradictions=tuple(found),
        unknown=verdicts.count(Verdict.UNKNOWN),
        steps=sum(one.judgement.steps for one in judged),
        seconds=round(time.monotonic() - begun, 3),
    )


def _recorded(name: str, harness: Harness, seeds: range) -> Generator[_Judged, None, None]:
    """A history for each seed, those with clients in other processes last."""
    elsewhere = seeds[::_EACH] if can_be_opened_elsewhere(harness) else ()
    for seed in seeds:
        if seed not in elsewhere:
            yield _judged(name, harness, seed, None)
    if elsewhere:
        with Crew(Clients, PROCESSES) as crew:
            # The application's own settings may lead to another place than the namespace.
            met = crew if asyncio.run(meets(harness, crew)) else None
            for seed in elsewhere:
                yield _judged(name, harness, seed, met)


def _judged(name: str, harness: Harness, seed: int, crew: Crew | None) -> _Judged:
    history = asyncio.run(contend(harness, workload_for(harness, seed), subject=name, crew=crew))
    return _Judged(history, 1 if crew is None else 1 + crew.count, judge(history))


def _found(name: str, harness: Harness, history: History, judgement: Judgement) -> Contradiction:
    short = shorten(history, judgement)
    again = reproduce(harness, history, short.history)
    shown = short if again.shown is None else shorten(*again.shown)
    title = f"{'Not shown again in a few attempts' if again.shown is None else 'Contradictory'}:\n\n{shown}\n"
    return Contradiction(
        seed=history.seed,
        text=str(short),
        lines=short.history.as_lines(),
        script=of_history(title, again.calls, name),
        again=again.shown is not None,
        history=history.as_lines(),
    )
