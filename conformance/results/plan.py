"""The plan of a run: which results each test gives on each backend, and whether they count."""

from __future__ import annotations

from typing import Any, TypeAlias

from conformance.backends.registry import shown_name
from conformance.results import known
from conformance.results.document import Expected, Judged, Result
from conformance.tasks.case import is_selected
from conformance.tasks.cases import find_cases
from conformance.tasks.cases.groups import GROUPED, GROUPS, group_of
from conformance.tasks.spec.requirements import REQUIREMENTS, Level
from taskstore_conformance_plugin import OPTIONS

Place: TypeAlias = tuple[str, str]
"""A case or a group, and a backend."""


class Plan:
    """The tests of the suite on some backends, and what is expected of them."""

    def __init__(self, option: Any) -> None:
        """Read the known failures.

        Raises:
            conformance.files.FileError: if their file cannot be used.
        """
        self.option, self.only = option, option.conformance_only
        self.backends = [*dict.fromkeys(map(shown_name, option.conformance_store))]
        self.tests: dict[str, tuple[str, tuple[str, ...]]] = {
            f"requirement_{number}": (REQUIREMENTS[number].text, (number,)) for number in GROUPED
        }
        """The text and the requirements of each result: what groups find about a requirement, and cases."""
        self._names = {f"groups.py::test_{name}": name for name in GROUPS}
        """The cases and groups, by what pytest calls their functions."""
        for function in find_cases().values():
            case = function.conformance_case  # type: ignore[attr-defined]
            self.tests[case.id] = case.doc, case.requirements
            self._names[case.id.replace(".", ".py::")] = case.id
        file = option.conformance_known
        self.known = known.read(file, self.tests) if file else known.KnownFailures()

    def place_of(self, nodeid: str) -> Place | None:
        """The case or group, and the backend, that an id of pytest stands for; None if it is no test of the suite."""
        function, _, backend = nodeid.rpartition("cases/")[2].partition("[")
        name = self._names.get(function)
        return (name, backend.removesuffix("]").encode().decode("unicode_escape")) if name else None

    def tests_of(self, name: str) -> list[str]:
        """Return the tests whose results a case or a group gives; none if something else is selected."""
        if name in self.tests:
            return [name] if is_selected(self.only, name, self.tests[name][1]) else []
        is_named = name in map(group_of, self.only)
        chosen = [number for number in GROUPED if is_named or is_selected(self.only, "", [number])]
        return [f"requirement_{number}" for number in chosen]

    def alike(self, place: Place, judged: Judged) -> list[Result]:
        """All results that a case or a group gives, with one verdict."""
        name, backend = place
        return [self.result(test, backend, judged) for test in self.tests_of(name)]

    def result(self, test: str, backend: str, judged: Judged) -> Result:
        """A result of a case, or of what groups say of a requirement."""
        doc, requirements = self.tests[test]
        if judged.failure and judged.failure.name == test:
            requirements = judged.failure.requirements  # those of a case that it shows
        result = Result(test=test, doc=doc, requirements=requirements, backend=backend, **vars(judged))
        expected = self.known.expected(result)
        is_must = any(REQUIREMENTS[number].level is Level.MUST for number in requirements)
        if judged.verdict == "fail" and not expected and not is_must and self.option.conformance_level != "SHOULD":
            expected = Expected(kind="should", reason="a SHOULD: the store chose otherwise")
        return result.model_copy(update={"expected": expected})

    def again(self, backend: str) -> str:
        """Return the command that plays something again, but for its name."""
        command = f"conformance run --store {backend}"
        for name in ("depth", "seed"):
            value = getattr(self.option, f"conformance_{name}")
            if value != OPTIONS[name]["default"]:
                command += f" --{name} {value}"
        return f"{command} --only"
