"""The search in a process of its own: a store that ends it, or a call that blocks it, does not end the command."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from multiprocessing.connection import Connection
from typing import Any

from conformance.compare.operation import OperationsError
from conformance.compare.play import CALL_SECONDS
from conformance.compare.report import Finding, Report
from conformance.compare.search import Search
from conformance.harness import Harness

_SECONDS_TO_END = 2.0


class SearchFailedError(Exception):
    """There was no search. Its arguments are what is wrong, and the exit status that says so."""


def searched(
    one: tuple[str, Callable[[], Harness]],
    other: tuple[str, Callable[[], Harness]],
    seed: int = 0,
    tick: Callable[[str], object] = len,
) -> Iterator[Finding | Report]:
    """Search in a forked process; give each finding when it is new, and at last the report.

    `tick` is told each call.

    Raises:
        SearchFailedError: if there was no search.
    """
    ours, theirs = multiprocessing.Pipe(duplex=False)
    child = multiprocessing.get_context("fork").Process(target=_child, args=(theirs, (one, other), seed))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # this process may have other threads: the child uses none
        child.start()
    theirs.close()
    report, call, ended = Report((one[0], other[0]), seed, {}), "", ""
    try:
        while not ended:
            if not ours.poll(2 * CALL_SECONDS):
                ended = call and f"a call does not return, and cannot be interrupted: {call}"
                continue
            try:
                told = ours.recv()
            except EOFError:
                child.join()
                ended = f"a store ended the process (status {child.exitcode}) in {call}"
                continue
            if isinstance(told, SearchFailedError):
                raise told
            if isinstance(told, Report):
                report = told
                break
            if isinstance(told, str):
                call = told
                tick(call)
            else:
                report.findings.append(told)
                yield told
        report.is_broken = bool(ended)
        report.gaps |= {ended} - {""}
        yield report
    finally:
        child.join(0 if ended else _SECONDS_TO_END)
        child.kill()
        child.join()


def _child(out: Connection, stores: Any, seed: int) -> None:
    """Search, and send each call, each finding, and at last the report."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)
    logging.disable()  # hostile arguments make every store complain
    warnings.simplefilter("ignore")

    async def search() -> None:
        with ExitStack() as stack:
            made = [(name, make()) for name, make in stores]
            for _, harness in made:
                stack.enter_context(harness.running())
            search = Search(made[0], made[1], seed, out.send)
            async for finding in search.run():
                out.send(finding)
            out.send(search.report)

    try:
        asyncio.run(search())
    except KeyboardInterrupt:
        pass
    except OperationsError as fault:
        out.send(SearchFailedError(str(fault), 2))
    except Exception as fault:  # noqa: BLE001  one line, in place of a traceback
        out.send(SearchFailedError(f"crashed: {type(fault).__name__}: {fault}", 7))
