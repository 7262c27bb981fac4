"""Calls of a store at the same time, or of each of two: what no order of them explains is a line."""

from dataclasses import replace
from math import inf
from time import perf_counter
from typing import Any

from conformance.compare.alone.judge import SelfJudge
from conformance.compare.report import Line, Report
from conformance.harness import Harness
from conformance.operations.operation import OperationsError
from conformance.process import PROGRESS
from conformance.tasks.operations import operations_of


class Races:
    """The races and deaths of one store, or of two. Of two it is told in the end what only one of them does."""

    def __init__(
        self,
        *stores: tuple[str, Harness],
        until: float = inf,
        **options: Any,
    ) -> None:
        """No race begins after `until`, and none of the first of two stores after half of the time until then.

        The other options are those of `SelfJudge`.
        """
        self._stores = stores
        self._until = until
        self._options = options
        self.report = Report([name for name, _ in stores])
        self._is_alone = len(stores) == 1
        self._found: dict[str, list[Line]] = {}
        """By what is wrong, the line of each store that has it."""

    async def run(self) -> None:
        """Play each store by itself."""
        began = perf_counter()
        for part, (name, harness) in enumerate(self._stores, start=1):
            PROGRESS.begin(f"{name}: calls at the same time")
            await self._race(name, harness, began + (self._until - began) * part / len(self._stores))
        for lines in self._found.values():
            if len(lines) == 1 and not self._is_alone:
                PROGRESS.tell(*lines)

    async def _race(self, store: str, harness: Harness, until: float) -> None:
        """Find what no order explains in races, and what is wrong after deaths; note what was not tried."""
        judge = SelfJudge(store, harness, operations_of(harness, store), until, **self._options)
        try:
            async for line in judge.findings():
                of_store = replace(line, text=f"{line.text}, in {store}")
                self._found.setdefault(line.text, []).append(of_store)
                if self._is_alone:
                    PROGRESS.tell(of_store)
        except OperationsError:
            raise
        except Exception as error:  # noqa: BLE001  where it races is not all that a store can bear
            judge.left_out[f"{type(error).__name__}: {error}"].add("all")
        if judge.cut:
            self.report.gaps.add(f"not exercised: {judge.cut} races of {store} for which there was no time")
        self.report.played[store] = dict(judge.played)
        if self._is_alone:
            self.report.notes |= {*judge.extent()}
        where = self.report.gaps if self._is_alone else self.report.notes
        for reason, plans in judge.left_out.items():
            where.add(f"not raced in {store}: {len(plans)} races ({min(plans)}): {reason}")
