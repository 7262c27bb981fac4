"""Lockstep: the model and any number of subjects take the same steps, and nothing may differ.

Every result, every exception with its facts, and the whole visible state are compared after explicit normalisation
(`side`). What subjects declare, expiry, is two states of the model. What differs is shrunk, and can be run again.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase
from hypothesis.errors import Flaky

from conformance.compare.search import quiet
from conformance.harness import Harness, HookMissingError
from conformance.verify import steps
from conformance.verify.model import OPERATIONS
from conformance.verify.play import DiffersError, Play, Tally
from conformance.verify.side import Side

SHORTEST = 20
"""A sequence of fewer steps does not count as one."""
_FIRST = 100
"""Hypothesis begins with sequences that are short."""
MOST = 5
"""Differences after which a run ends: there is enough to mend."""
SHRINKING_SECONDS = 60
"""For one difference, by Hypothesis; what it leaves is then tried without each step."""


@dataclass(frozen=True)
class Difference:
    """What some subjects do otherwise than the model or each other, with the shortest script found that shows it.

    `replay` is the same as JSON, for `replay_lockstep`.
    """

    operation: str
    words: Mapping[str, str]
    script: tuple[str, ...]
    replay: Mapping[str, Any]

    @property
    def signature(self) -> tuple[str, tuple[str, ...], str]:
        """What makes two findings one: operation, subjects, and what differs, without the values."""
        gist = re.match(r"[^'\"\d(\[]*", next(iter(self.words.values())))
        return self.operation, tuple(self.words), gist.group() if gist else ""

    def __str__(self) -> str:
        told = [f"{self.operation} on {name}: {words}" for name, words in self.words.items()]
        return "\n".join([*told, *(f"    {line}" for line in self.script)])


@dataclass(frozen=True)
class LockstepOutcome:
    """What a run came to: how much was done and compared, and what differed."""

    subjects: tuple[str, ...]
    tally: Tally
    differences: tuple[Difference, ...]
    seconds: float

    @classmethod
    def merged(cls, outcomes: Sequence[LockstepOutcome]) -> LockstepOutcome:
        """Several runs on the same subjects, side by side, as one."""
        tally = Tally()
        for outcome in outcomes:
            tally.add(outcome.tally)
        first = {one.signature: one for outcome in reversed(outcomes) for one in outcome.differences}
        return cls(outcomes[0].subjects, tally, tuple(first.values()), max(one.seconds for one in outcomes))

    def as_json(self) -> dict[str, Any]:
        """The outcome as plain JSON."""
        visits: dict[str, dict[str, dict[str, int]]] = {}
        for (side, operation, when), number in sorted(self.tally.visits.items()):
            visits.setdefault(side, {}).setdefault(operation, {})[when] = number
        return {
            "subjects": [*self.subjects],
            "sequences": self.tally.sequences,
            "steps": self.tally.steps,
            "comparisons": self.tally.comparisons,
            "visits": visits,
            "differences": [{**asdict(one), "words": dict(one.words)} for one in self.differences],
            "seconds": round(self.seconds, 1),
        }


def run_lockstep(
    subjects: Mapping[str, Harness], *, sequences: int, seed: int, most: int = MOST, shrink: bool = True
) -> LockstepOutcome:
    """Take `sequences` sequences of at least `SHORTEST` steps on subjects that are running.

    The same seed gives the same sequences. After `most` differences it ends.
    """
    search = _Search(subjects, sequences, seed, most, shrink=shrink)
    started = time.monotonic()
    with quiet():
        search.run()
    return LockstepOutcome(tuple(subjects), search.tally, tuple(search.found), time.monotonic() - started)


def replay_lockstep(data: Mapping[str, Any], subjects: Mapping[str, Harness]) -> Difference | None:
    """Take the steps of a difference again: what differs now, or None."""
    return _Search(subjects, 1, 0).play(steps.Sequence.decode(data))


class _FoundError(Exception):
    """This sequence shows the difference that is being looked for."""


class _Enough(BaseException):
    """No more sequences; not an `Exception`, so that Hypothesis lets it through."""


class _Search:
    """Sequence after sequence, each on fresh worlds; the first difference of a kind is shrunk, others of it passed."""

    def __init__(
        self, subjects: Mapping[str, Harness], sequences: int, seed: int, most: int = MOST, *, shrink: bool = True
    ) -> None:
        self.tally = Tally()
        self.found: list[Difference] = []
        self._subjects = subjects
        self._sequences = sequences
        self._seed = seed
        self._most = most
        self._phases = [Phase.generate, *([Phase.shrink] if shrink else [])]
        self._tried = 0
        self._offered, self._can_wait = asyncio.run(_what_is_offered(subjects))

    def run(self) -> None:
        """Look until the sequences are done, or there are differences enough."""
        try:
            while len(self.found) < self._most:
                if new := self._find():
                    self.found.append(new)
                self._seed += 1
        except _Enough:
            pass

    def play(self, sequence: steps.Sequence) -> Difference | None:
        """The first difference that a sequence shows."""
        with asyncio.Runner() as runner:
            return runner.run(self._play(sequence, Tally()))

    def _find(self) -> Difference | None:
        known = {one.signature for one in self.found}
        shortest: list[tuple[Difference, steps.Sequence]] = []
        until = 0.0

        with asyncio.Runner() as runner:

            def example(sequence: steps.Sequence) -> None:
                nonlocal until
                if shortest and time.monotonic() > until:
                    return
                if not shortest:
                    self._count()
                difference = runner.run(self._play(sequence, Tally() if shortest else self.tally))
                if difference is None or difference.signature in known:
                    return
                until = until or time.monotonic() + SHRINKING_SECONDS
                # Shrinking stays with the difference that it began with: any other has its own turn.
                if not shortest or shortest[-1][0].signature == difference.signature:
                    shortest.append((difference, sequence))
                    raise _FoundError

            settings = hypothesis.settings(
                max_examples=100_000,
                deadline=None,
                database=None,
                print_blob=False,
                report_multiple_bugs=False,
                suppress_health_check=list(HealthCheck),
                phases=self._phases,
            )
            search = hypothesis.seed(self._seed)(settings(hypothesis.given(sequence=steps.sequences)(example)))
            try:
                search()
            except (_FoundError, Flaky):
                if not shortest:
                    raise
            while shortest and Phase.shrink in self._phases and (shorter := self._simplify(*shortest[-1], runner)):
                shortest.append(shorter)
        return shortest[-1][0] if shortest else None

    def _count(self) -> None:
        """Count a sequence that is about to be tried; a known difference may end each before it is long enough."""
        if self.tally.sequences >= self._sequences or self._tried >= 2 * self._sequences + _FIRST:
            raise _Enough
        self._tried += 1

    def _simplify(
        self, known: Difference, sequence: steps.Sequence, runner: asyncio.Runner
    ) -> tuple[Difference, steps.Sequence] | None:
        """The same difference from fewer steps or arguments: Hypothesis gives up early, and leaves some."""
        for fewer in sequence.simpler():
            difference = runner.run(self._play(fewer, Tally()))
            if difference is not None and difference.signature == known.signature:
                return difference, fewer
        return None

    async def _play(self, sequence: steps.Sequence, tally: Tally) -> Difference | None:
        async with AsyncExitStack() as stack:
            sides = [await stack.enter_async_context(Side(name, one)) for name, one in self._subjects.items()]
            play = Play(sides, offered=self._offered, can_wait=self._can_wait)
            try:
                await play.take(sequence)
            except DiffersError as differs:
                first = next(side for side in sides if side.name in differs.words)
                return Difference(differs.operation, differs.words, play.script(first), sequence.encode())
            finally:
                play.tally.sequences = int(play.tally.steps >= SHORTEST)
                tally.add(play.tally)
        return None


async def _what_is_offered(subjects: Mapping[str, Harness]) -> tuple[frozenset[str], bool]:
    """The operations that every subject has, and whether each can let time pass."""
    offered, can_wait = frozenset(OPERATIONS), True
    for name, harness in subjects.items():
        async with Side(name, harness) as side:
            offered &= side.operations
            try:
                side.wait(timedelta(0))
            except HookMissingError:
                can_wait = False
    return offered, can_wait
