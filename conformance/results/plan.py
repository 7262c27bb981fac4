"""The tests of a run: every test of the suite on every subject."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

from conformance.cases import find_cases
from conformance.chapters import CHAPTERED, CHAPTERS
from conformance.results.document import SCHEMA, AboutSubject, ListedRequirement, Result, Results, Suite, Verdict
from conformance.results.fingerprint import fingerprint
from conformance.spec.requirements import REQUIREMENTS


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
        played = {case.id.replace(".", ".py::"): case.id for case in cases}
        played |= {f"chapters.py::test_{name}": name for name in CHAPTERS}
        self._places = {
            f"{node}[{subject.encode('unicode_escape').decode()}]": (test, subject)  # as pytest writes it
            for node, test in played.items()
            for subject in self.subjects
        }

    def place_of(self, nodeid: str) -> tuple[str, str] | None:
        """The case or chapter, and the subject, that an id of pytest stands for; None if it is no test of the suite."""
        return self._places.get(nodeid.rpartition("cases/")[2])

    def result(self, test: str, subject: str, verdict: Verdict, reason: str = "", **more: Any) -> Result:
        """A result of a case, or of what chapters say of a requirement."""
        return Result(test=test, subject=subject, verdict=verdict, reason=reason, **self.tests[test], **more)

    def results(self, seed: int) -> Results:
        """The results of a run that begins now, without results."""
        return Results(
            schema=SCHEMA,
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
