"""Calls at the same time: some order explains them all, and whoever is cancelled takes nobody along."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations_with_replacement

from conformance.engine.kinds import cancelled, races, scenario
from conformance.engine.scenario import Race, Scenario
from conformance.tasks import calls as do
from conformance.tasks.calls import create, get, listing
from conformance.tasks.tables.tasks import CALLS, ENDS, MADE, A

_RACED = ("ATOM-02", ENDS[:-1]), ("ATOM-01", CALLS[:-2])
_CROWD = 600
"""More than a pool or a queue of 500 holds."""


def scenarios() -> Iterator[Scenario]:
    """All of them."""
    for about, raced in _RACED:
        pairs = [*combinations_with_replacement(raced, 2)]
        pairs.sort(key=lambda pair: pair[0] is pair[1])  # if both write the same, a lost write does not show
        yield from races(MADE, pairs, about=about, every_order=True)
    yield from cancelled(MADE, CALLS, then=[create("c")], about="ATOM-06")
    for crowd in (Race(_READS, _CROWD // len(_READS)), Race(_CREATIONS)):
        yield scenario(_READ, get(A), crowd, listing(limit=0), about="ATOM-06")


_LABELS = [f"t{number}" for number in range(20)]
_READ = create("a"), *map(create, _LABELS)
_READS = tuple(call for label in _LABELS for call in (get(do.Id(label)), get("nobody")))
_CREATIONS = tuple(create(video_ids=(str(number),)) for number in range(_CROWD // 2))
"""Reads, each with its own result, and creations, with ids of their own."""
