"""The plan of a run: which results each test gives on each backend, and whether they count or are known."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from conformance.backends.registry import shown_name
from conformance.files import write_file
from conformance.known import UNREASONED, as_toml, read
from conformance.results.document import Judged, Result
from conformance.results.show import block
from conformance.tasks.case import Case, is_selected
from conformance.tasks.cases import find_cases
from conformance.tasks.cases.groups import GROUPED, GROUPS, group_of
from conformance.tasks.spec.requirements import REQUIREMENTS
from taskstore_conformance_plugin import OPTIONS

Place = tuple[str, str]
"""A case or a group, and a backend."""
_GROUPED = [Case(f"requirement_{number}", (number,), REQUIREMENTS[number].text) for number in GROUPED]
"""What groups find about each requirement."""
_ACCEPTABLE = ("fail", "not-testable")
"""Verdicts that an entry of known failures accepts."""


class Plan:
    """The tests of the suite on some backends, and what is expected of them."""

    def __init__(self, option: Any) -> None:
        """Read the known failures.

        Raises:
            conformance.files.FileError: if their file cannot be used.
        """
        self.option = option
        self.only = option.conformance_only
        self.is_partial = option.conformance_partial or self.only
        self.backends = [*dict.fromkeys(map(shown_name, option.conformance_store))]
        cases = [function.conformance_case for function in find_cases().values()]  # type: ignore[attr-defined]
        self.tests = {case.id: case for case in (*_GROUPED, *cases)}
        """What there is a result of."""
        file = option.conformance_known
        self.known = read(file, self.tests, self.backends) if file else {}

    def place_of(self, nodeid: str) -> Place | None:
        """The case or group, and the backend, that an id of pytest stands for; None if it is no test of the suite."""
        function, _, backend = nodeid.rpartition("cases/")[2].partition("[")
        name = function.replace(".py::", ".").removeprefix("groups.test_")
        if name not in self.tests and name not in GROUPS:
            return None
        return name, backend.removesuffix("]").encode().decode("unicode_escape")

    def tests_of(self, name: str) -> list[Case]:
        """Return the tests whose results a case or a group gives; none if something else is selected."""
        tests = [self.tests[name]] if name in self.tests else _GROUPED
        is_named = name in map(group_of, self.only)
        return [test for test in tests if is_named or is_selected(self.only, test.id, test.requirements)]

    def result(self, test: Case, backend: str, judged: Judged) -> Result:
        """A result of a case, or of what groups say of a requirement."""
        requirements = test.requirements
        if judged.failure and judged.failure.name == test.id:
            requirements = judged.failure.requirements  # those of a case that it shows
        failures = sorted(judged.failures, key=lambda failure: (failure.test, backend, failure.shows) in self.known)
        reason = judged.reason
        if failures and failures[0].shows:
            reason = "\n".join(block(failures[0]))
        given = vars(judged) | {"failures": tuple(failures), "reason": reason}
        result = Result(test=test.id, doc=test.doc, requirements=requirements, backend=backend, **given)
        accepted = self.reason_for(result)
        is_must = self.option.conformance_level == "SHOULD" or any(
            REQUIREMENTS[number].level == "MUST" for number in requirements
        )
        is_choice = judged.verdict == "fail" and not accepted and not is_must
        return result.model_copy(update={"accepted": accepted, "is_choice": is_choice})

    def reason_for(self, result: Result) -> str:
        """Return the reason that accepts a result; nothing if a part of it has none."""
        reasons = [self.known.get(key, "") for key in result.known_as]
        return reasons[0] if result.verdict in _ACCEPTABLE and all(reasons) else ""

    def stale(self, results: Iterable[Result]) -> Iterator[str]:
        """Yield what is accepted of tests that pass.

        Findings are missed only in a whole run: where less is played, less shows.
        """
        is_whole = not self.is_partial and self.option.conformance_depth != "smoke"
        passing = {result.place for result in results if result.verdict == "pass" and not result.reason}
        for test, backend, finding in self.known:
            if (test, backend) in passing and (is_whole or not finding):
                yield f"{test} on {backend} no longer shows {finding or 'a failure'}"

    def write_known(self, file: Path, results: Iterable[Result]) -> None:
        """Write what fails, and the hooks that are missing, as entries; reasons that nobody has given are left open.

        Raises:
            conformance.files.FileError: if the file cannot be written.
        """
        found = []
        for result in results:
            if result.verdict not in _ACCEPTABLE or result.is_choice:
                continue
            kind = "hook" if result.hook else "test"
            for key in result.known_as:
                about, backend, finding = key
                reason = self.known.get(key, UNREASONED)
                found.append(({kind: about, "backend": backend, "reason": reason}, finding))
        write_file(file, as_toml(found))

    def again(self, backend: str) -> str:
        """Return the command that plays something again, but for its name."""
        command = f"conformance run --store {backend}"
        depth = self.option.conformance_depth
        if depth != OPTIONS["depth"]["default"]:
            command += f" --depth {depth}"
        return f"{command} --only"
