"""Calls at the same time: some order explains them all, and whoever is cancelled takes nobody along."""

from itertools import combinations_with_replacement

from conformance.engine.kinds import Scenarios, cancelled, races
from conformance.tasks.calls import create
from conformance.tasks.tables.tasks import CALLS, ENDS, MADE

_RACED = ("ATOM-02", ENDS[:-1]), ("ATOM-01", CALLS[:-2])


def scenarios() -> Scenarios:
    """All of them."""
    for about, raced in _RACED:
        pairs = [*combinations_with_replacement(raced, 2)]
        pairs.sort(key=lambda pair: pair[0] is pair[1])  # if both write the same, a lost write does not show
        yield from races(MADE, pairs, about=about)
    yield from cancelled(MADE, CALLS, then=[create("c")], about="ATOM-06")
