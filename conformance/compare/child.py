"""The search in a process of its own: a store that ends it, or a call that blocks it, does not end the command."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

from conformance.compare.report import Line, Report
from conformance.compare.search import Search
from conformance.files import CommandFailedError
from conformance.harness import Harness
from conformance.operations.operation import OperationsError
from conformance.process import PROGRESS, Doing, ProcessFailedError, in_new_process, silence
from conformance.text import described

_NEW_OBJECTS = 50_000
"""After which the search looks for cycles."""


def searched(*stores: tuple[str, Callable[[], Harness]], tell: Callable[[Any], object] = id, **options: Any) -> Report:
    """Search in a forked process. `tell` is told each line when it is found, and what is done before it is done.

    Raises:
        CommandFailedError: if there was no search, with the exit status that says so.
    """
    report = Report([name for name, _ in stores], options["seed"])

    def hear(told: Any) -> None:
        nonlocal report
        match told:
            case Line():
                report.add(told)
            case Report():
                report = told
        tell(told)

    try:
        in_new_process(_search, stores, options, method="fork", hear=hear)
    except ProcessFailedError as failed:
        if not report.sequences:
            report.gaps = {str(failed)}
    return report


def _search(stores: Sequence[Any], options: dict[str, Any]) -> None:
    """Search, and tell what is done, each line, and at last the report, before servers are stopped."""
    silence()
    gc.freeze()  # what is there stays, and looking for cycles takes a tenth of the time
    gc.set_threshold(_NEW_OBJECTS)
    PROGRESS.tell(Doing("the set-up of the stores"))
    try:
        with ExitStack() as stack:
            made = [(name, make()) for name, make in stores]
            for _, harness in made:
                stack.enter_context(harness.running())
            search = Search(*made, **options)
            asyncio.new_event_loop().run_until_complete(search.run())  # not closed: a library may have patched that
            asyncio.SelectorEventLoop().run_until_complete(search.race())
            search.finish()
            PROGRESS.tell(search.report)
    except OperationsError:
        raise
    except Exception as fault:  # noqa: BLE001  one line, and the status that says so
        raise CommandFailedError(f"crashed: {described(fault)}", 7) from None
