"""The results of a run so far, whichever test ends next, or ends the process."""

from __future__ import annotations

import time
from collections.abc import Iterable

from conformance.results.document import AboutBackend, Result, Results
from conformance.results.plan import Place, Plan, add_up, begin
from conformance.results.verdict import Judged
from conformance.tasks.cases.groups import GROUPS

_DESELECTED = Judged(
    "not-run",
    "not selected: options like -k, or the paths given to pytest, leave it out",
    is_deselected=True,
)
_NOT_REACHED = Judged("not-run", "the run ended before this test")
_RUNNING = Judged("harness-error", "the process of pytest ended while this test ran")


class Progress:
    """Which tests are collected, run and played, and the result of each."""

    def __init__(self, plan: Plan, seed: int) -> None:
        self._plan = plan
        self._document = begin(plan.backends, seed)
        self._about = {about.name: about for about in self._document.backends}
        self._results: dict[tuple[str, str], Result] = {}
        for backend in plan.backends:
            for test in plan.tests:
                self._results[test, backend] = plan.result(test, backend, _DESELECTED)
        self._collected: set[Place] = set()
        self._running: set[Place] = set()
        self._played: set[Place] = set()
        self._began = time.monotonic()

    @property
    def is_empty(self) -> bool:
        """Whether no test of the suite was collected."""
        return not self._collected

    @property
    def has_every_group(self) -> bool:
        """Whether each group was collected. If not, what no scenario has reached may be in the others."""
        return {*GROUPS} <= {place.name for place in self._collected}

    def collect(self, places: Iterable[Place | None]) -> None:
        """Note what is going to run. Each worker collects the same."""
        if self._collected:
            return
        self._collected = {place for place in places if place}
        for place in self._collected:
            for result in self._plan.alike(place, _NOT_REACHED):
                self._results[result.place] = result

    def begin(self, place: Place) -> None:
        """Note that a test runs."""
        self._running.add(place)

    def end(self) -> None:
        """Note that no test runs any more."""
        self._running.clear()

    def note(self, place: Place, results: list[Result]) -> None:
        """Note what came of a test."""
        self._running.discard(place)
        if not results or results[0].verdict != "not-run":
            self._played.add(place)
        for result in results:
            self._results[result.place] = add_up(self._results[result.place], result)

    def describe(self, about: AboutBackend) -> None:
        """Note what a test found out about its backend."""
        new = about.model_dump(exclude_defaults=True)
        self._about[about.name] = self._about[about.name].model_copy(update=new)

    def results(self) -> Results:
        """The results as they are now."""
        results = dict(self._results)
        for place in self._running:
            for result in self._plan.alike(place, _RUNNING):
                results[result.place] = add_up(results[result.place], result)
        marked = [self._marked(result) for result in results.values()]
        seconds = time.monotonic() - self._began
        update = {
            "results": tuple(marked),
            "backends": tuple(self._about.values()),
            "seconds": round(seconds, 3),
        }
        return self._document.model_copy(update=update)

    def _marked(self, result: Result) -> Result:
        """Give a pass a reason if a part of the groups was played: another group may have failed it."""
        left_out = [name for name in GROUPS if Place(name, result.backend) not in self._played]
        if result.verdict != "pass" or not result.exercised or not left_out:
            return result
        reason = f"a part of the groups was played: not {', '.join(left_out)}"
        return result.model_copy(update={"reason": reason})
