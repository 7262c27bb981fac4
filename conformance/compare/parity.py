"""A comparison as a test of one's own suite."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from conformance.compare.child import Comparison
from conformance.compare.report import Report, accepting
from conformance.files import CommandFailedError
from conformance.harness import Harness
from conformance.known import read
from conformance.tasks.operations import operations_of

_COVERAGE = "coverage"
_ACCEPTED = "To accept it, write this into the file of known differences, with a reason:"


def parity_test(
    one: Callable[[], Harness], other: Callable[[], Harness], *, known: str | Path | None
) -> Callable[..., None]:
    """Return the test function of `conformance.parity`."""
    names = getattr(one, "__name__", "A"), getattr(other, "__name__", "B")

    first = one()

    @cache
    def report() -> Report:
        accepted = read(Path(known)) if known else {}
        return Comparison((names[0], one), (names[1], other), known=accepted).run()

    @pytest.mark.parametrize("part", [*operations_of(first, names[0]), _COVERAGE])
    def test_parity(part: str) -> None:
        try:
            found = report()
        except CommandFailedError as fault:
            pytest.fail(str(fault), pytrace=False)
        faults = sorted(found.gaps) if part == _COVERAGE else []
        for group in found.groups:
            first = group[0]
            if first.operation == part and not first.reason:
                faults.append("\n".join([*first.lines, "", _ACCEPTED, accepting(group)]))
        if faults:
            pytest.fail("\n\n".join(faults), pytrace=False)

    return test_parity
