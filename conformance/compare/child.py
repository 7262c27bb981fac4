"""The search in a process of its own: a store that ends it, or a call that blocks it, does not end the command."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import threading
import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from multiprocessing.connection import Connection
from typing import Any

from conformance.compare.play import Doing
from conformance.compare.report import Line, Report
from conformance.compare.search import Search
from conformance.files import CommandFailedError
from conformance.harness import Harness
from conformance.operations.operation import OperationsError
from conformance.process import silence

_END_SECONDS = 5.0
"""In which the servers are stopped at the end."""


def searched(
    *stores: tuple[str, Callable[[], Harness]],
    tell: Callable[[Line | Doing], object] = id,
    **options: Any,
) -> Report:
    """Search in a forked process. `tell` is told each line when it is found, and what is done before it is done.

    Raises:
        CommandFailedError: if there was no search, with the exit status that says so.
    """
    ours, theirs = multiprocessing.Pipe()
    child = multiprocessing.get_context("fork").Process(target=_child, args=(theirs, ours, stores, options))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # this process may have other threads: the child uses none
        child.start()
    theirs.close()
    report = Report([name for name, _ in stores], options["seed"])
    try:
        return _heard(ours, report, tell)
    except EOFError:
        child.join()
        report.gaps = {f"a store ended the process (status {child.exitcode}) in {report.doing or 'its set-up'}"}
    except TimeoutError:
        report.gaps = {
            f"a call does not return: {report.doing}" if report.doing else "the stores are not set up in time"
        }
    finally:
        ours.close()  # ends the child, if it is still there
        child.join(_END_SECONDS)
        child.kill()
        child.join()
    return report


def _heard(ours: Connection, report: Report, tell: Callable[[Line | Doing], object]) -> Report:
    """Listen until the report comes; what comes before it is kept in another one."""
    doing = Doing()
    while ours.poll(doing.seconds):
        match told := ours.recv():
            case CommandFailedError():
                raise told
            case Report():
                return told
            case Line():
                report.add(told)
            case _:
                doing, report.doing = told, told.text
        tell(told)
    raise TimeoutError


def _child(out: Connection, parents: Connection, stores: Sequence[Any], options: dict[str, Any]) -> None:
    """Search, and send what is done, each line, and at last the report."""
    parents.close()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's job in the background ignores it
    threading.Thread(target=_end_with_parent, args=(out,), daemon=True).start()
    silence()
    try:
        with ExitStack() as stack:
            made = [(name, make()) for name, make in stores]
            for _, harness in made:
                stack.enter_context(harness.running())
            search = Search(*made, tell=out.send, **options)
            asyncio.new_event_loop().run_until_complete(search.run())  # not closed: a library may have patched that
            search.race()
            search.finish()
            out.send(search.report)
    except OSError:
        return  # nobody listens
    except Exception as fault:  # noqa: BLE001  one line, in place of a traceback
        crash = CommandFailedError(f"crashed: {type(fault).__name__}: {fault}", 7)
        out.send(fault if isinstance(fault, OperationsError) else crash)


def _end_with_parent(out: Connection) -> None:
    """End this process when its parent has closed its end, or has died by any signal: servers are stopped then."""
    try:
        out.recv()
    except (EOFError, OSError):
        main = threading.main_thread().ident
        assert main is not None  # noqa: S101  it runs as long as the process
        signal.pthread_kill(main, signal.SIGINT)  # sent to the process, this thread might get it, and the main one wait
        time.sleep(_END_SECONDS)
        os._exit(1)
