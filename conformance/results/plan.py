"""The plan of a run: which results each test gives on each backend, and how two of them add up."""

from __future__ import annotations

import platform
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from conformance.results import known
from conformance.results.document import AboutBackend, Expected, ListedRequirement, Result, Results, Suite
from conformance.results.fingerprint import fingerprint
from conformance.results.verdict import Judged
from conformance.tasks.case import is_selected
from conformance.tasks.cases import find_cases
from conformance.tasks.cases.groups import GROUPED, GROUPS, group_of
from conformance.tasks.spec.requirements import REQUIREMENTS, Level

_ORDER = ("fail", "harness-error", "pass", "not-testable", "not-applicable", "unreached", "not-run")


@dataclass(frozen=True)
class Place:
    """A case or a group, on a backend."""

    name: str
    backend: str


class Plan:
    """The tests of the suite on some backends, and what is expected of them."""

    def __init__(self, backends: Collection[str], file: Path | None, level: str, only: Collection[str]) -> None:
        """Read the known failures.

        Raises:
            conformance.files.FileError: if their file cannot be used.
        """
        cases = [case.conformance_case for case in find_cases().values()]  # type: ignore[attr-defined]
        self.backends, self.only = backends, only
        self.tests: dict[str, tuple[str, tuple[str, ...]]] = {}
        """The text and the requirements of each result: what groups find about a requirement, and cases."""
        for number in GROUPED:
            self.tests[f"requirement_{number}"] = REQUIREMENTS[number].text, (number,)
        for case in cases:
            self.tests[case.id] = case.doc, case.requirements
        self.known = known.read(file, self.tests) if file else known.KnownFailures()
        self._level = level
        files = {name: f"groups.py::test_{name}" for name in GROUPS}
        for case in cases:
            files[case.id] = case.id.replace(".", ".py::")
        self._places: dict[str, Place] = {}
        for backend in backends:
            shown = backend.encode("unicode_escape").decode()  # as pytest writes it
            for name, test in files.items():
                self._places[f"{test}[{shown}]"] = Place(name, backend)

    def place_of(self, nodeid: str) -> Place | None:
        """The case or group, and the backend, that an id of pytest stands for; None if it is no test of the suite."""
        return self._places.get(nodeid.rpartition("cases/")[2])

    def tests_of(self, place: Place) -> list[str]:
        """Return the tests whose results a case or a group gives; none if something else is selected."""
        if place.name in self.tests:
            numbers = self.tests[place.name][1]
            return [place.name] if is_selected(self.only, place.name, numbers) else []
        is_named = place.name in map(group_of, self.only)
        tests = []
        for number in GROUPED:
            if is_named or is_selected(self.only, "", [number]):
                tests.append(f"requirement_{number}")  # noqa: PERF401  it is long for a comprehension
        return tests

    def alike(self, place: Place, judged: Judged) -> list[Result]:
        """All results that a case or a group gives, with one verdict."""
        return [self.result(test, place.backend, judged) for test in self.tests_of(place)]

    def result(self, test: str, backend: str, judged: Judged, exercised: int = 0) -> Result:
        """A result of a case, or of what groups say of a requirement."""
        requirements: tuple[str, ...]
        doc, requirements = self.tests[test]
        if judged.failure and judged.failure.name == test:
            requirements = judged.failure.requirements  # those of a case that it shows
        result = Result(
            test=test,
            doc=doc,
            requirements=requirements,
            backend=backend,
            exercised=exercised,
            **vars(judged),
        )
        expected = self.known.expected(result)
        levels = {REQUIREMENTS[number].level for number in requirements}
        is_excused = self._level != "SHOULD" and Level.MUST not in levels
        if judged.verdict == "fail" and is_excused and not expected:
            expected = Expected(kind="should", reason="a SHOULD: the store chose otherwise")
        return result.model_copy(update={"expected": expected})


def begin(backends: Iterable[str], seed: int) -> Results:
    """The document of a run that begins now, without results."""
    client = ""
    if find_spec("redis"):
        client = f"redis-py {version('redis')}"
    suite = Suite(
        version=version("taskstore"),
        fingerprint=fingerprint(),
        python=platform.python_version(),
        platform=platform.platform(),
        client=client,
        seed=seed,
    )
    requirements = []
    for requirement in REQUIREMENTS.values():
        fields = {**vars(requirement), "level": requirement.level.value}
        requirements.append(ListedRequirement(**fields))
    abouts = [AboutBackend(name=name) for name in backends]
    started = datetime.now(UTC)
    return Results(
        suite=suite,
        started=started.replace(microsecond=0),
        seconds=0.0,
        exit_status=None,
        backends=tuple(abouts),
        requirements=tuple(requirements),
        results=(),
    )


def add_up(before: Result, new: Result) -> Result:
    """Return the stronger of two results of one test: a failure before anything else, of the nearest cause first."""
    if before.verdict == "not-run":
        return new
    stronger = min(before, new, key=_rank)
    return stronger.model_copy(update={"exercised": before.exercised + new.exercised})


def _rank(result: Result) -> tuple[int, bool, int, bool, str]:
    verdict: str = result.verdict
    if verdict == "not-testable" and not result.hooks:
        verdict = "unreached"
    order = _ORDER.index(verdict)
    size, is_random = 0, False
    if result.failure:
        size, is_random = len(result.failure.script), result.failure.name.startswith("random_")
    return order, not result.is_nearest, size, is_random, result.reason
