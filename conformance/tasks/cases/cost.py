"""Costs of a call for the server, and what a store holds, of many tasks, and leaves open."""

import asyncio
import gc
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from conformance.engine.player import Player
from conformance.engine.scenario import Action, Call, Race, Scenario, Wait
from conformance.harness import Capability, Harness, HookMissingError
from conformance.tasks import calls as do
from conformance.tasks.case import Namespace, case, showing
from conformance.tasks.cases.contents import create
from conformance.tasks.contract import TaskContract
from conformance.tasks.tables.tasks import BEYOND, CALLS, MADE, fitting
from taskstore import TaskStatus


@case("COST-01", "COST-02", needs="remote shared")
async def test_every_operation_is_one_request(namespace: Namespace) -> None:
    """Among 300 tasks of another instance each is one request, or one to each partition, however often it is made."""
    harness = namespace.harness
    player = Player(TaskContract(harness.capabilities), harness, Scenario((*MADE, *do.many(300)), instances=2))
    inspector = harness.inspector(player.namespace)
    calls = [call for call in _calls_on(harness) if {"before", "offset"}.isdisjoint(call.arguments)]  # which cost more
    fewest: list[tuple[Call, int]] = []

    def drawn() -> Iterator[Call]:
        for call in calls:
            counts = []
            for _ in range(3):  # to open a connection costs more, once
                before = inspector.requests()
                yield replace(call, on=1)
                counts.append(inspector.requests() - before - 1)  # less the inspector's own
            (entry,) = player.history[-1].made
            if not isinstance(entry.answer, HookMissingError):  # for what it lacks no store asks its server
                fewest.append((call, min(counts)))

    await player.play(drawn())
    with showing("COST-01"):
        assert [call for call, count in fewest if not count] == []
    with showing("COST-02"):
        most = {"list_tasks": harness.partitions}
        more = [(call, count) for call, count in fewest if count > most.get(call.operation, 1)]
        assert more == [], "more than one request"


def _calls_on(harness: Harness) -> list[Call]:
    """Return a call of each form that a store has."""
    return fitting((*CALLS, do.get("nobody")), harness.capabilities)


@case("COST-05")
async def test_calls_leave_nothing_behind(namespace: Namespace) -> None:
    """After a hundred calls more, of every form, some of large tasks, some cancelled, as much is open as before."""
    harness = namespace.harness
    calls = _calls_on(harness)
    found: list[list[int]] = []

    def drawn() -> Iterator[Action]:
        for turns in [5, 4, 3, 2, 1, 0] * 2:
            yield do.create("a", config={"a": "x" * 90_000 * turns})
            yield Race((*calls[turns:], *calls[:turns]), cancelled_after=turns if turns % 2 else None)
            if not turns:  # none was cancelled: a pool has all its connections then
                found.append(what_is_open())
        for _ in range(200):
            found.append(what_is_open())
            if found[-1] == found[0]:
                return
            yield Wait()  # a connection may take a moment to close

    await Player(TaskContract(harness.capabilities), harness, Scenario(MADE)).play(drawn())
    assert found[-1] == found[0], "open files, threads, tasks and timers"


def what_is_open() -> list[int]:
    """How many files and sockets, threads, and tasks and timers of the event loop this process has."""
    gc.collect()
    # asyncio looks names up in a pool of threads that it bounds itself and fills when it likes: not the store's doing.
    threads = [thread for thread in threading.enumerate() if not thread.name.startswith("asyncio_")]
    # asyncio has no public way to its timers, and other loops none at all.
    timers = getattr(asyncio.get_running_loop(), "_scheduled", ())
    timers = [timer for timer in timers if not timer.cancelled()]
    files = [*Path("/proc/self").glob("fd/*")]
    return [len(files), len(threads), len(asyncio.all_tasks()), len(timers)]


@case("ATOM-06")
async def test_a_crowd_of_calls_is_answered(store: Any) -> None:
    """More calls at the same time than a pool or a queue of 500 holds are all answered."""
    await asyncio.gather(*(create(store) for _ in range(600)))
    assert (await store.list_tasks(limit=0)).total == 600


_MANY = 10_100, 1_100
"""More tasks than a counter may stop at; final ones among them, more than the longest page and batches of a purge."""
_FEWER = 1_100, 100


@case("COST-04", "LIST-03", "LIST-04")
async def test_many_tasks_are_kept_counted_and_purged(store: Any, namespace: Namespace) -> None:
    """Of ten thousand tasks each is there, listed and counted, whether it is final or not, until it is purged."""
    many, final = _FEWER if namespace.depth == "smoke" else _MANY
    ids: list[str] = []
    while len(ids) < many:
        ids += await asyncio.gather(*(create(store) for _ in range(100)))
    for task_id in ids[:final]:
        await store.update_task_status(task_id, TaskStatus.COMPLETED)

    with showing("COST-04"):
        for task_id in ids[::50]:
            await store.get_task(task_id)
    with showing("LIST-04"):
        first = await store.list_tasks(limit=1_000)
        last = await store.list_tasks(limit=1_000, offset=many - 500)
        assert (len(first.tasks), len(last.tasks)) == (1_000, 500)
    with showing("LIST-03"):
        assert (await store.list_tasks(limit=0)).total == len(ids)
        assert (await store.list_tasks(TaskStatus.COMPLETED, limit=0)).total == final
    if namespace.has(Capability.MAINTENANCE):
        with showing("MAINT-01"):  # which groups decide, with fewer tasks
            purged = await asyncio.gather(store.purge(BEYOND), store.purge(BEYOND))
            assert sum(purged) == final
            assert (await store.list_tasks(limit=0)).total == len(ids) - final
