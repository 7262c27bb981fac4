"""The search in a process of its own: a store that ends it, or a call that blocks it, does not end the command."""

from __future__ import annotations

import logging
import mmap
import multiprocessing
import os
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from multiprocessing.connection import Connection
from typing import Any

from conformance.compare.operation import OperationsError
from conformance.compare.play import CALL_SECONDS
from conformance.compare.report import Finding, Report
from conformance.compare.search import NotOpenedError, Search
from conformance.harness import Harness

_ROOM, _SECONDS_TO_END = 4096, 2.0


class SearchFailedError(Exception):
    """There was no search. Its arguments are what is wrong, and the exit status that says so."""


def searched(
    one: tuple[str, Callable[[], Harness]],
    other: tuple[str, Callable[[], Harness]],
    seed: int = 0,
    tick: Callable[[str], object] = len,
) -> Iterator[Finding | Report]:
    """Search in a forked process; give each finding when it is new, and at last the report.

    `tick` is told the last call each second.

    Raises:
        SearchFailedError: if there was no search.
    """
    heard = mmap.mmap(-1, _ROOM)
    ours, theirs = multiprocessing.Pipe(duplex=False)
    child = multiprocessing.get_context("fork").Process(target=_search, args=(theirs, heard, (one, other), seed))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # this process may have other threads: the child uses none
        child.start()
    theirs.close()
    report = Report((one[0], other[0]), seed, {})
    since, last = time.monotonic(), ""
    try:
        while not report.broken:
            if ours.poll(1):
                try:
                    found = ours.recv()
                except EOFError:
                    child.join()
                    report.broken = f"a store ended the process (status {child.exitcode}) in {last_call(heard)}"
                    break
                if isinstance(found, SearchFailedError):
                    raise found
                if isinstance(found, Report):
                    report = found
                    break
                report.findings.append(found)
                yield found
            if (call := last_call(heard)) != last:
                since, last = time.monotonic(), call
            tick(call)
            if call and time.monotonic() - since > 2 * CALL_SECONDS:
                report.broken = f"a call does not return, and cannot be interrupted: {call}"
        yield report
    finally:
        child.join(0 if report.broken else _SECONDS_TO_END)
        child.kill()
        child.join()


def _search(out: Connection, heard: mmap.mmap, stores: Any, seed: int) -> None:
    """Search, and send each finding, and at last the report."""

    def hear(call: str) -> None:
        heard[:] = call.encode("utf-8", "backslashreplace")[:_ROOM].ljust(_ROOM, b"\0")

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
            search = Search(made[0], made[1], seed, hear)
            for finding in search.run():
                out.send(finding)
            out.send(search.report)
    except KeyboardInterrupt:
        pass
    except (OperationsError, NotOpenedError) as fault:
        out.send(SearchFailedError(str(fault), 2 if isinstance(fault, OperationsError) else 3))
    except Exception as fault:  # noqa: BLE001  one line, in place of a traceback
        out.send(SearchFailedError(f"crashed: {type(fault).__name__}: {fault}", 7))


def last_call(heard: mmap.mmap) -> str:
    """The call that was made last; empty between two calls."""
    return heard[:].rstrip(b"\0").decode("utf-8", "replace")
