"""Search and races, in a process each: a store that ends it, or a call that blocks it, does not end the command."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, NamedTuple

from conformance.compare.play import Steps
from conformance.compare.races import Races
from conformance.compare.report import Key, Line, Report
from conformance.compare.search import Search
from conformance.files import CommandFailedError
from conformance.harness import Harness
from conformance.operations.operation import OperationsError
from conformance.process import PROGRESS, NewProcess, ProcessFailedError, silence
from conformance.text import described

_PARTS = 2
"""Of a comparison: the search, and the races."""
_SET_UP_SECONDS = 120.0
_NEW_OBJECTS = 50_000
"""After which the search looks for cycles."""


class Ready(NamedTuple):
    """What a process tells when its harnesses are running."""


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
    with ExitStack() as stack:
        return _Comparison(stack, stores, seed, known, tell).run(first)


class _Comparison:
    """The processes of a comparison, and what was heard of them."""

    def __init__(
        self,
        stack: ExitStack,
        stores: Sequence[tuple[str, Callable[[], Harness]]],
        seed: int,
        known: Mapping[Key, str],
        tell: Callable[[Line | str], object],
    ) -> None:
        self._stack = stack
        self._stores = stores
        self._known = known
        self._tell = tell
        self._report = Report([name for name, _ in stores], seed)
        self._ended = 0
        self._failures: set[str] = set()
        self._racing: list[NewProcess] = []

    def run(self, first: Iterable[Steps]) -> Report:
        """Begin to search, and to race when the stores of the search are running. Return what was found."""
        self._listen(self._begun(Search, seed=self._report.seed, first=first))
        try:
            self._listen(*self._racing)
        except CommandFailedError:  # perhaps both need one port, which is free now
            self._listen(self._begun(Races))
        report = self._report
        report.is_whole = self._ended == _PARTS
        if report.is_whole:
            report.miss(self._known)
        else:
            report.gaps = self._failures
        return report

    def _begun(self, kind: type[Search | Races], **options: Any) -> NewProcess:
        return self._stack.enter_context(NewProcess(_play, kind, self._stores, options, method="fork"))

    def _listen(self, *processes: NewProcess) -> None:
        for process in processes:
            try:
                process.result(self._hear)
            except ProcessFailedError as failed:
                self._failures.add(str(failed))

    def _hear(self, told: Any) -> None:
        match told:
            case Ready() if not self._racing:
                self._racing.append(self._begun(Races))
            case Line():
                line = replace(told, reason=self._known.get(told.key, ""))
                if self._report.add(line):
                    self._tell(line)
            case Report():
                self._report.merge(told)
                self._ended += 1
            case str():
                self._tell(told)


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
            PROGRESS.tell(Ready())
            part = kind(*made, **options)
            asyncio.SelectorEventLoop().run_until_complete(part.run())  # not closed: a library may have patched that
            PROGRESS.tell(part.report)
    except OperationsError:
        raise
    except Exception as fault:  # noqa: BLE001  one line, and the status that says so
        raise CommandFailedError(f"crashed: {described(fault)}", 7) from None
