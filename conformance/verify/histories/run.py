"""A run: so many histories on each subject, every one judged, every contradiction made short and made again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from conformance.harness import Harness
from conformance.verify import document
from conformance.verify.document import Contradiction
from conformance.verify.histories.contention import contend, meets, qualifies, workload_for
from conformance.verify.histories.contradiction import shorten
from conformance.verify.histories.history import History
from conformance.verify.histories.judge import Judgement, Verdict, judge
from conformance.verify.histories.process import Processes, can_be_opened_elsewhere
from conformance.verify.histories.reproduction import replay, reproduce
from conformance.verify.histories.script import script
from conformance.verify.histories.workload import plan_of

_EACH = 5
"""Of so many histories one has clients in other processes, where there can be any."""
_MOST_FOUND = 3
"""Contradictions after which a subject is left: it has been shown to be wrong."""


@dataclass
class SubjectHistories:
    """What came of the histories of one subject. All of them are explained, contradictions, or unknown."""

    histories: int = 0
    calls: int = 0
    effective_writes: int = 0
    conflicting_pairs: int = 0
    lost_answers: int = 0
    processes: int = 1
    """The most that took part in a history."""
    across_processes: int = 0
    """Histories with clients in several processes."""
    unqualified: int = 0
    """Histories that had too little contention to count, though they were judged."""
    explained: int = 0
    contradictions: list[Contradiction] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    """The histories that were not decided within the budget, as JSON Lines."""
    steps: int = 0
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        """Whether there were histories, and each was contended and is explained."""
        return self.explained == self.histories > 0 == self.unqualified

    def in_document(self) -> document.SubjectHistories:
        """The figures, and every contradiction in full."""
        return document.SubjectHistories(
            **{**vars(self), "contradictions": tuple(self.contradictions), "unknown": len(self.unknown)}
        )

    def count(self, history: History, processes: int) -> None:
        """Count what is in a history."""
        self.histories += 1
        self.calls += len(history.intervals)
        self.effective_writes += len(history.effective_writes())
        self.conflicting_pairs += history.conflicts()
        self.lost_answers += history.lost()
        self.processes = max(self.processes, processes)
        self.across_processes += processes > 1
        self.unqualified += not qualifies(history)


@dataclass(frozen=True)
class HistoriesOutcome:
    """What came of a run, by the names of the subjects."""

    seed: int
    subjects: Mapping[str, SubjectHistories]

    @property
    def passed(self) -> bool:
        """Whether every history of every subject was contended and is explained."""
        return all(one.passed for one in self.subjects.values())


def run_histories(subjects: Mapping[str, Harness], *, count: int, seed: int) -> HistoriesOutcome:
    """Record and judge `count` contended histories on each subject, which has to be running.

    Raises:
        WorkerFailedError: if a process with clients ended, or could not open the store.
    """
    return HistoriesOutcome(seed, {name: _run(name, harness, count, seed) for name, harness in subjects.items()})


def replay_history(harness: Harness, history: History, subject: str = "") -> tuple[History, Judgement]:
    """Make the calls of a history again until they contradict each other, or not."""
    return asyncio.run(replay(harness, plan_of(history), subject=subject))


def _run(name: str, harness: Harness, count: int, seed: int) -> SubjectHistories:
    begun, outcome = time.monotonic(), SubjectHistories()
    with asyncio.Runner() as runner:
        runner.run(_record(name, harness, range(seed, seed + count), outcome))
    outcome.seconds = round(time.monotonic() - begun, 3)
    return outcome


async def _record(name: str, harness: Harness, seeds: range, outcome: SubjectHistories) -> None:
    async with AsyncExitStack() as stack:
        elsewhere = can_be_opened_elsewhere(harness)
        others = await stack.enter_async_context(Processes()) if elsewhere else None
        here = [seed for seed in seeds if others is None or (seed - seeds.start) % _EACH]
        for seed in here:
            await _judge_one(name, harness, seed, None, outcome)
        if others is not None and not await meets(harness, others):
            others = None  # the application's own settings lead to another place than the namespace
        for seed in sorted(set(seeds) - set(here)):
            await _judge_one(name, harness, seed, others, outcome)


async def _judge_one(
    name: str, harness: Harness, seed: int, processes: Processes | None, outcome: SubjectHistories
) -> None:
    if len(outcome.contradictions) == _MOST_FOUND:
        return
    history = await contend(harness, workload_for(harness, seed), subject=name, processes=processes)
    outcome.count(history, 1 if processes is None else 1 + processes.COUNT)
    judgement = judge(history)
    outcome.steps += judgement.steps
    if judgement.verdict is Verdict.EXPLAINED:
        outcome.explained += 1
    elif judgement.verdict is Verdict.UNKNOWN:
        outcome.unknown.append(history.as_lines())
    else:
        outcome.contradictions.append(await _found(name, harness, history, judgement))


async def _found(name: str, harness: Harness, history: History, judgement: Judgement) -> Contradiction:
    short = shorten(history, judgement)
    again = await reproduce(harness, history, short.history)
    told = short if again.shown is None else shorten(*again.shown)
    title = f"{'Not shown again in a few attempts' if again.shown is None else 'Contradictory'}:\n\n{told}\n"
    return Contradiction(
        seed=history.seed,
        text=str(short),
        lines=short.history.as_lines(),
        script=script(harness, again.rounds, name, title),
        again=again.shown is not None,
        history=history.as_lines(),
    )
