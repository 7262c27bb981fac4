"""The tests of a run: every test of the suite on every subject."""

from __future__ import annotations

import platform
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

from conformance.case import Case
from conformance.cases import find_cases
from conformance.chapters import CHAPTERED, CHAPTERS
from conformance.results.document import SCHEMA, AboutSubject, ListedRequirement, Result, Results, Suite, Verdict
from conformance.results.fingerprint import fingerprint
from conformance.results.known import KnownFailures
from conformance.spec.requirements import REQUIREMENTS

_NODE = re.compile(r"(?:^|/)cases/(\w+)\.py::test_([^\[]+)\[(.*)\]$", re.DOTALL)


class Plan:
    """The tests of the suite, and the subjects."""

    def __init__(self, subjects: Iterable[str]) -> None:
        self.cases: dict[str, Case] = {name: case.conformance_case for name, case in find_cases().items()}  # type: ignore[attr-defined]
        self.subjects = tuple(subjects)
        self.tests = {*self.cases, *map(_requirement, CHAPTERED)}
        # pytest writes the names of subjects so in the ids of tests
        self._escaped = {name.encode("unicode_escape").decode("ascii"): name for name in self.subjects}

    def place_of(self, nodeid: str) -> tuple[str, str] | None:
        """The case or chapter, and the subject, that an id of pytest stands for; None if it is no test of the suite."""
        found = _NODE.search(nodeid)
        if found is None:
            return None
        module, function, parameters = found.groups()
        test = function if module == "chapters" else f"{module}.test_{function}"
        # Other plugins add parameters of their own, before or behind: pytest-repeat does.
        among = [one for one in self._escaped if f"-{one}-" in f"-{parameters}-"]
        if test not in {*self.cases, *CHAPTERS} or not among:
            return None
        return test, self._escaped[max(among, key=len)]

    def result(self, case: Case, subject: str, verdict: Verdict, reason: str = "", **more: Any) -> Result:
        """The result of a case."""
        about: dict[str, Any] = {"test": case.id, "doc": case.doc, "requirements": case.requirements}
        return Result(**about, subject=subject, verdict=verdict, reason=reason, **more)

    def of_requirement(self, number: str, subject: str, verdict: Verdict, reason: str = "", **more: Any) -> Result:
        """What the chapters say of a requirement."""
        about: dict[str, Any] = {"test": _requirement(number), "doc": REQUIREMENTS[number].text}
        return Result(**about, requirements=(number,), subject=subject, verdict=verdict, reason=reason, **more)

    def results(self, seed: int, known: KnownFailures) -> Results:
        """The results of a run that begins now, of which nothing has run yet."""
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
            known=known.failures,
            missing=known.missing,
            results=tuple(
                result
                for subject in self.subjects
                for result in (
                    *(self.of_requirement(number, subject, "not-run") for number in CHAPTERED),
                    *(self.result(case, subject, "not-run") for case in self.cases.values()),
                )
            ),
        )


def _requirement(number: str) -> str:
    return f"requirement_{number}"
