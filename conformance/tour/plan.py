"""The plan: every scene of the tour."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

from conformance.engine.scene import Scene
from conformance.tour import contents, ids, lifetimes, listings, maintenance, places, states

_CHAPTERS: tuple[Callable[[Random], Iterator[Scene]], ...] = (
    states.states,
    states.later,
    contents.texts,
    contents.sizes,
    contents.progresses,
    contents.configs,
    contents.refusals,
    ids.ids,
    ids.new_ids,
    ids.reuses,
    maintenance.restores,
    maintenance.restored_values,
    maintenance.unrestorable,
    maintenance.purges,
    listings.lists,
    listings.cursors,
    listings.many,
    lifetimes.expiries,
    places.places,
    places.races,
)


def plan(seed: int) -> list[Scene]:
    """Every scene. The classes that they visit are the same for every seed; contents and sizes vary."""
    random = Random(seed)  # noqa: S311  nothing secret is made
    return [scene for chapter in _CHAPTERS for scene in chapter(random)]
