"""The plan: every scene of the tour."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from random import Random

from conformance.engine.scene import Action, Close, Known, Populate, Scene, Step, get, listing
from conformance.tour import (
    changes,
    contents,
    ids,
    lifetimes,
    listings,
    maintenance,
    places,
    races,
    refused,
    repertoire,
    states,
)
from taskstore import TaskStatus

_CHAPTERS: tuple[Callable[[Random], Iterator[Scene]], ...] = (
    states.states,
    states.later,
    states.texts,
    contents.texts,
    contents.sizes,
    contents.progresses,
    contents.configs,
    contents.alike,
    contents.refusals,
    ids.ids,
    ids.new_ids,
    ids.internal,
    ids.met_before,
    ids.reuses,
    maintenance.restores,
    maintenance.zones,
    maintenance.restored_values,
    refused.unrestorable,
    refused.everywhere,
    maintenance.purges,
    listings.lists,
    listings.cursors,
    changes.changes,
    lifetimes.expiries,
    lifetimes.unchanged,
    lifetimes.busy,
    lifetimes.renewals,
    lifetimes.unseen_expiries,
    places.places,
    races.races,
    repertoire.everywhere,
)


_FEW = 500
_TWICE = (lifetimes.expiries, lifetimes.unchanged, ids.reuses, places.places)
"""Chapters whose scenes, but for those among very many tasks, are also played without the reads after each write:
those remove what has expired, and fill caches."""


def plan(seed: int) -> list[Scene]:
    """Every scene. The classes that they visit are the same for every seed; contents and sizes vary."""
    random = Random(seed)  # noqa: S311  nothing secret is made
    return [scene for chapter in _CHAPTERS for scene in _scenes(chapter, random)]


def _scenes(chapter: Callable[[Random], Iterator[Scene]], random: Random) -> Iterator[Scene]:
    for scene in chapter(random):
        yield scene
        if chapter in _TWICE and not any(isinstance(one, Populate) and one.count > _FEW for one in scene.actions):
            labels = dict.fromkeys(
                one.label for one in scene.actions if isinstance(one, Step) and one.operation == "create_task"
            )
            reads = (
                *(get(label) for label in labels if label),
                listing(),
                *(listing(status=one) for one in TaskStatus),
            )
            closed = any(isinstance(one, Close) for one in scene.actions)
            actions: tuple[Action, ...] = (Known(tuple(scene.actions)), *(() if closed else reads))
            yield replace(scene, name=f"{scene.name}, looked at last", actions=actions)
