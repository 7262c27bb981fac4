"""At a distance: how long the operations of Redis mode take with a server that is farther away.

A proxy passes every reply on later, so a client waits as for a server at that distance. The proxy has a process of its
own, on the core of the servers, and takes nothing of the client's time. How exact its delay is, a PING tells: it is
timed with the operations, through the client of each store, and is the distance that they are shown at.
"""

from __future__ import annotations

import asyncio
import logging
import selectors
import signal
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import product, repeat
from multiprocessing import get_context
from multiprocessing.connection import Connection
from random import Random
from statistics import median

from benchmarks.cores import SERVER, on_core
from benchmarks.document import Depth
from benchmarks.studies.document import DISTANT_TASKS, PROCESSES, SEED, Key, Measured
from benchmarks.subjects import DESIGNS, harness_of, url_of
from conformance import Harness
from conformance.measure.block import PING, in_new_process
from conformance.measure.tasks import fill, works
from conformance.measure.timing import Work, time_round
from conformance.subjects.proxy import Proxy

LONG_LISTING = "list of 1,000"
NAMESPACE = "distance"
MOST_CALLS = 30
PATIENCE = 10
"""Seconds that a store waits for one reply, of which none is late by as much."""
Urls = Mapping[float, str]
"""Where the server is found at each distance, by the milliseconds that are added."""


@dataclass(frozen=True)
class Scale:
    """Which milliseconds are added, and for how many seconds each process times an operation at one distance."""

    added: tuple[float, ...]
    seconds: float
    long_added: tuple[float, ...] = ()
    """At which distances 1,000 tasks are listed; a call takes a second for each millisecond."""
    long_processes: int = 0
    """How many processes do that."""


SCALES: Mapping[Depth, Scale] = {
    "quick": Scale((0, 2), 0.02),
    "default": Scale((0, 0.5, 1, 2, 5), 0.012, long_added=(0, 2), long_processes=2),
    "full": Scale((0, 0.5, 1, 2, 5), 0.1, long_added=(0, 5), long_processes=13),
}


def run(depth: Depth) -> Iterator[Measured]:
    """Time both stores at all distances, in one process after another."""
    scale = SCALES[depth]
    with proxies({*scale.added, *scale.long_added}) as urls:
        for number in range(PROCESSES[depth]):
            yield in_new_process(measure, scale, urls, number)


@contextmanager
def proxies(added: set[float]) -> Iterator[Urls]:
    """Start a process with a proxy for each distance, and say where each listens. It ends with the block."""
    context = get_context("spawn")
    here, there = context.Pipe()
    with on_core(SERVER):
        process = context.Process(target=_pass_on, args=(there, url_of("embedded"), added), daemon=True)
        process.start()
    there.close()
    try:
        yield here.recv()
    finally:
        here.close()
        process.join()


def _pass_on(connection: Connection, url: str, added: set[float]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent to heed
    # epoll, which asyncio takes else, waits for whole milliseconds. select waits for as long as it is told.
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selectors.SelectSelector())) as runner:
        runner.run(_listen(connection, url, added))


async def _listen(connection: Connection, url: str, added: set[float]) -> None:
    """Listen until the other end of the connection is closed, be it because the process there has died."""
    closed = asyncio.Event()
    asyncio.get_running_loop().add_reader(connection.fileno(), closed.set)
    async with AsyncExitStack() as listening:
        opened = {ms: await listening.enter_async_context(Proxy(url, ms / 1e3)) for ms in added}
        connection.send({ms: proxy.url for ms, proxy in opened.items()})
        await closed.wait()
        asyncio.get_running_loop().remove_reader(connection.fileno())


def measure(scale: Scale, urls: Urls, number: int) -> Measured:
    """Take a block at every distance, in an order that the number of the process decides."""
    logging.getLogger("documented").setLevel(logging.CRITICAL)  # it logs every failure
    random = Random(f"{SEED} {number}")  # noqa: S311  the same in every run
    return asyncio.run(_measure(scale, urls, random, lists_long=number < scale.long_processes))


async def _measure(scale: Scale, urls: Urls, random: Random, *, lists_long: bool) -> Measured:
    measured: dict[Key, Mapping[str, float]] = {}
    places = [*product(DESIGNS, scale.added, ["operations"])]
    if lists_long:
        places += product(DESIGNS, scale.long_added, [LONG_LISTING])
    for design, added, part in random.sample(places, len(places)):
        harness = harness_of(design, "embedded")
        time_part = time_long_listing if part == LONG_LISTING else time_operations
        with harness.running():
            timed = await time_part(harness, urls[added], scale.seconds, random)
            harness.discard(NAMESPACE)
        for what, taken in timed.items():
            measured[design, "redis", what, added] = describe(what, taken)
    return measured


async def time_operations(harness: Harness, url: str, seconds: float, random: Random) -> dict[str, list[float]]:
    """Time every operation among 100 tasks, and a PING; what adds tasks, or ends them, comes last."""
    timed: dict[str, list[float]] = {}
    async with harness.open(NAMESPACE) as near:
        ids = await fill(near, DISTANT_TASKS["list"])
    async with harness.open_at(NAMESPACE, url, PATIENCE) as store:
        made = works(store, ids, random)
        made[PING] = Work(repeat(partial(harness.ping, store)))
        made["cancel"] = Work(partial(store.cancel_task, task_id) for task_id in ids)
        await time_round(made[PING])  # connects
        for what in (*random.sample([PING, "get", "list", "update"], 4), "cancel", "create"):
            timed[what] = await time_for(made[what], seconds)
    return timed


async def time_long_listing(harness: Harness, url: str, seconds: float, random: Random) -> dict[str, list[float]]:
    """Time a listing of a page among 1,000 tasks."""
    async with harness.open(NAMESPACE) as near:
        ids = await fill(near, DISTANT_TASKS[LONG_LISTING])
    async with harness.open_at(NAMESPACE, url, PATIENCE) as store:
        await harness.ping(store)  # connects
        return {LONG_LISTING: await time_for(works(store, ids, random)["list"], seconds)}


async def time_for(work: Work, seconds: float) -> list[float]:
    """Make calls until they have taken so long, but not very many; one at least."""
    taken = [await time_round(work)]
    while sum(taken) < seconds and len(taken) < MOST_CALLS:
        taken.append(await time_round(work))
    return taken


def describe(what: str, taken: list[float]) -> dict[str, float]:
    """Give the figures of a series: the median, and of a PING how steady the distance was."""
    figures = {"seconds": median(taken)}
    if what == PING:
        figures |= {"least": min(taken), "most": max(taken)}
    return figures
