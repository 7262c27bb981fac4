"""The blocks: base, head and control measured in turn, in new processes for each round."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from random import Random
from typing import BinaryIO, Self

from benchmarks.cores import CLIENT, on_core
from benchmarks.gate import worker
from benchmarks.gate.decision import ARMS, Arm, Round
from benchmarks.gate.versions import ROOT, Version
from benchmarks.gate.worker import OPERATIONS

ROUNDS = 15
"""Odd, so that a median is one of them."""
SEQUENCES = 10
"""Of an operation in a round."""


class NotMeasuredError(Exception):
    """A worker did not do its work; the message says what it said."""


def measure(versions: Mapping[Arm, Version], url: str, seed: int) -> tuple[Round, ...]:
    """Measure every round on the server at `url`, in an order that the seed decides.

    Raises:
        NotMeasuredError: if a worker fails, or has another version than it should.
    """
    order = Random(seed)  # noqa: S311  an order that can be repeated, not a secret
    return tuple(_measure_round(versions, url, order) for _ in range(ROUNDS))


def _measure_round(versions: Mapping[Arm, Version], url: str, order: Random) -> Round:
    measured: dict[str, dict[Arm, list[float]]] = {name: {arm: [] for arm in ARMS} for name in OPERATIONS}
    with ExitStack() as running:
        with on_core(CLIENT):
            workers = {arm: running.enter_context(Worker.running(versions[arm], url)) for arm in ARMS}
        for arm in ARMS:  # they start all at once
            workers[arm].expect(versions[arm].folder / "taskstore")
        for name in order.sample(OPERATIONS, len(OPERATIONS)):
            for _ in range(SEQUENCES):
                there = order.sample(ARMS, len(ARMS))
                for arm in there + there[::-1]:
                    measured[name][arm].append(workers[arm].measure(name))
        for one in workers.values():
            one.end()
    return measured


class Worker:
    """A process of `benchmarks.gate.worker`, and what it says."""

    def __init__(self, process: subprocess.Popen[bytes], complaints: BinaryIO) -> None:
        assert process.stdin is not None  # noqa: S101  pipes, as asked for
        assert process.stdout is not None  # noqa: S101
        self._asked, self._told = process.stdin, process.stdout
        self._complaints = complaints
        self.pid = process.pid

    @classmethod
    @contextmanager
    def running(cls, version: Version, url: str, under: Sequence[str] = ()) -> Iterator[Self]:
        """Start it with a version before everything else on its path; at the end it tidies up, and is waited for.

        `under` is the command of a program that runs it and counts. Else its hash seed is its own: what hashing happens
        to favour is another in every process.
        """
        environment = {
            **os.environ,
            "PYTHONPATH": f"{version.folder}{os.pathsep}{ROOT}",
            "PYTHONHASHSEED": "0" if under else "random",
        }
        command = [*under, sys.executable, "-P", "-m", worker.__name__, url]
        with (
            tempfile.TemporaryFile() as complaints,
            subprocess.Popen(  # noqa: S603  this Python, on a module of ours
                command, env=environment, bufsize=0, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=complaints
            ) as process,
        ):
            yield cls(process, complaints)

    def expect(self, package: Path) -> None:
        """Wait until it is warm.

        Raises:
            NotMeasuredError: if it ended, or has imported another version.
        """
        if (found := self._hear()) != str(package):
            raise NotMeasuredError(f"a worker imported {found}, and not {package}")

    def measure(self, operation: str) -> float:
        """Let it measure a block.

        Raises:
            NotMeasuredError: if it ended.
        """
        with suppress(BrokenPipeError):  # it has ended: what it complained of is heard next
            self._asked.write(f"{operation}\n".encode())
        return float(self._hear())

    def call(self, operation: str, calls: int) -> None:
        """Let it make so many calls.

        Raises:
            NotMeasuredError: if it ended.
        """
        with suppress(BrokenPipeError):
            self._asked.write(f"{operation},{calls}\n".encode())
        self._hear()

    def end(self) -> None:
        """Let it end; nobody waits yet."""
        self._asked.close()

    def _hear(self) -> str:
        if line := self._told.readline().decode().strip():
            return line
        self._complaints.seek(0)
        lines = self._complaints.read().decode(errors="replace").splitlines()
        raise NotMeasuredError(f"a worker ended: {lines[-1] if lines else 'without a word'}")
