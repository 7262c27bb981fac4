"""What only many ids together show: repetitions, another form, and digits that are not random or depend on others."""

from __future__ import annotations

import re
from collections import Counter
from itertools import combinations, pairwise
from operator import eq

from conformance.engine.scene import Populate, Scene
from conformance.engine.tally import Finding, Tally

_ENOUGH_IDS = 200
_DIGITS = 32
_OWN_ID = re.compile(r"task_[0-9a-fA-F]{32,}")
_CHI_SQUARED_LIMIT = 70.0
_REPEATED_LIMIT = 0.25
_ENOUGH_PAIRS = 500
_FEWEST_PAIRS = 80


def about_ids(tally: Tally) -> list[Finding]:
    """What is wrong with the ids that the store made, taken together."""
    ids = [task_id for _, task_id in tally.made_ids]
    scene = Scene("all ids of the run", (Populate(_ENOUGH_IDS),))
    found: list[Finding] = []

    def report(number: str, words: str) -> None:
        found.append(Finding((number,), words, scene, (f"# {words}",), 1))

    chosen = [task_id for _, task_id in set(tally.made_ids)]
    again = [task_id for task_id, count in Counter(chosen).items() if count > 1 and _OWN_ID.fullmatch(task_id)]
    if again:  # a store that counts in each namespace has other ids
        report("ID-02", f"{len(again)} ids came in several namespaces, {again[0]!r} for one")
    twice = [task_id for (_, task_id), count in Counter(tally.made_ids).items() if count > 1]
    if twice:
        report("ID-01", f"{len(twice)} ids were given more than once, {twice[0]!r} for one")
    odd = [task_id for task_id in ids if not _OWN_ID.fullmatch(task_id)]
    if odd:
        report("ID-02", f"{odd[0]!r} is not task_ and at least {_DIGITS} hexadecimal digits")
    elif len(ids) >= _ENOUGH_IDS and (place := _regular_digit(ids)) is not None:
        report("ID-02", f"digit {place} of {len(ids)} ids is not random, {ids[0]!r} for one")
    elif len(ids) >= _ENOUGH_IDS and (places := _dependent_digits(ids[:_ENOUGH_PAIRS])) is not None:
        report("ID-02", f"digits {places} of {len(ids)} ids depend on each other, {ids[0]!r} for one")
    tally.exercised.update({"ID-01": len(ids), "ID-02": len(ids)})
    return found


def _regular_digit(ids: list[str]) -> int | None:
    """The first of the last 32 digits whose values in a run of ids are not those of chance.

    Pearson's chi-squared statistic over the sixteen digits has 15 degrees of freedom; a sound generator exceeds 70 once
    in some 10^8 places. The share of ids that repeat the digit of the id before is 1/16.
    """
    for place in range(-_DIGITS, 0):
        digits = [task_id[place].lower() for task_id in ids]
        expected = len(digits) / 16
        chi_squared = sum((count - expected) ** 2 / expected for count in Counter(digits).values())
        chi_squared += expected * (16 - len(set(digits)))
        repeated = sum(one == other for one, other in pairwise(digits)) / len(digits)
        if chi_squared > _CHI_SQUARED_LIMIT or repeated > _REPEATED_LIMIT:
            return place + _DIGITS
    return None


def _dependent_digits(ids: list[str]) -> tuple[int, int] | None:
    """The first two of the last 32 digits that do not vary apart from each other.

    Of two digits of 200 ids there are 139 different pairs on average, with a deviation of 6; of a digit and one that
    follows from it there are 16. They are equal in one of sixteen ids.
    """
    columns = [[task_id[place].lower() for task_id in ids] for place in range(-_DIGITS, 0)]
    for (one, left), (other, right) in combinations(enumerate(columns), 2):
        equal = sum(map(eq, left, right)) / len(ids)
        if len({*zip(left, right, strict=True)}) < _FEWEST_PAIRS or equal > _REPEATED_LIMIT:
            return one, other
    return None
