"""Shrinking: the fewest steps and the plainest arguments that still show a deviation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from conformance.compare.sequences.play import Deviation
from conformance.compare.sequences.steps import Call, Steps, Vocabulary, entries_in, fewer_steps, simpler_steps, written

_MOST = 200
"""Sequences that are played for one difference: a number and no time, so that every machine finds the same."""


@dataclass(frozen=True)
class Shown:
    """Steps, what of them shows the deviation, and everything else that they show."""

    steps: Steps
    deviation: Deviation
    all: tuple[Deviation, ...]

    def beside(self) -> Iterator[Deviation]:
        """What shows after the same step: leaving it out removes all of them."""
        return (one for one in self.all if one.index == self.deviation.index and one.handed == self.deviation.handed)


def _read_instead(shown: Shown, known: Vocabulary) -> Iterator[Steps]:
    """The same with a read of one entry in the place of the call that it followed: it may need no write."""
    step, read = shown.steps[shown.deviation.index], known.operations[shown.deviation.operation]
    if isinstance(step, Call) and step.operation != read.name and read.reads is not None:
        entry = known.operations[step.operation].entry
        named = step.arguments[entry] if read.reads and entry and entry in step.arguments else None
        for one in entries_in(named):
            given = {} if named is None else {read.reads: one}
            if set(given) == set(read.arguments):
                yield (*shown.steps[: shown.deviation.index], Call(read.name, given))


def shrink(shown: Shown, known: Vocabulary, play: Callable[[Steps], list[Deviation]]) -> Shown:
    """The shortest form of it that is found."""
    symptom = shown.deviation.symptom
    tried: set[str] = set()

    def attempt(steps: Steps) -> Shown | None:
        if len(tried) > _MOST or written(steps) in tried:
            return None
        tried.add(written(steps))
        found = play(steps)
        deviation = next((one for one in found if one.symptom == symptom), None)
        return None if deviation is None else Shown(steps, deviation, tuple(found))

    shown = attempt(shown.steps[: shown.deviation.index + 1]) or shown
    smaller: Shown | None = shown
    while smaller is not None:
        shown = smaller
        smaller = next(filter(None, map(attempt, fewer_steps(shown.steps))), None)
        smaller = smaller or next(filter(None, map(attempt, simpler_steps(shown.steps, known))), None)
        smaller = smaller or next(filter(None, map(attempt, _read_instead(shown, known))), None)
    return shown
