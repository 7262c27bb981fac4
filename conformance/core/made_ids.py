"""What many ids together show: another form, and digits that are not random or depend on others."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import combinations, pairwise
from operator import eq

OWN_ID = re.compile(r"task_[0-9a-fA-F]{32,}")
"""The form of an id that the store makes."""
ENOUGH = 200
"""So many ids tell whether their digits are random."""
_DIGITS = 32
_CHI_SQUARED_LIMIT = 70.0
_REPEATED_LIMIT = 0.25
_MOST_COMPARED = 500
_FEWEST_PAIRS = 80


def regular(ids: Sequence[str]) -> str:
    """In words, what is not random in the last 32 digits of these ids; nothing if all is.

    Pearson's chi-squared statistic over sixteen digits has 15 degrees of freedom; a sound generator exceeds 70 once in
    some 10^8 places. Of two digits of 200 ids there are 139 different pairs on average, with a deviation of 6; of a
    digit and one that follows from it there are 16. Two digits are equal in one of sixteen ids.
    """
    if short := [task_id for task_id in ids if len(task_id) < _DIGITS]:
        return f"{short[0]!r} has fewer than {_DIGITS} digits"
    columns = [[task_id[place].lower() for task_id in ids[:_MOST_COMPARED]] for place in range(-_DIGITS, 0)]
    for place, digits in enumerate(columns):
        expected = len(digits) / 16
        chi_squared = sum((count - expected) ** 2 / expected for count in Counter(digits).values())
        chi_squared += expected * (16 - len(set(digits)))
        repeated = sum(one == other for one, other in pairwise(digits)) / len(digits)
        if chi_squared > _CHI_SQUARED_LIMIT or repeated > _REPEATED_LIMIT:
            return f"digit {place} of {len(digits)} ids is not random, {ids[0]!r} for one"
    for (one, left), (other, right) in combinations(enumerate(columns), 2):
        pairs, equal = len({*zip(left, right, strict=True)}), sum(map(eq, left, right)) / len(left)
        if pairs < _FEWEST_PAIRS or equal > _REPEATED_LIMIT:
            return f"digits {one} and {other} of {len(left)} ids depend on each other, {ids[0]!r} for one"
    return ""
