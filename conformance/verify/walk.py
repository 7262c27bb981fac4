"""The walk: every sequence of a few calls of a small alphabet, on at most two tasks.

Every sequence is played on its own, and ends with reads of everything. The sequences of a smaller length are among
them, so that nothing has to be read in between: reads may mend what a store has wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from math import sqrt
from typing import Any

from conformance.engine.scene import (
    Action,
    Advance,
    Copy,
    Known,
    Optional,
    Scene,
    cancel,
    create,
    get,
    listing,
    purge,
    restore,
    update,
)
from conformance.harness import Harness
from conformance.verify.document import Walk
from conformance.verify.scenes import Found, Players
from taskstore import TaskStatus

_MOST = 5
"""Differences after which a walk ends: more would only delay the report."""
_GOLDEN = (sqrt(5) - 1) / 2
"""The fractional parts of the multiples of this number are spread evenly between 0 and 1."""
_LABELS = "ab"
_CREATIONS = (create("a", video_ids=("v", "w"), config={"k": [1.0]}), create("b"))
_GOING: Mapping[str, Any] = {
    "status": "clipping",
    "progress": 5.0,
    "completed_at": None,
    **dict.fromkeys(("error_message", "error_traceback")),
}
_LISTED = (TaskStatus.PENDING, TaskStatus.CLIPPING, TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.CANCELLED)
_ANYTIME: tuple[Action, ...] = (
    Optional((purge(datetime(2100, 1, 1, tzinfo=UTC)),)),
    Advance(timedelta(days=4)),
    listing(status=TaskStatus.PENDING, limit=1),
)


def _on_a_task(label: str) -> tuple[Action, ...]:
    return (
        update(label, TaskStatus.PENDING, progress=0, current_step=""),
        update(label, TaskStatus.CLIPPING),
        update(label, TaskStatus.CLIPPING, progress=50.5, current_step="s", result_url="u"),
        update(label, TaskStatus.COMPLETED),
        update(label, TaskStatus.COMPLETED, result_url=""),
        update(label, TaskStatus.FAILED),
        update(label, TaskStatus.FAILED, progress=0, error_message="e", error_traceback=""),
        update(label, TaskStatus.CANCELLED, current_step=""),
        cancel(label),
        *(Optional((restore(task),)) for task in (Copy(label), Copy(label, _GOING))),
    )


def sequences(length: int) -> Iterator[tuple[Action, ...]]:
    """Every sequence of up to so many calls that begins with a creation, the shorter ones before those they begin."""

    def longer(done: tuple[Action, ...], created: int) -> Iterator[tuple[Action, ...]]:
        yield done
        if len(done) == length:
            return
        for creation in _CREATIONS[created : created + 1]:
            yield from longer((*done, creation), created + 1)
        for label in _LABELS[:created]:
            for action in _on_a_task(label):
                yield from longer((*done, action), created)
        for action in _ANYTIME:
            yield from longer((*done, action), created)

    yield from longer(_CREATIONS[:1], 1)


def _scene(index: int, actions: tuple[Action, ...]) -> Scene:
    created = [one for one in _CREATIONS if one in actions]
    reads = [*(get(one.label) for one in created), listing(), *(listing(status=one) for one in _LISTED)]
    return Scene(f"sequence {index}", (Known(actions), *reads))


def walk(
    subjects: Mapping[str, Harness], *, length: int, share: float = 1, seed: int = 0, only: int | None = None
) -> tuple[Walk, list[Found]]:
    """Play every sequence on subjects that are running, or a share that is spread evenly and is the same for a seed.

    `only` is the number of a single sequence.
    """
    found: dict[tuple[str, str], Found] = {}
    count = chosen = played = 0
    with Players(subjects) as players:
        for index, actions in enumerate(sequences(length)):
            count += 1
            is_chosen = share == 1 or (index + seed) * _GOLDEN % 1 < share
            if (is_chosen if only is None else index == only) and len(found) < _MOST:
                chosen += 1
                whole, differences = players.play(_scene(index, actions), replay={"length": length, "index": index})
                played += whole
                for one in differences:
                    shortest = found.get(one.signature)
                    if shortest is None or len(one.difference.script) < len(shortest.difference.script):
                        found[one.signature] = one
        outcome = Walk(
            passed=not found,
            decided=played == chosen > 0,
            length=length,
            share=share,
            sequences=count,
            chosen=chosen,
            played=played,
            calls=players.calls,
            not_played=players.not_played,
            differences=tuple(one.difference for one in found.values()),
        )
    return outcome, list(found.values())
