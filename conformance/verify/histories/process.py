"""Clients in processes of their own: they open the store as the application does, and meet only at its server."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Mapping
from typing import Any, Self

from conformance.harness import Capability, Harness, HookMissingError
from conformance.verify.histories.history import Interval, Planned, planned_json, read_interval

_COMMAND = (sys.executable, "-m", "conformance.verify.histories.worker")
_OURS = ("USE_REDIS_FOR_TASKS", "REDIS_", "TASK_")
_LONGEST_LINE = 2**24


class WorkerFailedError(Exception):
    """A process of ours ended, or could not open the store."""


def can_be_opened_elsewhere(harness: Harness) -> bool:
    """Whether another process can open a second instance on a namespace: a server shares it, and settings name it."""
    if not harness.opener or not harness.capabilities >= {Capability.SHARED, Capability.REMOTE}:
        return False
    try:
        return "a-namespace" in harness.environment("a-namespace").values()
    except HookMissingError:
        return False


class Processes:
    """Two processes, kept from history to history. They end with their standard input, so also if this one is killed.

    CLOCK_MONOTONIC is the system's, so that times of all processes can be compared.
    """

    COUNT = 2

    async def __aenter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="conformance-")  # no .env in it
        self._workers: list[asyncio.subprocess.Process] = []
        kept = {name: value for name, value in os.environ.items() if not name.upper().startswith(_OURS)}
        try:
            for _ in range(self.COUNT):
                worker = await asyncio.create_subprocess_exec(
                    *_COMMAND,
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                    cwd=self._folder.name,
                    env={**kept, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
                    limit=_LONGEST_LINE,
                )
                self._workers.append(worker)
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        for worker in self._workers:
            if worker.stdin is not None:
                worker.stdin.close()
        for worker in self._workers:
            try:
                await asyncio.wait_for(worker.wait(), 5)
            except BaseException as fault:  # Ctrl-C too: what was started goes
                worker.kill()
                if not isinstance(fault, TimeoutError):
                    raise
                await worker.wait()
        self._folder.cleanup()

    async def open(self, opener: str, environment: Mapping[str, str]) -> None:
        """Open the store in each process."""
        await asyncio.gather(*(self._ask(each, open=[opener, dict(environment)]) for each in self._workers))

    async def close(self) -> None:
        """Close it."""
        await asyncio.gather(*(self._ask(each, close=[]) for each in self._workers))

    async def play(
        self, calls: Mapping[int, list[Planned]], labels: Mapping[str, str], origin: int, start: int
    ) -> list[Interval]:
        """Make the calls, clients dealt out among the processes, from `start` on."""
        shares: list[list[Any]] = [[] for _ in self._workers]
        for place, planned in enumerate(calls.values()):
            shares[place % len(shares)].append([planned_json(call) for call in planned])
        told = [[share, dict(labels), origin, start] for share in shares]
        answers = await asyncio.gather(
            *(self._ask(each, play=task) for each, task in zip(self._workers, told, strict=True))
        )
        return [read_interval(line) for answer in answers for line in answer]

    async def _ask(self, worker: asyncio.subprocess.Process, **order: Any) -> Any:
        if worker.stdin is None or worker.stdout is None:
            raise WorkerFailedError("it has no pipes")
        worker.stdin.write(json.dumps(order).encode() + b"\n")
        await worker.stdin.drain()
        line = await worker.stdout.readline()
        answer = json.loads(line) if line else {"failed": "it ended"}
        if "failed" in answer:
            raise WorkerFailedError(f"a process that should be a client: {answer['failed']}")
        return answer["done"]
