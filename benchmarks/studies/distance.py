"""At a distance: how long the operations of Redis mode take with a server that is farther away.

A proxy passes every reply on later, so a client waits as for a server at that distance. The proxy has a process of its
own, on the core of the servers, and takes nothing of the client's time. How exact its delay is, a PING tells: it is
timed with the operations, through the client of each store, and is the distance that they are shown at.
"""

import asyncio
import logging
import selectors
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import product, repeat
from multiprocessing import get_context
from multiprocessing.connection import Connection
from random import Random
from statistics import median

from benchmarks.backends import DESIGNS, harness_of, url_of
from benchmarks.cancels import cancels
from benchmarks.cores import SERVER, on_core
from benchmarks.document import Depth
from benchmarks.studies.document import SEED, Key, Measured
from conformance import Harness
from conformance.backends.proxy import Proxy
from conformance.measure.block import PING
from conformance.measure.tasks import fill, works
from conformance.measure.timing import Calls, time_round
from conformance.process import in_new_process

LONG_LISTING = "list of 1,000"
LONG_LISTING_PROCESSES = 1
"""How many processes time it: it takes over a second for each millisecond that is added."""
OPERATIONS = (PING, "get", "list", "update", "cancel", "create")
"""In this order: the last two end tasks, and add some."""
NAMESPACE = "distance"
MOST_CALLS = 30
PATIENCE = 10
"""Seconds that a store waits for one reply, of which none is late by as much."""
Urls = Mapping[float, str]
"""Where the server is found at each distance, by the milliseconds that are added."""


@dataclass(frozen=True)
class Scale:
    """Which milliseconds are added, and for how many seconds each process times an operation at one distance.

    With fewer than nine processes a median has no interval (`reports/RULE.md`).
    """

    added: tuple[float, ...]
    seconds: float
    processes: int
    long_added: tuple[float, ...] = ()
    """At which of these distances 1,000 tasks are listed."""


SCALES: dict[Depth, Scale] = {
    "default": Scale((0, 0.5, 1, 2, 5), 0.006, processes=9, long_added=(0, 1)),
    "full": Scale((0, 0.5, 1, 2, 5), 0.1, processes=13, long_added=(0, 5)),
}
"""None for a quick run: nine processes take too long, and fewer could not say where a figure holds."""


def run(depth: Depth) -> Iterator[Measured]:
    """Time both stores at all distances, in one process after another."""
    scale = SCALES.get(depth)
    if scale is None:
        return
    with proxies(scale.added) as urls:
        for number in range(scale.processes):
            yield in_new_process(measure, scale, urls, number)


@contextmanager
def proxies(added: Sequence[float]) -> Iterator[Urls]:
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


def _pass_on(connection: Connection, url: str, added: Sequence[float]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent to heed
    # epoll, which asyncio takes else, waits for whole milliseconds. select waits for as long as it is told.
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selectors.SelectSelector())) as runner:
        runner.run(_listen(connection, url, added))


async def _listen(connection: Connection, url: str, added: Sequence[float]) -> None:
    """Listen until the other end of the connection is closed, be it because the process there has died."""
    closed = asyncio.Event()
    loop = asyncio.get_running_loop()
    urls = {}
    async with AsyncExitStack() as listening:
        for ms in added:
            proxy = await listening.enter_async_context(Proxy(url, ms / 1e3))
            urls[ms] = proxy.url
        connection.send(urls)
        loop.add_reader(connection.fileno(), closed.set)
        await closed.wait()
        loop.remove_reader(connection.fileno())


def measure(scale: Scale, urls: Urls, number: int) -> Measured:
    """Take a block at every distance, in an order that the number of the process decides."""
    logging.getLogger("documented").setLevel(logging.CRITICAL)  # it logs every failure
    return asyncio.run(_measure(scale, urls, number))


async def _measure(scale: Scale, urls: Urls, number: int) -> Measured:
    random = Random(f"{SEED} {number}")  # noqa: S311  the same in every run
    measured: dict[Key, Mapping[str, float]] = {}
    places = [*product(DESIGNS, scale.added, ["operations"])]
    if number < LONG_LISTING_PROCESSES:
        places += product(DESIGNS, scale.long_added, [LONG_LISTING])
    for design, added, part in random.sample(places, len(places)):
        harness = harness_of(design, "embedded")
        with harness.running():
            if part == LONG_LISTING:
                timed = await time_at(harness, urls[added], 1_000, ["list"], scale.seconds)
                timed = {LONG_LISTING: timed["list"]}
            else:
                timed = await time_at(harness, urls[added], 100, OPERATIONS, scale.seconds)
            harness.discard(NAMESPACE)
        for what, seconds in timed.items():
            measured[design, "redis", what, added] = {"seconds": seconds}
    return measured


async def time_at(
    harness: Harness, url: str, tasks: int, operations: Sequence[str], seconds: float
) -> dict[str, float]:
    """Find the median time of some operations among so many tasks, on the server as it is found at a URL."""
    async with harness.open(NAMESPACE) as near:
        ids = await fill(near, tasks)
    async with harness.open_at(NAMESPACE, url, PATIENCE) as store:
        made = works(store, ids, Random(0))  # noqa: S311  an order
        made[PING] = repeat(partial(harness.ping, store))
        made["cancel"] = cancels(store, ids)
        await time_round(made[PING])  # connects
        return {operation: await time_for(made[operation], seconds) for operation in operations}


async def time_for(calls: Calls, seconds: float) -> float:
    """Find the median of calls that take so long together, but are not very many; of one at least."""
    taken = [await time_round(calls)]
    while sum(taken) < seconds and len(taken) < MOST_CALLS:
        taken.append(await time_round(calls))
    return median(taken)
