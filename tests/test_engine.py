"""The engine knows no task: a second contract, of a job queue with leases, and stores that keep and break it."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import combinations_with_replacement
from typing import Any, TypeAlias

import pytest
from hypothesis import strategies as st

from conformance.engine import kinds
from conformance.engine.contract import Contract, Entry, Outcome, Raised
from conformance.engine.finding import Coverage, Finding
from conformance.engine.group import Group
from conformance.engine.scenario import Call, Scenario
from conformance.harness import Capability, Harness
from conformance.operations.operation import WHOLE, Operation

LEASE = timedelta(minutes=1)
NEVER = timedelta(0)
"""The end of a lease that was not taken."""
JOB = {"job": st.text()}
OPERATIONS = {
    "put": Operation("put", "put", JOB, writes="job"),
    "take": Operation("take", "take", writes=WHOLE),
    "done": Operation("done", "done", JOB, writes="job"),
    "waiting": Operation("waiting", "waiting", reads=WHOLE),
}
Jobs: TypeAlias = tuple[tuple[str, Any], ...]
"""Each job, with the span in which it was taken, or None."""


class QueueContract(Contract):
    """`take` gives the first job that nobody has; until its lease ends nobody else gets it, and after `done` never."""

    operations = OPERATIONS

    def initial(self) -> Jobs:
        return ()

    def step(self, state: Jobs, entry: Entry) -> Sequence[Outcome]:
        jobs: dict[str, Any] = dict(state)
        free = [job for job, taken in state if taken is None or entry.at.earliest - taken.latest >= LEASE]
        job = entry.arguments.get("job", "")
        result: Any = None
        match entry.call.operation:
            case "put":
                jobs[job] = None
            case "take" if free:
                result = free[0]
                jobs[result] = entry.at
            case "done" if jobs.get(job) is None:
                result = Raised("LookupError")
            case "done":
                del jobs[job]
            case "waiting":
                result = len(free)
        return [Outcome(result, tuple(jobs.items()))]


def scenarios() -> Iterator[Scenario]:
    """Every kind of scenario of every operation."""
    put, done = (Call(name, {"job": "a"}) for name in ("put", "done"))
    take, waiting = (Call(name, {}) for name in ("take", "waiting"))
    calls = put, take, done, waiting
    yield from kinds.closed([put], calls, about="closed")
    yield from kinds.races([put], combinations_with_replacement(calls, 2), about="races")
    yield from kinds.cancelled([], calls, then=[take, take], about="cancelled")
    yield from kinds.shared([calls], about="shared", apart="apart")
    yield from kinds.reopened([put], calls, about="persistent", anew="anew")
    yield from kinds.ended([put, take], calls, lifetime=LEASE, about="expires", alive=[waiting])


class Place:
    """What the instances of a namespace share: the time, and jobs with the ends of their leases."""

    now = NEVER

    def __init__(self) -> None:
        self.jobs: dict[str, timedelta] = {}


class Queue:
    """Right: what a call reads and writes happens at one moment."""

    lease = LEASE

    def __init__(self, place: Place) -> None:
        self.place = place
        self.jobs = place.jobs

    async def put(self, job: str) -> None:
        await asyncio.sleep(0)
        self.jobs[job] = NEVER
        await asyncio.sleep(0)

    def free(self) -> list[str]:
        return [job for job, end in self.jobs.items() if end <= self.place.now]

    async def take(self) -> str | None:
        for job in self.free():
            self.jobs[job] = self.place.now + self.lease
            return job
        return None

    async def done(self, job: str) -> None:
        if self.jobs.get(job, NEVER) == NEVER:
            raise LookupError(job)
        del self.jobs[job]

    async def waiting(self) -> int:
        return len(self.free())


class LosesUpdates(Queue):
    async def take(self) -> str | None:
        free = self.free()
        await asyncio.sleep(0)
        for job in free[:1]:
            self.jobs[job] = self.place.now + LEASE
        return next(iter(free), None)


class EndsLate(Queue):
    lease = 2 * LEASE


class RepeatsWhenNoReplyCame(Queue):
    async def put(self, job: str) -> None:
        try:
            await super().put(job)
        except asyncio.CancelledError:
            self.jobs["again"] = NEVER
            raise


class KeepsItToItself(Queue):
    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self.jobs = {}


class RaisesAnother(Queue):
    async def done(self, job: str) -> None:
        if job not in self.jobs:
            raise OSError(job)
        await super().done(job)


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


def findings(kind: type[Queue]) -> list[Finding]:
    coverage = Coverage()
    asyncio.run(Group(QueueContract(), QueueHarness(kind), coverage).play(scenarios()))
    return [*coverage.findings.values()]


def test_a_right_queue_passes() -> None:
    assert findings(Queue) == []


SHOWN = {
    LosesUpdates: "await asyncio.gather(store",
    EndsLate: "# 0:00:02 pass",
    RepeatsWhenNoReplyCame: "raises CancelledError",
    KeepsItToItself: "await store2.take()",
    RaisesAnother: "raises OSError",
}


@pytest.mark.parametrize("kind", SHOWN)
def test_a_wrong_queue_is_found_with_a_short_script(kind: type[Queue]) -> None:
    shortest = min(findings(kind), key=lambda finding: len(finding.scenario.actions))
    assert len(shortest.scenario.actions) <= 5
    assert SHOWN[kind] in "\n".join(shortest.lines)
