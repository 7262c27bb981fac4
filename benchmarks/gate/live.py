"""Live runs of identical code, one after another: with a slowdown planted in the head's worker, or without."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

from benchmarks.cores import SERVER, on_core
from benchmarks.gate.result import Result
from benchmarks.gate.run import Run, installed
from benchmarks.gate.versions import ROOT
from benchmarks.gate.worker import OPERATIONS
from conformance.subjects.servers import EmbeddedServer


def repeat(runs: int, slow: float) -> Iterator[Result]:
    """Measure the working tree against itself; a share that is planted meets one operation after another."""
    with installed(str(ROOT)) as versions:
        for number in range(runs):
            run = Run(f"{OPERATIONS[number % len(OPERATIONS)]} {slow}" if slow else "")
            with ExitStack() as running:
                with on_core(SERVER):
                    server = running.enter_context(EmbeddedServer())
                run.server = server.facts()
                yield run.compare(versions, server.url)
