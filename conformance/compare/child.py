"""Search and races, in a process each: a store that ends it, or a call that blocks it, does not end the command."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from conformance.compare.play import Steps
from conformance.compare.races import Races
from conformance.compare.report import Key, Line, Report
from conformance.compare.search import Search
from conformance.files import CommandFailedError
from conformance.harness import Harness
from conformance.operations.operation import OperationsError
from conformance.process import PROGRESS, NewProcess, ProcessFailedError, silence
from conformance.text import described

_SET_UP_SECONDS = 120.0
_NEW_OBJECTS = 50_000
"""After which the search looks for cycles."""


def compared(
    *stores: tuple[str, Callable[[], Harness]],
    seed: int,
    known: Mapping[Key, str] = {},
    first: Iterable[Steps] = (),
    tell: Callable[[Line | str], object] = id,
) -> Report:
    """Compare two stores in forked processes: one searches while the other races.

    Args:
        stores: the name of each, and what makes its harness.
        seed: of random sequences.
        known: why lines are accepted.
        first: sequences that an earlier comparison found.
        tell: is told each line when it is found, and what is done before it is done.

    Raises:
        CommandFailedError: if nothing could be compared, with the exit status that says so.
    """
    report = Report([name for name, _ in stores], seed)
    ended = 0
    failures = set[str]()

    def hear(told: Any) -> None:
        nonlocal ended
        match told:
            case Line():
                line = replace(told, reason=known.get(told.key, ""))
                if report.add(line):
                    tell(line)
            case Report():
                report.merge(told)
                ended += 1
            case str():
                tell(told)

    races = NewProcess(_play, Races, stores, {}, method="fork")
    search = NewProcess(_play, Search, stores, {"seed": seed, "first": first}, method="fork")
    with races, search:
        for process in (search, races):
            try:
                process.result(hear)
            except ProcessFailedError as failed:
                failures.add(str(failed))
    report.is_whole = ended == len((search, races))
    if report.is_whole:
        report.miss(known)
    else:
        report.gaps = failures
    return report


def _play(
    kind: type[Search | Races], stores: Sequence[tuple[str, Callable[[], Harness]]], options: Mapping[str, Any]
) -> None:
    """Play a part of a comparison, and tell what is done, each line, and at last the report, before servers stop."""
    silence()
    gc.freeze()  # what is there stays, and looking for cycles takes a tenth of the time
    gc.set_threshold(_NEW_OBJECTS)
    PROGRESS.begin("the set-up of the stores", _SET_UP_SECONDS)
    try:
        with ExitStack() as stack:
            made = [(name, make()) for name, make in stores]
            for _, harness in made:
                stack.enter_context(harness.running())
            part = kind(*made, **options)
            asyncio.SelectorEventLoop().run_until_complete(part.run())  # not closed: a library may have patched that
            PROGRESS.tell(part.report)
    except OperationsError:
        raise
    except Exception as fault:  # noqa: BLE001  one line, and the status that says so
        raise CommandFailedError(f"crashed: {described(fault)}", 7) from None
