"""Search and races, in a process each: a store that ends it, or a call that blocks it, does not end the command."""

import asyncio
import gc
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from types import MappingProxyType
from typing import Any

from conformance.compare.alone.races import Races
from conformance.compare.play import Steps
from conformance.compare.report import Line, Report
from conformance.compare.search import Search
from conformance.files import CommandFailedError
from conformance.harness import Harness
from conformance.known import Known
from conformance.operations.operation import OperationsError
from conformance.process import PROGRESS, NewProcess, ProcessFailedError, silence
from conformance.text import described

Named = tuple[str, Callable[[], Harness]]
"""The name of a store, and what makes its harness."""
_SET_UP_SECONDS = 120.0
_NEW_OBJECTS = 50_000
"""After which the search looks for cycles."""


class Comparison:
    """A comparison of two stores in forked processes, of which one searches while the other races; or races of one.

    Args:
        stores: one store, or two.
        known: why lines are accepted.
        tell: is told each line when it is found, and what is done before it is done.
        options: of `Races`; of two stores only `until`, which both processes have.
    """

    def __init__(
        self,
        *stores: Named,
        known: Known = MappingProxyType({}),
        tell: Callable[[Line | str], object] = id,
        **options: Any,
    ) -> None:
        self._stores = stores
        self._report = Report([name for name, _ in stores], known)
        self._tell = tell
        self._options = options
        self._processes = ExitStack()
        self._racing = list[NewProcess]()

    def run(self, first: Iterable[Steps] = ()) -> Report:
        """Begin to search, and to race when the stores of the search are running. Return what was found.

        The sequences `first`, which an earlier comparison found, are played before others.

        Raises:
            CommandFailedError: if nothing could be compared, with the exit status that says so.
        """
        with self._processes:
            if self._stores[1:]:
                self._listen(self._begun(Search, first=first))
            try:
                self._listen(*self._racing or [self._begun(Races)])
            except CommandFailedError:
                if not self._racing:
                    raise
                self._listen(self._begun(Races))  # perhaps both need one port, which is free now
        self._report.miss()
        return self._report

    def _begun(self, kind: type[Search | Races], **more: Any) -> NewProcess:
        process = NewProcess(_play, kind, self._stores, self._options | more, method="fork")
        return self._processes.enter_context(process)

    def _listen(self, *processes: NewProcess) -> None:
        for process in processes:
            try:
                process.result(self._hear)
            except ProcessFailedError as failed:
                self._report.failures.add(str(failed))

    def _hear(self, told: Any) -> None:
        match told:
            case None if self._stores[1:] and not self._racing:  # the stores of the search are running
                self._racing.append(self._begun(Races))
            case Line():
                if line := self._report.add(told):
                    self._tell(line)
            case Report():
                self._report.merge(told)
            case str():
                self._tell(told)


def _play(kind: type[Search | Races], stores: Sequence[Named], options: Mapping[str, Any]) -> None:
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
            PROGRESS.tell(None)
            part = kind(*made, **options)
            asyncio.SelectorEventLoop().run_until_complete(part.run())  # not closed: a library may have patched that
            PROGRESS.tell(part.report)
    except OperationsError:
        raise
    except Exception as fault:  # noqa: BLE001  one line, and the status that says so
        raise CommandFailedError(f"crashed: {described(fault)}", 7) from None
