"""The engine knows no task: a second contract, of a job queue with leases, and stores that keep and break it."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import combinations_with_replacement
from random import Random
from typing import Any, TypeAlias

import pytest
from hypothesis import strategies as st

from conformance.engine import kinds
from conformance.engine.contract import Contract
from conformance.engine.finding import Coverage, Finding
from conformance.engine.group import play as play_all
from conformance.engine.group import play_one
from conformance.engine.outcome import Invocation, Outcome, Raised
from conformance.engine.random_scenario import RandomScenario
from conformance.engine.scenario import Call, Reference, Scenario
from conformance.harness import Capability, Harness
from conformance.operations.operation import WHOLE, Operation

LEASE = timedelta(minutes=1)
JOB = {"job": st.text()}
Jobs: TypeAlias = tuple[tuple[str, Any], ...]
"""Each job, with the span in which it was taken, or None."""


OPERATIONS = {
    operation.name: operation
    for operation in (
        Operation("put", "put", JOB, writes="job"),
        Operation("take", "take", writes=WHOLE),
        Operation("done", "done", JOB, writes="job"),
        Operation("waiting", "waiting", reads=WHOLE),
    )
}


class QueueContract(Contract):
    """`take` gives the first job that nobody has; until its lease ends nobody else gets it, and after `done` never."""

    operations = OPERATIONS

    def initial(self) -> Jobs:
        return ()

    def step(self, state: Jobs, call: Invocation) -> Sequence[Outcome]:
        free = [job for job, taken in state if taken is None or call.at.earliest - taken.latest >= LEASE]
        match call.operation, call.arguments.get("job"):
            case "put", job:
                return [Outcome(None, tuple((dict(state) | {job: None}).items()))]
            case "take", _ if free:
                now = tuple((job, call.at if job == free[0] else taken) for job, taken in state)
                return [Outcome(free[0], now)]
            case "done", job if all(job != other or taken is None for other, taken in state):
                return [Outcome(Raised("LookupError"), state)]
            case "done", job:
                return [Outcome(None, tuple(entry for entry in state if entry[0] != job))]
            case "waiting", _:
                return [Outcome(len(free), state)]
        return [Outcome(None, state)]


class RandomJobs(RandomScenario):
    first = "put"
    kinds = raced = ("take", "done", "waiting", "put")
    spans = (LEASE / 2, LEASE - timedelta(seconds=9), LEASE + timedelta(seconds=9))

    def call(self, made: Sequence[str], kind: str) -> Call:
        match kind:
            case "put":
                return Call("put", {"job": f"job{self.random.randrange(10**6)}"})
            case "take":
                return Call("take", {}, label=f"taken{len(made)}")
            case "done" if made:
                label = self.one_of(made)
                return Call("done", {"job": Reference(label, label, lambda entry: str(entry.observed))})
            case "done":
                return Call("done", {"job": "nothing"})
        return Call("waiting", {})


class Place:
    """What the instances of a namespace share: jobs, and when their leases end."""

    def __init__(self) -> None:
        self.jobs: dict[str, timedelta] = {}
        self.now = timedelta(0)


class Queue:
    """Right: what a call reads and writes happens at one moment."""

    lease = LEASE

    def __init__(self, place: Place) -> None:
        self.place = place

    async def put(self, job: str) -> None:
        await asyncio.sleep(0)
        self.place.jobs[job] = timedelta(0)
        await asyncio.sleep(0)

    def free(self) -> list[str]:
        return [job for job, end in self.place.jobs.items() if end <= self.place.now]

    async def take(self) -> str | None:
        await asyncio.sleep(0)
        for job in self.free():
            self.place.jobs[job] = self.place.now + self.lease
            return job
        return None

    async def done(self, job: str) -> None:
        await asyncio.sleep(0)
        if self.place.jobs.get(job, timedelta(0)) == timedelta(0):
            raise LookupError(job)
        del self.place.jobs[job]

    async def waiting(self) -> int:
        return len(self.free())


class LosesUpdates(Queue):
    async def take(self) -> str | None:
        for job in self.free():
            await asyncio.sleep(0)
            self.place.jobs[job] = self.place.now + LEASE
            return job
        return None


class EndsLate(Queue):
    lease = LEASE + timedelta(minutes=1)


class RepeatsWhenNoReplyCame(Queue):
    async def put(self, job: str) -> None:
        try:
            await super().put(job)
        except asyncio.CancelledError:
            self.place.jobs[f"{job}, again"] = timedelta(0)
            raise


class KeepsItToItself(Queue):
    def __init__(self, place: Place) -> None:
        super().__init__(Place())
        self.clock = place

    def free(self) -> list[str]:
        self.place.now = self.clock.now
        return super().free()


class RaisesAnother(Queue):
    async def done(self, job: str) -> None:
        try:
            await super().done(job)
        except LookupError:
            raise OSError(job) from None


class QueueHarness(Harness):
    capabilities = frozenset({Capability.SHARED, Capability.PERSISTENT, Capability.EXPIRING})

    def __init__(self, kind: type[Queue]) -> None:
        self.kind = kind
        self.places: defaultdict[str, Place] = defaultdict(Place)

    @asynccontextmanager
    async def open(self, namespace: str) -> AsyncIterator[Queue]:
        yield self.kind(self.places[namespace])

    def advance(self, namespace: str, by: timedelta) -> None:
        self.places[namespace].now += by


def of_each_kind() -> Iterator[Scenario]:
    put, take, done, waiting = (Call(name, {}) for name in OPERATIONS)
    put, done = (replace(call, arguments={"job": "a"}) for call in (put, done))
    calls = put, take, done, waiting
    yield from kinds.closed([put], calls, about="closed")
    yield from kinds.races([put, put], combinations_with_replacement(calls, 2), warm_up=waiting, about="races")
    yield from kinds.cancelled([put], calls, then=[take], about="cancelled")
    yield from kinds.shared([calls], about="shared", apart="apart")
    yield from kinds.reopened([put], calls, about="persistent", anew="anew")
    yield from kinds.ended([put, take], calls, lifetime=LEASE, about="expires", alive=[waiting])


def findings(kind: type[Queue]) -> list[Finding]:
    coverage = Coverage()

    async def play() -> None:
        for number in range(150):
            draw = partial(RandomJobs, Random(number))
            await play_one(QueueContract(), QueueHarness(kind), Scenario(instances=2), coverage, draw)
        await play_all(QueueContract(), QueueHarness(kind), of_each_kind(), coverage)

    asyncio.run(play())
    return [*coverage.findings.values()]


def test_a_right_queue_passes() -> None:
    assert [finding.lines for finding in findings(Queue)] == []


SHOWN = {
    LosesUpdates: "await asyncio.gather(store",
    EndsLate: "# 0:01:09 pass",
    RepeatsWhenNoReplyCame: "raises CancelledError",
    KeepsItToItself: "store2.",
    RaisesAnother: "raises OSError",
}


@pytest.mark.parametrize("kind", SHOWN)
def test_a_wrong_queue_is_found_with_a_short_script(kind: type[Queue]) -> None:
    shortest = min(findings(kind), key=lambda finding: len(finding.scenario.actions))
    assert len(shortest.scenario.actions) <= 5
    assert SHOWN[kind] in "\n".join(shortest.lines)
