"""Every transition: in each state that a bounded world has, every call that the world has, on every subject.

A transition agrees if on every subject the result is the model's and so is all that can be seen afterwards: the whole
listing, the total of every status, a get of every task that ever was, and the tasks that were handed out before.

A call that changes something starts from an empty world and a shortest path to its state. Calls of which the model says
that they change nothing share one such beginning, a few dozen at a time: the listing is compared after each that may
write, everything at the end, and should anything differ, each of them is made again on its own. Whatever differs is
told by the first call on the way that goes wrong.
"""

from __future__ import annotations

import asyncio
import functools
import multiprocessing
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from math import sqrt
from multiprocessing.connection import Connection
from typing import Any, TypeAlias

from conformance.harness import Harness, HookMissingError
from conformance.verify.bounded_world import WORLDS, BoundedWorld
from conformance.verify.outcome import Difference, NotExecuted, Transition, TransitionsOutcome
from conformance.verify.reachable import Place, explore
from conformance.verify.walker import DiffersError, Walker, keeps

_WALKERS = 4
"""Worlds of one subject that are open at once: one waits for the server while another works."""
_TOGETHER = 50
"""The most calls that share a beginning."""
_GOLDEN = (sqrt(5) - 1) / 2
"""The multiples of no other number are spread more evenly between 0 and 1, once their whole part is gone."""


def run_transitions(
    subjects: Mapping[str, Harness],
    *,
    share: float = 1,
    seed: int = 0,
    worlds: Iterable[BoundedWorld] = WORLDS,
    apart: bool = False,
    only: int | None = None,
) -> TransitionsOutcome:
    """Make every transition, or a share of them that is spread evenly and is the same for a seed, on running subjects.

    `apart` gives each subject a process of its own, forked from this one: worth it for many transitions. `only` is the
    index of a single one.

    Raises:
        ValueError: if the share is not above 0, or is above 1.
    """
    if not 0 < share <= 1:
        raise ValueError(f"a share is above 0 and at most 1, not {share}")
    start = time.perf_counter()
    places = {world: explore(world) for world in worlds}
    every = [(place, offer) for found in places.values() for place in found for offer in place.offers]
    chosen = [
        Transition(index, *one)
        for index, one in enumerate(every)
        if (only is None and (share == 1 or (index + seed) * _GOLDEN % 1 < share)) or index == only
    ]
    run_on = _run_apart if apart else _run_here
    books = run_on([functools.partial(_run_on, name, harness, chosen) for name, harness in subjects.items()])
    executed = {one.index for one in chosen}.intersection(*(book.executed for book in books))
    return TransitionsOutcome(
        worlds=tuple(_describe(world, found) for world, found in places.items()),
        subjects=tuple(subjects),
        share=share,
        seed=seed,
        states=sum(map(len, places.values())),
        transitions=len(every),
        chosen=len(chosen),
        executed=len(executed),
        agreed=len(executed.difference(*(book.differing for book in books))),
        not_executed=tuple(one for book in books for one in book.not_executed),
        differences=tuple(one for book in books for one in book.differences.values()),
        seconds=round(time.perf_counter() - start, 3),
    )


def _describe(world: BoundedWorld, places: list[Place]) -> dict[str, Any]:
    classes = Counter((offer.call.operation, offer.kind) for place in places for offer in place.offers)
    return {
        "name": world.name,
        "tasks": world.tasks,
        "statuses": list(world.statuses),
        "states": len(places),
        "transitions": classes.total(),
        "longest_path": max(len(place.path) for place in places),
        "classes": [
            {"operation": operation, "arguments": kind, "transitions": count}
            for (operation, kind), count in sorted(classes.items())
        ],
    }


@dataclass
class _Book:
    """What came of it on one subject."""

    executed: set[int] = field(default_factory=set)
    differing: set[int] = field(default_factory=set)
    not_executed: list[NotExecuted] = field(default_factory=list)
    differences: dict[str, Difference] = field(default_factory=dict)
    """By the calls that show it: many transitions lie behind one that goes wrong."""


_Run: TypeAlias = Callable[[], Coroutine[Any, Any, _Book]]


def _run_here(runs: Iterable[_Run]) -> list[_Book]:
    return [asyncio.run(run()) for run in runs]


def _run_apart(runs: Iterable[_Run]) -> list[_Book]:
    """Fork, so that nothing that runs has to be started again. What is found comes back through a pipe."""
    fork = multiprocessing.get_context("fork")
    started = []
    for run in runs:
        receiver, sender = fork.Pipe(duplex=False)
        process = fork.Process(target=_send, args=(sender, run))
        process.start()
        sender.close()
        started.append((receiver, process))
    try:
        found = [receiver.recv() for receiver, _ in started]
    finally:
        for receiver, process in started:
            receiver.close()
            process.terminate()  # one that has sent its book has nothing left to do
            process.join()
    for book in found:
        if isinstance(book, BaseException):
            raise book
    return found


def _send(sender: Connection, run: _Run) -> None:
    try:
        sender.send(asyncio.run(run()))
    except BaseException as fault:
        sender.send(fault)
        raise


async def _run_on(name: str, harness: Harness, chosen: Iterable[Transition]) -> _Book:
    book = _Book()
    visits = (list(some) for _, some in groupby(chosen, key=lambda one: (one.place.world, one.place.number)))

    async def work() -> None:
        async with Walker(name, harness) as walker:
            for visit in visits:
                await _visit(walker, visit, book)

    await asyncio.gather(*(work() for _ in range(_WALKERS)))
    return book


async def _visit(walker: Walker, visit: list[Transition], book: _Book) -> None:
    """Make the calls that were chosen in one state."""
    place = visit[0].place
    state = walker.at(place) if walker.can(place.path) and not place.traces else None
    keeping: list[Transition] = []
    alone: list[Transition] = []
    for one in visit:
        keeps_all = state is not None and walker.can([one.offer.call]) and keeps(state, one.offer.call)
        (keeping if keeps_all else alone).append(one)
    for start in range(0, len(keeping), _TOGETHER):
        await _make_together(walker, keeping[start : start + _TOGETHER], book)
    for one in alone:
        await _make(walker, one, book)


async def _make_together(walker: Walker, some: list[Transition], book: _Book) -> None:
    """Make calls that change nothing, one after the other; on their own if anything differs."""
    made = some[0]
    try:
        await walker.begin(made.place.path)
        for made in some:
            await walker.go(made.offer.call)
            await walker.look()
        await walker.look_everywhere()
        book.executed.update(one.index for one in some)
    except (DiffersError, HookMissingError) as fault:
        known = len(book.differing)
        for one in some:
            await _make(walker, one, book)
        if isinstance(fault, DiffersError) and len(book.differing) == known:
            _note(walker.name, made, fault, book)


async def _make(walker: Walker, one: Transition, book: _Book) -> None:
    """Make one transition on its own."""
    if not walker.can(one.calls):
        book.not_executed.append(NotExecuted(walker.name, one, "the store has not all of these operations"))
        return
    arrived = False
    try:
        await walker.begin(one.place.path)
        arrived = True
        await walker.go(one.offer.call)
        await walker.look_everywhere()
    except HookMissingError as missing:
        book.not_executed.append(NotExecuted(walker.name, one, str(missing)))
        return
    except DiffersError as fault:
        if not arrived:
            book.not_executed.append(NotExecuted(walker.name, one, f"the way there differs: {fault}"))
        _note(walker.name, one, await _first(walker, fault), book)
    if arrived:
        book.executed.add(one.index)


async def _first(walker: Walker, fault: DiffersError) -> DiffersError:
    """Go a part of the same way, and further each time, with a look at everything at its end: where it goes wrong.

    A look on the way would not do: a store may clean up what it lists.
    """
    for end in range(1, len(fault.done)):
        try:
            await walker.begin(fault.done[:end])
            await walker.look_everywhere()
        except DiffersError as earlier:
            return earlier
    return fault


def _note(subject: str, one: Transition, fault: DiffersError, book: _Book) -> None:
    book.differing.add(one.index)
    found = Difference(subject, one, fault.done, fault.look, fault.expected, fault.got, str(fault), fault.lifetime)
    book.differences.setdefault(repr((fault.done, fault.look)), found)
