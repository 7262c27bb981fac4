"""The plan of a run: which results each test gives on each backend, and whether they count."""

from typing import Any

from conformance.backends.registry import shown_name
from conformance.known import read
from conformance.results import known
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


class Plan:
    """The tests of the suite on some backends, and what is expected of them."""

    def __init__(self, option: Any) -> None:
        """Read the known failures.

        Raises:
            conformance.files.FileError: if their file cannot be used.
        """
        self.option = option
        self.only = option.conformance_only
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
        failures = sorted(judged.failures, key=lambda failure: known.reason_for(self.known, backend, failure) != "")
        reason = judged.reason
        if failures and failures[0].shows:
            reason = "\n".join(block(failures[0]))
        given = vars(judged) | {"failures": tuple(failures), "reason": reason}
        result = Result(test=test.id, doc=test.doc, requirements=requirements, backend=backend, **given)
        accepted = known.accepted(self.known, result)
        is_must = self.option.conformance_level == "SHOULD" or any(
            REQUIREMENTS[number].level == "MUST" for number in requirements
        )
        is_choice = judged.verdict == "fail" and not accepted and not is_must
        return result.model_copy(update={"accepted": accepted, "is_choice": is_choice})

    def again(self, backend: str) -> str:
        """Return the command that plays something again, but for its name."""
        command = f"conformance run --store {backend}"
        depth = self.option.conformance_depth
        if depth != OPTIONS["depth"]["default"]:
            command += f" --depth {depth}"
        return f"{command} --only"
