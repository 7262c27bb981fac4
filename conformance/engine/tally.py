"""What playing scenes gathers: findings, and how often what was reached."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from conformance.engine.scene import Scene
from conformance.spec.model import State

SIZES = (0, 1, 2, 50, 51, 250, 1_000, 1_001, 10_000)
"""The sizes of a store that are counted apart."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a store did wrong: the requirements it breaks, the nearest first, and how it was seen."""

    requirements: tuple[str, ...]
    words: str
    scene: Scene
    lines: tuple[str, ...]
    played: int = 0
    """How many actions of the scene were begun when it was seen."""
    traits: tuple[str, ...] = ()
    """What differed, if not in a call by itself: beside or after others at the same time, after reopening, after some
    time, or on another instance than the write before."""


@dataclass
class Tally:
    """What a run gathers over its scenes."""

    findings: list[Finding] = field(default_factory=list)
    exercised: Counter[str] = field(default_factory=Counter)
    """How often a result was compared that these requirements decide."""
    calls: Counter[tuple[str, str]] = field(default_factory=Counter)
    """How often an operation ended in a result of that kind."""
    met: Counter[tuple[str, str]] = field(default_factory=Counter)
    """How often an operation met a task of that status, or `no task`."""
    sizes: Counter[tuple[str, int]] = field(default_factory=Counter)
    """How often an operation was called on a store of at least so many tasks, and less than the next size."""
    alone: set[str] = field(default_factory=set)
    """What differed in a call by itself."""
    made_ids: list[tuple[str, str]] = field(default_factory=list)
    """The ids that stores gave, each after the namespace in which it was given."""
    on_progress: Callable[[], None] = lambda: None
    """Called when a store is opened, and now and then before a call."""

    def exercise(self, requirements: Iterable[str]) -> None:
        """Count a result that these requirements decide."""
        for number in requirements:
            self.exercised[number] += 1

    def count_place(self, operation: str, arguments: Mapping[str, Any], state: State) -> None:
        """Count what a call meets: the status of its task, and the size of the store."""
        task_id = arguments.get("task_id")
        if isinstance(task_id, str):
            task = state.get(task_id)
            self.met[operation, "no task" if task is None else task.status] += 1
        self.sizes[operation, SIZES[bisect_right(SIZES, len(state.tasks)) - 1]] += 1
