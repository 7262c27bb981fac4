"""Rounds of a fault: four processes make calls before, during and after it; then everything is read and counted."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from conformance.processes import Crew, WorkerFailedError
from conformance.production.callers import (
    CALLERS,
    ENOUGH,
    PATIENCE,
    Callers,
    Done,
    Resources,
    is_acknowledged,
    is_unavailable,
)
from conformance.production.document import Row
from conformance.production.faults import TIMEOUT, CannotBeCausedError, Fault, Site
from conformance.production.judge import Counts, Met, judge
from conformance.subjects.servers import ServerError
from conformance.verify.histories.client import Client
from conformance.verify.histories.history import FINAL, Planned
from taskstore import TaskStatus, TaskStoreSettings

PROCESSES = 4
_LIMIT = 2 * TIMEOUT
_LATE = 0.5
"""Seconds that a call may take longer than the timeouts: a machine may be busy."""
_AGAIN = 5.0
"""Seconds after the end of a fault in which every store has to work again."""
_READ_TOGETHER = 64
_KILOBYTES = 20_000
"""By how much the memory of a process may differ between rounds, when nobody calls."""


@dataclass
class _Rounds:
    """Rounds of one fault on one site, and what they add up to."""

    fault: Fault
    site: Site
    crew: Crew

    def __post_init__(self) -> None:
        self.counts = Counts()
        self.evidence = ""
        self.rounds = self.reopened = 0
        self.longest = self.lasted = self.again = 0.0
        self.left: Counter[str] = Counter()
        self._first: list[Resources] = []

    def open(self) -> None:
        """Let each process open the store."""
        named = {**self.site.harness.environment(self.site.namespace), **self.fault.settings}
        named |= {"REDIS_CONNECT_TIMEOUT": str(TIMEOUT), "REDIS_TIMEOUT": str(TIMEOUT)}
        settings = TaskStoreSettings(_env_file=None, **{name.lower(): value for name, value in named.items()})
        self._before = self.crew.ask("open", settings)

    def play(self) -> None:
        """One round."""
        self.rounds += 1
        self.crew.ask("play", f"r{self.rounds}")  # they answer when all are at work
        began = time.monotonic_ns()
        with self.fault.cause(self.site) as self.evidence:
            ended = time.monotonic_ns()
            self.crew.send([ended / 1e9] * PROCESSES)
            done: list[Done] = self.crew.answers()
        made = [interval for one in done for interval in one.intervals]
        afterwards = asyncio.run(self._read({one.call.task for one in made if one.call.task}))
        self.counts.add(judge(made, afterwards, Met(began, ended, self.fault.may_lose or self.fault.may_forget)))
        self.longest = max(self.longest, *(one.longest for one in done))
        self.lasted = max(self.lasted, (ended - began) / 1e9)
        self.again = max(self.again, *(_again(one, ended) for one in done))
        self.reopened += sum(one.reopened for one in done)
        self._count_left(self.crew.ask("rest"))

    async def _read(self, tasks: set[str]) -> dict[str, Any]:
        """Read each task through a new store, compare the listings with that, and remove everything."""
        async with self.site.harness.open(self.site.namespace) as store:
            client = Client(store, None, 0)
            there: dict[str, Any] = {}
            for some in _batched(sorted(tasks)):
                made = await asyncio.gather(*(client.make([Planned(0, "get_task", {"task_id": one})]) for one in some))
                if any(is_unavailable(interval) for (interval,) in made):
                    raise WorkerFailedError("the store was unavailable when the tasks were read afterwards")
                there |= {interval.call.task: interval.result for (interval,) in made}
            statuses = {task: result["task"]["status"] for task, result in there.items() if "task" in result}
            found = Counter(statuses.values())
            for status in TaskStatus:
                page = await store.list_tasks(status, limit=0)
                self.counts.wrong += page.total != found[status]
            for some in _batched([task for task, status in statuses.items() if status not in FINAL]):
                await asyncio.gather(*(store.cancel_task(task) for task in some))
            await store.purge(datetime.now(UTC) + timedelta(days=1))
        self.left["keys"] += len(self.site.harness.inspector(self.site.namespace).keys())
        return there

    def _count_left(self, now: list[Resources]) -> None:
        """Memory is compared with that after the first round: until then a process still imports."""
        self._first = self._first or now
        for before, first, after in zip(self._before, self._first, now, strict=True):
            self.left["descriptors"] = max(self.left["descriptors"], after.descriptors - before.descriptors)
            self.left["tasks of the loop"] = max(self.left["tasks of the loop"], after.loop_tasks - before.loop_tasks)
            self.left["kilobytes"] = max(self.left["kilobytes"], after.kilobytes - first.kilobytes - _KILOBYTES)

    def row(self, *reasons: str) -> Row:
        """The result, and why it is no pass: `reasons`, or what the figures show."""
        counts = self.counts
        needed = self.fault.rounds * PROCESSES * CALLERS * 2 * ENOUGH
        left = {name: count for name, count in self.left.items() if count > 0}
        failed = {
            f"{counts.lost} acknowledged writes are lost": counts.lost and not self.fault.may_lose,
            f"{counts.wrong} wrong answers": counts.wrong,
            f"foreign exceptions: {', '.join(counts.foreign)}": counts.foreign,
            f"a call took {self.longest:.2f} s": self.longest > _LIMIT + _LATE,
            f"it worked again after {self.again:.1f} s": self.again > _AGAIN,
            f"{self.reopened} stores had to be opened again": self.reopened,
            f"left over: {left}": left,
            f"{counts.acknowledged} acknowledged writes are fewer than {needed}": counts.acknowledged < needed,
        }
        found = [*reasons, *(reason for reason, is_so in failed.items() if is_so and not reasons)]
        undecided = [f"{counts.unknown} tasks were not decided within the budget of steps"] if counts.unknown else []
        return Row(
            fault=self.fault.name,
            sentence=self.fault.sentence,
            verdict="fail" if found else "undecided" if undecided else "pass",
            reasons=(*found, *undecided),
            evidence=self.evidence,
            rounds=self.rounds,
            calls=counts.calls,
            acknowledged=counts.acknowledged,
            needed=needed,
            lost=counts.lost,
            may_lose=self.fault.may_lose,
            wrong=counts.wrong,
            foreign=dict(counts.foreign),
            longest=round(self.longest, 3),
            limit=_LIMIT,
            lasted=round(self.lasted, 3),
            again=round(self.again, 3),
            reopened=self.reopened,
            left=left,
        )


def run_fault(fault: Fault) -> tuple[Row, list[str]]:
    """Play the rounds of a fault. Return the result, and the histories that were not explained."""
    try:
        site = fault.make()
        with site.harness.running(), Crew(Callers, PROCESSES) as crew:
            rounds = _Rounds(fault, site, crew)
            try:
                rounds.open()
                for _ in range(fault.rounds):
                    rounds.play()
            except Exception as error:  # noqa: BLE001  the other faults are wanted all the same
                reason = f"round {rounds.rounds} broke off: {type(error).__name__}: {error}"
                return rounds.row(reason), rounds.counts.shown
            return rounds.row(), rounds.counts.shown
    except (CannotBeCausedError, ServerError) as missing:
        return Row(fault=fault.name, sentence=fault.sentence, verdict="skipped", reasons=(str(missing),)), []


def _batched(tasks: list[str]) -> Iterator[list[str]]:
    """The tasks, some at a time."""
    for start in range(0, len(tasks), _READ_TOGETHER):
        yield tasks[start : start + _READ_TOGETHER]


def _again(done: Done, ended: int) -> float:
    """Seconds after a moment until a write that was called after it was acknowledged."""
    returned = (one.returned for one in done.intervals if one.called > ended and is_acknowledged(one))
    return min(((one - ended) / 1e9 for one in returned if one is not None), default=PATIENCE)
