"""Shrinking: the fewest steps and the plainest arguments that still show a deviation."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from conformance.compare.operations.operation import EarlierId
from conformance.compare.sequences.play import Deviation
from conformance.compare.sequences.steps import Call, Step, Steps, Vocabulary, entries_in, written
from conformance.compare.values.classes import Pool, telling
from conformance.text import source

_MOST = 200
"""Sequences that are played for one difference: a number and no time, so that every machine finds the same."""


@dataclass(frozen=True)
class Shown:
    """Steps, a deviation that they show, and all deviations that they show."""

    steps: Steps
    deviation: Deviation
    all: tuple[Deviation, ...]

    def beside(self) -> Iterator[Deviation]:
        """The deviations after the same step, which are left out with it."""
        return (one for one in self.all if one.index == self.deviation.index and one.handed == self.deviation.handed)


def shrink(shown: Shown, vocabulary: Vocabulary, play: Callable[[Steps], list[Deviation]]) -> Shown:
    """Find the shortest steps that show the same deviation."""
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
        steps = shown.steps
        shorter = chain(_fewer(steps), _simpler_arguments(steps, vocabulary), _read_instead(shown, vocabulary))
        smaller = next(filter(None, map(attempt, shorter)), None)
    return shown


def _fewer(steps: Steps) -> Iterator[Steps]:
    """The same steps without one of them."""
    for index in reversed(range(len(steps))):
        yield steps[:index] + steps[index + 1 :]


def _simpler_arguments(steps: Steps, vocabulary: Vocabulary) -> Iterator[Steps]:
    """The same steps without one optional argument, or with a simpler value in the place of one argument."""
    for index, step in enumerate(steps):
        if not isinstance(step, Call):
            continue
        for name in (one for one in vocabulary.operations[step.operation].optional if one in step.arguments):
            fewer = {one: value for one, value in step.arguments.items() if one != name}
            yield (*steps[:index], replace(step, arguments=fewer), *steps[index + 1 :])
        for name, value in step.arguments.items():
            is_entry = name == vocabulary.operations[step.operation].entry
            for less in _less(value, vocabulary.pools[step.operation, name]):
                yield (*steps[:index], replace(step, arguments={**step.arguments, name: less}), *steps[index + 1 :])
                if is_entry:
                    yield tuple(_renamed(one, source(value), less, vocabulary) for one in steps)


def _renamed(step: Step, text: str, less: Any, vocabulary: Vocabulary) -> Step:
    """The step with another entry, if its entry has this text."""
    entry = vocabulary.operations[step.operation].entry if isinstance(step, Call) else None
    if not isinstance(step, Call) or not entry or entry not in step.arguments or source(step.arguments[entry]) != text:
        return step
    return replace(step, arguments={**step.arguments, entry: less})


def _less(value: Any, pool: Pool) -> Iterator[Any]:
    """Simpler values: with fewer classes that the plain value lacks, or with the same classes and shorter."""
    text = source(value)
    if text == source(pool.plain):
        return
    novel = pool.novel(value)
    length = len(text)
    seen = {text}
    for one in pool.values:
        less = source(one)
        is_plainer = pool.novel(one) < novel or telling(pool.novel(one)) < telling(novel)
        is_shorter = pool.novel(one) == novel and (len(less), less) < (length, text)
        if (is_plainer or is_shorter) and less not in seen and len(seen) < 12:  # noqa: PLR2004  the rest is like them
            seen.add(less)
            yield one
    for one in _simpler(value, pool.plain):
        if source(one) not in seen:
            yield one


def _simpler(value: Any, plain: Any = None) -> Iterator[Any]:
    """Values with less in them, or with a part of the plain value in the place of their own; none becomes empty."""
    if type(value) in (list, tuple):
        kind = type(value)
        for index in range(len(value)) if len(value) > 1 else ():
            yield kind([*value[:index], *value[index + 1 :]])
        for index, part in enumerate(value):
            yield from (kind([*value[:index], less, *value[index + 1 :]]) for less in _simpler(part))
    elif type(value) is dict:
        yield from _simpler_items(value, plain if type(plain) is dict else {})
    elif hasattr(value, "model_copy"):  # pydantic
        yield from _simpler_fields(
            value, sorted(value.model_fields_set), plain, lambda fields: value.model_copy(update=fields)
        )
    elif dataclasses.is_dataclass(value) and not isinstance(value, (type, EarlierId)):
        names = [field.name for field in dataclasses.fields(value) if field.init]
        yield from _simpler_fields(value, names, plain, lambda fields: dataclasses.replace(value, **fields))


def _simpler_items(value: dict[Any, Any], plain: dict[Any, Any]) -> Iterator[dict[Any, Any]]:
    for key in value if len(value) > 1 else ():
        yield {known: part for known, part in value.items() if known != key}
    for key, part in value.items():
        for plain_key, plain_part in plain.items():
            if (key, source(part)) != (plain_key, source(plain_part)):
                yield {**value, key: plain_part}
                yield {**{known: one for known, one in value.items() if known != key}, plain_key: part}
        yield from ({**value, key: less} for less in _simpler(part))


def _simpler_fields(
    value: Any, names: list[str], plain: Any, replaced: Callable[[dict[str, Any]], Any]
) -> Iterator[Any]:
    for name in names:
        part = getattr(value, name)
        if type(plain) is type(value) and source(part) != source(less := getattr(plain, name)):
            yield replaced({name: less})
    for name in names:
        yield from (replaced({name: less}) for less in _simpler(getattr(value, name)))


def _read_instead(shown: Shown, vocabulary: Vocabulary) -> Iterator[Steps]:
    """The same steps with a read in place of the call before the deviation, which may not need the write."""
    step, read = shown.steps[shown.deviation.index], vocabulary.operations[shown.deviation.operation]
    if isinstance(step, Call) and step.operation != read.name and read.reads is not None:
        entry = vocabulary.operations[step.operation].entry
        named = step.arguments[entry] if read.reads and entry and entry in step.arguments else None
        for one in entries_in(named):
            given = {} if named is None else {read.reads: one}
            if set(given) == set(read.arguments):
                yield (*shown.steps[: shown.deviation.index], Call(read.name, given))
