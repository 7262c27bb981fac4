"""A process with callers. They share one store, opened as the application does, and record each call."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import math
import random
import re
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import count
from multiprocessing.connection import Connection
from pathlib import Path

from conformance.verify.histories.client import Client
from conformance.verify.histories.history import FINAL, LIST, WRITES, Interval, Planned
from taskstore import StoreUnavailable, TaskStoreSettings, open_store

CALLERS = 16
ENOUGH = 5
"""Writes of each caller that are acknowledged before the fault, and after it."""
PATIENCE = 10.0
"""Seconds after the fault in which the open store has to work again; then it is opened again."""
_PAUSE = 0.002
"""Seconds between the calls of a caller."""
_RETRY = 0.02
"""The same if the store was unavailable."""
_SETTLED = 2.0
"""Seconds in which what a round has left over closes."""
_SHARED = "shared-"
"""What the ids of tasks that all callers share begin with."""
_SHARED_FOR = 100_000_000
"""Nanoseconds after which all callers turn to another shared task."""
_CREATE, _READ, _UPDATE, _LIST = 0.15, 0.40, 0.92, 0.98
"""Where the shares of what is called on a shared task end; the rest brings it to its end."""


@dataclass(frozen=True)
class Resources:
    """What a process holds while nobody calls."""

    descriptors: int
    loop_tasks: int
    kilobytes: int


@dataclass(frozen=True)
class Done:
    """What the callers of a process did in a round."""

    intervals: tuple[Interval, ...]
    longest: float
    """Seconds of the longest call."""
    reopened: bool
    """Whether the store did not work again by itself."""


class Callers:
    """The callers of one process. They go on from round to round on the same store.

    `play` answers twice through the pipe: when all callers are at work, and with what they did. In between it takes
    the moment at which the fault was over.
    """

    def __init__(self, process: int, orders: Connection) -> None:
        self._process = process
        self._orders = orders
        self._stack = AsyncExitStack()

    async def open(self, settings: TaskStoreSettings) -> Resources:
        """Open the store."""
        self._settings = settings
        self._store = await self._stack.enter_async_context(open_store(settings))
        self._before: Resources | None = None
        self._before = await self._resources()
        return self._before

    async def close(self) -> None:
        """Close it."""
        await self._stack.aclose()

    async def play(self, name: str) -> Done:
        """Make calls until the fault is over and each caller has had enough writes acknowledged since then."""
        self._name = name
        self._longest, self._made = 0.0, list[Interval]()
        self._acknowledged = [0] * CALLERS
        self._is_warm, self._over = False, math.inf
        asyncio.get_running_loop().add_reader(self._orders.fileno(), self._end)
        await asyncio.gather(*(self._call(caller) for caller in range(CALLERS)))
        works_again = min(self._acknowledged) >= ENOUGH
        if not works_again:
            await self._stack.aclose()
            self._store = await self._stack.enter_async_context(open_store(self._settings))
        return Done(tuple(self._made), self._longest, not works_again)

    async def rest(self) -> Resources:
        """Forget the calls of the round, and return what the process holds without them."""
        self._made = []
        _give_back_memory()
        return await self._resources()

    def _end(self) -> None:
        asyncio.get_running_loop().remove_reader(self._orders.fileno())
        self._over, self._acknowledged = -math.inf, [0] * CALLERS
        with contextlib.suppress(EOFError):  # the run has ended
            self._over = self._orders.recv()

    async def _call(self, caller: int) -> None:
        client = Client(self._store, None, 0)
        for planned in self._plan(caller):
            over, begun = self._over, time.monotonic()
            if begun > over + PATIENCE or (begun > over and self._acknowledged[caller] >= ENOUGH):
                return
            (interval,) = await client.make([planned])
            self._longest = max(self._longest, time.monotonic() - begun)
            self._made.append(interval)
            if over == self._over and is_acknowledged(interval):
                self._acknowledged[caller] += 1
                if not self._is_warm and min(self._acknowledged) >= ENOUGH:
                    self._is_warm = True
                    self._orders.send(None)
            await asyncio.sleep(_RETRY if is_unavailable(interval) else _PAUSE)

    def _plan(self, caller: int) -> Iterator[Planned]:
        """Calls on tasks of this caller alone, in which no write hides an earlier one, and on tasks that all share."""
        client = self._process * CALLERS + caller
        rng = random.Random(f"{self._name} {client}")  # noqa: S311  a workload is no secret
        for number in count():
            own = f"{self._name}-{client}-{number}"
            yield Planned(client, "create_task", {"task_id": own, "video_ids": [own]})
            yield self._shared(rng, client, f"{number}a")
            yield _update(client, own, "clipping", current_step=f"step of {own}")
            yield self._shared(rng, client, f"{number}b")
            yield _update(client, own, "uploading", result_url=f"url of {own}")
            yield self._shared(rng, client, f"{number}c")
            yield Planned(client, "get_task", {"task_id": own})
            yield _ending(rng, client, own)

    def _shared(self, rng: random.Random, client: int, number: str) -> Planned:
        task = f"{_SHARED}{self._name}-{time.monotonic_ns() // _SHARED_FOR}"
        drawn = rng.random()
        if drawn < _CREATE:
            return Planned(client, "create_task", {"task_id": task, "video_ids": [task]})
        if drawn < _READ:
            return Planned(client, "get_task", {"task_id": task})
        if drawn < _UPDATE:
            return _update(client, task, "clipping", current_step=f"step {number} of {client}")
        if drawn < _LIST:
            return Planned(client, LIST, {"status": None, "limit": 10})
        return _ending(rng, client, task)

    async def _resources(self) -> Resources:
        """What this process holds, as soon as it is no more than at first: connections take a moment to close."""
        deadline = time.monotonic() + _SETTLED
        while True:
            held = Resources(_descriptors(), len(asyncio.all_tasks()), _kilobytes())
            is_back = self._before is None or held.descriptors <= self._before.descriptors
            if (is_back and held.loop_tasks == 1) or time.monotonic() > deadline:
                return held
            await asyncio.sleep(0.01)


def is_acknowledged(interval: Interval) -> bool:
    """Whether it is a write that succeeded."""
    return interval.call.operation in ("create_task", *WRITES) and "task" in (interval.result or {})


def is_shared(task: str) -> bool:
    """Whether all callers write to it."""
    return task.startswith(_SHARED)


def is_unavailable(interval: Interval) -> bool:
    """Whether the store was unavailable; if a write may have happened, there is no result."""
    return interval.result is None or interval.result.get("raised") == StoreUnavailable.__name__


def _update(client: int, task: str, status: str, **fields: str) -> Planned:
    return Planned(client, "update_task_status", {"task_id": task, "status": status, **fields})


def _ending(rng: random.Random, client: int, task: str) -> Planned:
    match rng.choice(FINAL):
        case "cancelled":
            return Planned(client, "cancel_task", {"task_id": task})
        case "failed":
            return _update(client, task, "failed", error_message=f"error {client}")
        case status:
            return _update(client, task, status)


def _descriptors() -> int:
    return len(list(Path("/dev/fd").iterdir()))


def _give_back_memory() -> None:
    """Give the system what is free: a process keeps the memory of the most calls that it ever noted otherwise."""
    gc.collect()
    with contextlib.suppress(AttributeError, OSError, TypeError):  # only glibc has it
        ctypes.CDLL(None).malloc_trim(0)


def _kilobytes() -> int:
    """The resident memory of this process; 0 where the system does not say it in this way."""
    status = Path("/proc/self/status")
    found = re.search(r"VmRSS:\s+(\d+)", status.read_text()) if status.exists() else None
    return int(found[1]) if found else 0
