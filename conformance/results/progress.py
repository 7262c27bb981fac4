"""The results of a run so far, whichever test ends next, or ends the process."""

from __future__ import annotations

import platform
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.util import find_spec

from conformance.results.document import AboutBackend, Judged, ListedRequirement, Result, Results, Suite
from conformance.results.fingerprint import fingerprint
from conformance.results.plan import Place, Plan
from conformance.tasks.cases.groups import GROUPS
from conformance.tasks.spec.requirements import REQUIREMENTS

_ORDER = ("fail", "harness-error", "pass", "not-testable", "not-applicable", "unreached", "not-run")
_DESELECTED = Judged(
    verdict="not-run", reason="not selected: options like -k, or the paths given to pytest, leave it out"
)
_NOT_REACHED = Judged(verdict="not-run", reason="the run ended before this test")
_RUNNING = Judged(verdict="harness-error", reason="the process of pytest ended while this test ran")
_REQUIREMENTS = tuple(
    ListedRequirement(id=listed.id, level=listed.level.value, text=listed.text) for listed in REQUIREMENTS.values()
)


class Progress:
    """Which tests are collected, run and played, and the result of each."""

    def __init__(self, plan: Plan, seed: int) -> None:
        self._plan = plan
        self._about = {name: AboutBackend(name=name) for name in plan.backends}
        self._results: dict[tuple[str, str], Result] = {}
        for backend in plan.backends:
            for test in plan.tests:
                self._results[test, backend] = plan.result(test, backend, _DESELECTED)
        self.collected: set[Place] = set()
        self.running: set[Place] = set()
        self._played: set[Place] = set()
        self._suite = Suite(
            version=version("taskstore"),
            fingerprint=fingerprint(),
            python=platform.python_version(),
            platform=platform.platform(),
            client=f"redis-py {version('redis')}" if find_spec("redis") else "",
            seed=seed,
        )
        self._started = datetime.now(UTC).replace(microsecond=0)
        self._began = time.monotonic()

    def collect(self, places: Iterable[Place | None]) -> None:
        """Note what is going to run. Each worker collects the same."""
        if self.collected:
            return
        self.collected = {place for place in places if place}
        for place in self.collected:
            for result in self._plan.alike(place, _NOT_REACHED):
                self._results[result.place] = result

    def note(self, place: Place, results: list[Result]) -> None:
        """Note what came of a test."""
        self.running.discard(place)
        if not results or results[0].verdict != "not-run":
            self._played.add(place)
        _add(self._results, results)

    def describe(self, about: AboutBackend) -> None:
        """Note what a test found out about its backend."""
        new = about.model_dump(exclude_defaults=True)
        self._about[about.name] = self._about[about.name].model_copy(update=new)

    def results(self, exit_status: int | None = None) -> Results:
        """The results as they are now."""
        found = dict(self._results)
        for place in self.running:
            _add(found, self._plan.alike(place, _RUNNING))
        return Results(
            suite=self._suite,
            started=self._started,
            seconds=round(time.monotonic() - self._began, 3),
            exit_status=exit_status,
            backends=tuple(self._about.values()),
            requirements=_REQUIREMENTS,
            results=tuple(map(self._marked, found.values())),
        )

    def _marked(self, result: Result) -> Result:
        """Give a pass a reason if a part of the groups was played: another group may have failed it."""
        left_out = [name for name in GROUPS if (name, result.backend) not in self._played]
        if result.verdict != "pass" or not result.exercised or not left_out:
            return result
        reason = f"a part of the groups was played: not {', '.join(left_out)}"
        return result.model_copy(update={"reason": reason})

    def undecided(self, results: Results, *, is_partial: bool) -> list[Result]:
        """Return the results that make the run incomplete.

        Args:
            results: All of the run.
            is_partial: Whether what is not selected may stay undecided.
        """
        is_whole = not self._plan.only and {*GROUPS} <= {name for name, _ in self.collected}
        if is_partial and not is_whole:
            return []
        left_out = _DESELECTED.reason if is_partial else None
        return [result for result in results.results if result.is_open and result.reason != left_out]


def _add(found: dict[tuple[str, str], Result], results: Iterable[Result]) -> None:
    """Add results to those of the same tests: a failure stands before anything else, of the nearest cause first."""
    for result in results:
        before = found[result.place]
        stronger = min(before, result, key=_rank)
        found[result.place] = stronger.model_copy(update={"exercised": before.exercised + result.exercised})


def _rank(result: Result) -> tuple[int, bool, int, bool, str]:
    is_unreached = result.verdict == "not-testable" and not result.hooks
    size = len(result.failure.script) if result.failure else 0
    verdict = "unreached" if is_unreached else result.verdict
    return _ORDER.index(verdict), not result.is_nearest, size, "random_" in result.reason, result.reason
