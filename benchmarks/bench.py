"""One benchmark: a store opened, warmed and timed, and what its figures belong to written beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice

from benchmarks.depth import Depth
from benchmarks.setting import Setting, namespace_name
from benchmarks.subjects import SUBJECTS, Subject
from benchmarks.workload import Work, fill, getting, listing, pinging, updating
from conformance import Harness
from conformance.measure.loop import Loop
from conformance.measure.timing import Timer
from taskstore import TaskStore

WARM = 20
"""Calls of each kind after which Python 3.11 and later have specialised what they run."""


@dataclass(frozen=True)
class Opened:
    """A store on a namespace that has these tasks, and the harness that opened it."""

    harness: Harness
    namespace: str
    store: TaskStore
    ids: Sequence[str]


class Stores:
    """The stores of a block, on one loop: in Redis mode a client is opened once for each namespace, and stays warm."""

    def __init__(self, loop: Loop, setting: Setting, until_the_end: AsyncExitStack, harnesses: ExitStack) -> None:
        self._loop = loop
        self._setting = setting
        self._until_the_end = until_the_end
        self._harnesses = harnesses
        self._kept: dict[tuple[str, str], Opened] = {}

    @classmethod
    @contextmanager
    def opened(cls, loop: Loop, setting: Setting) -> Iterator[Stores]:
        """Keep clients until the end of the block."""
        stores = AsyncExitStack()
        with ExitStack() as harnesses:
            try:
                yield cls(loop, setting, stores, harnesses)
            finally:
                loop.run(stores.aclose())

    def warm_up(self, depth: Depth) -> None:
        """Make some calls of each kind on each design: Python is slow at what it does for the first time."""
        for subject in self._first_of_each_design():
            opened = self._keep(subject, namespace_name(subject.design, "other", depth.sizes[0]))
            for kind in (getting, updating, listing):
                work = kind(opened.harness, opened.store, opened.ids)
                self._loop.run(_call(work))

    def _first_of_each_design(self) -> Iterator[Subject]:
        near = [subject for subject in SUBJECTS.values() if subject.place in self._setting.places]
        yield from {subject.design: subject for subject in reversed(near)}.values()

    def facts(self, subject: Subject) -> Mapping[str, str]:
        """Say what is known of the subject's server."""
        return self._setting.places[subject.place].facts if subject.place else {}

    @contextmanager
    def filled(self, subject: Subject, purpose: str, tasks: int) -> Iterator[Opened]:
        """Give a store that has that many tasks: a new one in memory mode, and in Redis mode one that was filled."""
        name = namespace_name(subject.design, purpose, tasks)
        if subject.place:
            yield self._keep(subject, name)
            return
        harness = subject.harness("")
        stack = AsyncExitStack()
        try:
            store = self._loop.run(stack.enter_async_context(harness.open(name)))
            yield Opened(harness, name, store, self._loop.run(fill(store, tasks)))
        finally:
            self._loop.run(stack.aclose())
            harness.discard(name)

    def _keep(self, subject: Subject, name: str) -> Opened:
        if (subject.name, name) not in self._kept:
            place = self._setting.places[subject.place]
            namespace = place.namespaces[name]
            harness = subject.harness(place.at(namespace.database))
            self._harnesses.enter_context(harness.running())
            store = self._loop.run(self._until_the_end.enter_async_context(harness.open(name)))
            self._loop.run(harness.ping(store))  # connects
            self._kept[subject.name, name] = Opened(harness, name, store, namespace.ids)
        return self._kept[subject.name, name]


@dataclass(frozen=True)
class Bench(Timer):
    """Times operations of stores, and writes beside the figures what they belong to."""

    depth: Depth

    def measure(
        self,
        stores: Stores,
        subject: Subject,
        operation: str,
        work: Callable[[Harness, TaskStore, Sequence[str]], Work],
        tasks: int | None = None,
    ) -> None:
        """Time an operation of a store that has that many tasks, or as many as the depth says."""
        tasks = self.depth.tasks if tasks is None else tasks
        with stores.filled(subject, operation, tasks) as opened:
            self.label(subject, operation, tasks, stores.facts(subject))
            asks = subject.mode == "redis" and operation != "ping"
            ping = pinging(opened.harness, opened.store, ()) if asks else None
            self.time(work(opened.harness, opened.store, opened.ids), batched=subject.mode == "memory", ping=ping)

    def label(self, subject: Subject, operation: str, tasks: int, facts: Mapping[str, str]) -> None:
        """Write what the figures belong to: the report reads these names."""
        self.benchmark.group = f"{operation}, {tasks} tasks"
        self.benchmark.extra_info.update(
            operation=operation,
            subject=subject.name,
            design=subject.design,
            mode=subject.mode,
            transport=subject.transport,
            tasks=tasks,
            facts=dict(facts),
        )


async def _call(work: Work) -> None:
    for arguments in islice(work.arguments, WARM):
        await work.call(*arguments)
