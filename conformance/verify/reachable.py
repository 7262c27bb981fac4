"""What can be reached in a bounded world, nearest first: the path to each state is a shortest one.

States are counted up to what no operation decides by: the names of ids, the numbers of the writes that `updated` and
`completed` are, the place among the creations (their order is kept), video ids, and metadata. The model does the same
whatever these are, so states that differ only there answer every call alike, but for the same names, numbers and
values. Ends of life are counted from now, and no time passes but in whole steps.

On the other hand a state says more here than in the model: of a task that is gone, whether it has expired and nothing
has been listed or written since, and in which status it was. The model has forgotten it; a store may hold a trace.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from conformance.verify.bounded_world import ADVANCE, DAY, READS, STEP, BoundedWorld, calls
from conformance.verify.model import LIFETIME, Call, Record, Refusal, State, step

Condition: TypeAlias = tuple[str, ...]
_EMPTY = State(lifetime=LIFETIME)


@dataclass(frozen=True, slots=True)
class Offer:
    """A call that can be made in a state, and the class of its arguments."""

    kind: str
    call: Call


@dataclass(frozen=True, slots=True)
class Place:
    """A state of the model, a shortest way to it, and every call that the world has for it."""

    world: str
    number: int
    path: tuple[Call, ...]
    offers: tuple[Offer, ...]
    traces: bool
    """Whether a store may hold a trace of something expired, which the first listing or write removes."""


@dataclass(frozen=True, slots=True)
class Point:
    """Where a path has come to."""

    state: State = _EMPTY
    now: int = 0
    seen: Mapping[str, Record] = field(default_factory=dict)
    """Every task that ever was, in order of creation, as it was last."""
    expired: frozenset[str] = frozenset()
    """Which of them have expired, and nothing was listed or written since."""

    @property
    def alive(self) -> Mapping[str, tuple[Record, int | None]]:
        """Those that are there, with the ends of their lives."""
        return {task.task_id: (task, end) for task, end in self.state.tasks}

    def offers(self, world: BoundedWorld) -> Iterator[Offer]:
        """Every call that a world has here."""
        for kind, operation, arguments in calls(world, self.seen, self.alive):
            new_id = f"task{len(self.seen) + 1}" if operation == "create_task" else ""
            at = self.now + (STEP * DAY if operation == ADVANCE else 0)
            yield Offer(kind, Call(operation, arguments, at, new_id))

    def after(self, call: Call) -> Point:
        """Where the call leads."""
        if call.operation == ADVANCE:
            alive = tuple(kept for kept in self.state.tasks if kept[1] is None or call.at <= kept[1])
            gone = {task.task_id for task, _ in self.state.tasks} - {task.task_id for task, _ in alive}
            return replace(self, state=replace(self.state, tasks=alive), now=call.at, expired=self.expired | gone)
        result, state = step(self.state, call)
        swept = call.operation != "get_task" and not isinstance(result, Refusal)
        seen = {**self.seen, **{task.task_id: task for task, _ in state.tasks}}
        return replace(self, state=state, seen=seen, expired=frozenset() if swept else self.expired)

    def conditions(self) -> tuple[Condition, ...]:
        """What tells this state from others: the condition of every task that ever was, in order of creation."""
        alive = self.alive
        return tuple(
            _condition(*alive[task_id], self.now)
            if task_id in alive
            else (("expired", task.status) if task_id in self.expired else ("gone",))
            for task_id, task in self.seen.items()
        )


def _condition(task: Record, end: int | None, now: int) -> Condition:
    texts = (task.current_step, task.result_url, task.error_message, task.error_traceback)
    return (task.status, repr(task.progress), *map(repr, texts), repr(end and (end - now)))


def explore(world: BoundedWorld) -> list[Place]:
    """Find every reachable state of a world, nearest first."""
    start = Point()
    found: dict[tuple[Condition, ...], tuple[Point, tuple[Call, ...]]] = {start.conditions(): (start, ())}
    places: list[Place] = []
    queue = list(found.values())
    for point, path in queue:
        offers = tuple(point.offers(world))
        places.append(Place(world.name, len(places), path, offers, bool(point.expired)))
        for call in (offer.call for offer in offers if offer.call.operation not in READS):
            after = point.after(call)
            if (conditions := after.conditions()) not in found:
                found[conditions] = (after, (*path, call))
                queue.append(found[conditions])
    return places
