"""Contention: several clients on the same few tasks, through two instances and on request in other processes too."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from contextlib import AsyncExitStack
from datetime import timedelta
from itertools import groupby
from operator import attrgetter
from tempfile import TemporaryDirectory
from typing import Self

from conformance.case import Namespace
from conformance.harness import Capability, Harness
from conformance.processes import Crew
from conformance.verify.histories.client import Client, turns
from conformance.verify.histories.history import ADVANCE, History, Interval, Planned
from conformance.verify.histories.workload import Workload

ENOUGH = 50
"""How many writes took effect in a history at least, and how many pairs of overlapping calls conflict."""
_MOST_ROUNDS = 60
_EXPIRES = timedelta(days=8)
_HEAD_START = 3_000_000
"""Nanoseconds from the message to other processes to the beginning of a round."""
_AWAY = (3, 4)
"""The clients that are in other processes, if any are; never the one that creates tasks and lets time pass."""


def qualifies(history: History) -> bool:
    """Whether there was enough contention in it to count."""
    return len(history.effective_writes()) >= ENOUGH and history.conflicts() >= ENOUGH


def workload_for(harness: Harness, seed: int) -> Workload:
    """The workload that suits a subject."""
    return Workload(seed, expiring=Capability.EXPIRING in harness.capabilities)


async def contend(harness: Harness, workload: Workload, *, subject: str = "", crew: Crew | None = None) -> History:
    """Record a history that goes on until it qualifies; one that never does ends after sixty rounds.

    Some clients are in the processes of `crew`, if there is one: it has `conformance.verify.histories.process.Clients`.
    """
    made: list[Interval] = []
    async with _Contention(harness, crew) as contention:
        for number, calls in enumerate(workload.rounds()):
            made += await contention.play(calls)
            history = _history(made, harness, subject, workload.seed)
            if qualifies(history) or number == _MOST_ROUNDS:
                break
    return history


async def play(harness: Harness, calls: Iterable[Planned], *, subject: str = "", seed: int = 0) -> History:
    """Record a history of exactly these calls, which are in the order of their rounds."""
    rounds = groupby(calls, attrgetter("round"))
    async with _Contention(harness, None) as contention:
        made = [interval for _, some in rounds for interval in await contention.play(some)]
    return _history(made, harness, subject, seed)


async def meets(harness: Harness, crew: Crew) -> bool:
    """Whether another process sees the tasks of a namespace that its settings name."""
    look = Planned(_AWAY[0], "get_task", {"task_id": "0a"}, 1)
    creation = Planned(0, "create_task", {"video_ids": ["0a"]})
    async with _Contention(harness, crew) as contention:
        await contention.play([creation])
        seen = await contention.play([look])
    return [one.result is not None and "task" in one.result for one in seen] == [True]


def _history(made: list[Interval], harness: Harness, subject: str, seed: int) -> History:
    expiring = Capability.EXPIRING in harness.capabilities
    return History(tuple(sorted(made, key=lambda one: one.called)), subject, expiring, seed)


class _Contention:
    """Instances on a new namespace, and the clients that share them."""

    def __init__(self, harness: Harness, crew: Crew | None) -> None:
        self._harness = harness
        self._namespace = Namespace(harness).name
        self._crew = crew
        self._origin = time.monotonic_ns()
        self._labels: dict[str, str] = {}

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            stack.callback(self._harness.discard, self._namespace)
            self._clients = []
            for _ in range(2 if Capability.SHARED in self._harness.capabilities else 1):
                store = await stack.enter_async_context(self._harness.open(self._namespace))
                self._clients.append(Client(store, self._labels, self._origin))
            if self._crew is not None:
                folder = stack.enter_context(TemporaryDirectory(prefix="conformance-"))
                environment = dict(self._harness.environment(self._namespace))
                self._crew.ask("open", self._harness.opener, environment, folder)
                stack.callback(self._crew.ask, "close")
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def play(self, calls: Iterable[Planned]) -> list[Interval]:
        """One round: it is over when every client is."""
        client_of = attrgetter("client")
        by_client = {client: list(some) for client, some in groupby(sorted(calls, key=client_of), client_of)}
        if self._crew is not None:
            away = [by_client.pop(client) for client in sorted(by_client) if client in _AWAY]
            shares = [away[number :: self._crew.count] for number in range(self._crew.count)]
            start = time.monotonic_ns() + _HEAD_START
            self._crew.send(("play", share, self._labels, self._origin, start) for share in shares)
        made = await asyncio.gather(*(self._make(client, planned) for client, planned in by_client.items()))
        if self._crew is not None:
            made += self._crew.answers()
        return [interval for intervals in made for interval in intervals]

    async def _make(self, client: int, calls: list[Planned]) -> list[Interval]:
        if self._crew is not None:
            await asyncio.sleep(_HEAD_START / 1e9)
        made: list[Interval] = []
        for call in calls:
            if call.operation == ADVANCE:
                made.append(await self._advance(call))
            else:
                made += await self._clients[client % len(self._clients)].make([call])
        return made

    async def _advance(self, call: Planned) -> Interval:
        """Let the tasks expire: in a thread where there is a server to wait for, so that others can meet it."""
        await turns(call.pause)
        called = time.monotonic_ns() - self._origin
        if Capability.REMOTE in self._harness.capabilities:
            await asyncio.to_thread(self._harness.advance, self._namespace, _EXPIRES)
        else:
            await asyncio.sleep(0)
            self._harness.advance(self._namespace, _EXPIRES)
            await asyncio.sleep(0)
        return Interval(call, called, time.monotonic_ns() - self._origin)
