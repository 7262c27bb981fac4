"""The search in a process of its own: a store that ends it, or a call that blocks it, does not end the command."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import warnings
from collections.abc import Callable
from contextlib import ExitStack
from multiprocessing.connection import Connection
from typing import Any

from conformance.compare.report import Difference, Report
from conformance.compare.search import Search
from conformance.files import CommandFailedError
from conformance.harness import Harness
from conformance.operations.operation import OperationsError

CALL_SECONDS = 10.0


def searched(
    *stores: tuple[str, Callable[[], Harness]], seed: int = 0, tell: Callable[[Difference | str], object] = id
) -> Report:
    """Search in a forked process. `tell` is told each finding when it is new, and each call before it is made.

    Raises:
        CommandFailedError: if there was no search, with the exit status that says so.
    """
    ours, theirs = multiprocessing.Pipe(duplex=False)
    child = multiprocessing.get_context("fork").Process(target=_child, args=(theirs, stores, seed))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # this process may have other threads: the child uses none
        child.start()
    theirs.close()
    report, call, ended = Report([name for name, _ in stores], seed), "", ""
    try:
        while ours.poll(CALL_SECONDS) or not call:  # setting up the stores may take longer
            told = ours.recv()
            if isinstance(told, CommandFailedError):
                raise told
            if isinstance(told, Report):
                return told
            tell(told)
            if isinstance(told, Difference):
                report.findings.append(told)
            else:
                call = told
        ended = f"a call does not return: {call}"
    except EOFError:
        child.join()
        ended = f"a store ended the process (status {child.exitcode}) in {call}"
    finally:
        child.join(0 if ended else 2.0)
        child.kill()
        child.join()
    report.gaps = {ended}
    return report


def _child(out: Connection, stores: Any, seed: int) -> None:
    """Search, and send each call, each finding, and at last the report."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)
    logging.disable()  # hostile arguments make every store complain
    warnings.simplefilter("ignore")
    try:
        with ExitStack() as stack:
            made = [(name, make()) for name, make in stores]
            for _, harness in made:
                stack.enter_context(harness.running())
            search = Search(*made, seed=seed, tell=out.send)
            asyncio.run(search.run())
            out.send(search.report)
    except Exception as fault:  # noqa: BLE001  one line, in place of a traceback
        crash = CommandFailedError(f"crashed: {type(fault).__name__}: {fault}", 7)
        out.send(fault if isinstance(fault, OperationsError) else crash)
