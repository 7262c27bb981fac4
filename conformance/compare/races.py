"""Calls of each of two stores at the same time: what one alone does that no order of them explains is a line."""

from __future__ import annotations

from collections.abc import Collection
from math import inf

from conformance.compare.alone.judge import Anomaly, SelfJudge
from conformance.compare.report import Line, Report
from conformance.harness import Harness
from conformance.process import PROGRESS
from conformance.tasks.operations import operations_of


class Races:
    """The races and deaths of two stores. Lines are told when both have been played."""

    def __init__(self, *stores: tuple[str, Harness], seconds: float = inf) -> None:
        """After so many seconds of processor time no more races begin: half of them for the first store."""
        self._stores = stores
        self._seconds = seconds
        self.report = Report([name for name, _ in stores])
        self._found: dict[str, list[Line]] = {}
        """By what is wrong, the line of each store that has it."""

    async def run(self) -> None:
        """Play each store by itself."""
        for part, (name, harness) in enumerate(self._stores, start=1):
            PROGRESS.begin(f"{name}: calls at the same time")
            await self._race(name, harness, self._seconds * part / len(self._stores))
        for _, lines in sorted(self._found.items()):
            if len(lines) == 1:
                PROGRESS.tell(*lines)

    async def _race(self, store: str, harness: Harness, until: float) -> None:
        """Find what no order explains in races, and what is wrong after deaths; note what was not tried."""
        every = operations_of(harness, store)
        operations = {name: operation for name, operation in every.items() if not operation.seconds}
        left_out: dict[str, Collection[str]] = {"it may wait for another call": every.keys() - operations}
        try:
            judge = SelfJudge(harness, operations, until)
            judge.crowds.sort(key=lambda crowd: crowd[0] is not crowd[-1])  # what shows most comes first
            async for anomaly in judge.findings():
                self._found.setdefault(anomaly.title, []).append(_line(store, anomaly))
            left_out |= judge.left_out
            if judge.cut:
                self.report.gaps.add(
                    f"not exercised: {judge.cut} races of {store}: {until:g} s of processor time passed"
                )
            self.report.played[store] = dict(judge.played)
        except Exception as error:  # noqa: BLE001  where it races is not all that a store can bear
            left_out[f"{type(error).__name__}: {error}"] = ["all"]
        for reason, plans in left_out.items():
            if plans:
                self.report.notes.add(f"not raced in {store}: {len(plans)} races ({min(plans)}): {reason}")


def _line(store: str, found: Anomaly) -> Line:
    """Return what calls at the same time, or a death, do in one store as a finding."""
    plan = found.plan
    script = (*found.lines, f"# {store}: {found.text}")
    *_, last = *plan.racing, *plan.after
    text = f"{found.title}, in {store}"
    return Line(plan.racing[0].operation, plan.kind, text, last.operation, script)
