"""What a run decides: which results each test of the suite gives on each subject, and how two of them add up."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

from conformance.cases import find_cases
from conformance.chapters import CHAPTERED, CHAPTERS
from conformance.results.document import AboutSubject, ListedRequirement, Result, Results, Suite, Verdict
from conformance.results.fingerprint import fingerprint
from conformance.spec.requirements import REQUIREMENTS

Place = tuple[str, str]
"""A case or a chapter, or the test of a result, and a subject."""
_ORDER: tuple[Verdict, ...] = ("fail", "harness-error", "pass", "not-testable", "not-applicable", "not-run")


class Plan:
    """The tests of the suite, and the subjects."""

    def __init__(self, subjects: Iterable[str]) -> None:
        self.subjects = tuple(subjects)
        cases = [case.conformance_case for case in find_cases().values()]  # type: ignore[attr-defined]
        self.tests: dict[str, dict[str, Any]] = {
            **{f"requirement_{one}": {"doc": REQUIREMENTS[one].text, "requirements": (one,)} for one in CHAPTERED},
            **{case.id: {"doc": case.doc, "requirements": case.requirements} for case in cases},
        }
        """What each result is about: what chapters find about a requirement, and cases."""
        self.decided: dict[str, tuple[str, ...]] = {case.id: (case.id,) for case in cases}
        self.decided |= dict.fromkeys(CHAPTERS, tuple(f"requirement_{one}" for one in CHAPTERED))
        """The tests whose results a case or a chapter gives."""
        played = {case.id.replace(".", ".py::"): case.id for case in cases}
        played |= {f"chapters.py::test_{name}": name for name in CHAPTERS}
        self._places = {
            f"{node}[{subject.encode('unicode_escape').decode()}]": (name, subject)  # as pytest writes it
            for node, name in played.items()
            for subject in self.subjects
        }

    def place_of(self, nodeid: str) -> Place | None:
        """The case or chapter, and the subject, that an id of pytest stands for; None if it is no test of the suite."""
        return self._places.get(nodeid.rpartition("cases/")[2])

    def result(self, test: str, subject: str, verdict: Verdict, reason: str = "", **more: Any) -> Result:
        """A result of a case, or of what chapters say of a requirement."""
        return Result(test=test, subject=subject, verdict=verdict, reason=reason, **self.tests[test], **more)

    def alike(self, place: Place, verdict: Verdict, reason: str = "", **more: Any) -> list[Result]:
        """All results that a case or a chapter gives, with one verdict."""
        return [self.result(test, place[1], verdict, reason, **more) for test in self.decided[place[0]]]

    def results(self, seed: int) -> Results:
        """The results of a run that begins now, without results."""
        return Results(
            suite=Suite(
                version=version("taskstore"),
                fingerprint=fingerprint(),
                python=platform.python_version(),
                platform=platform.platform(),
                client=f"redis-py {version('redis')}" if find_spec("redis") else "",
                seed=seed,
            ),
            started=datetime.now(UTC).replace(microsecond=0),
            seconds=0.0,
            exit_status=None,
            subjects=tuple(AboutSubject(name=name) for name in self.subjects),
            requirements=tuple(
                ListedRequirement(id=one.id, level=one.level.value, text=one.text, claims=one.claims)
                for one in REQUIREMENTS.values()
            ),
            results=(),
        )


def add_up(results: Iterable[Result]) -> dict[Place, Result]:
    """One result for each test and subject: a failure before anything else, that of the nearest cause first."""
    found: dict[Place, Result] = {}
    for new in results:
        old = found.get(new.place)
        if old is not None:
            times = old.exercised + new.exercised
            new = min(old, new, key=_rank).model_copy(update={"exercised": times})  # noqa: PLW2901
        found[new.place] = new
    return found


def _rank(result: Result) -> tuple[Any, ...]:
    is_about_another = not result.reason.startswith(result.requirements[0])  # a finding begins with the first it breaks
    return _ORDER.index(result.verdict), is_about_another, len(result.reason), result.reason
