"""A comparison as a test of one's own suite."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from conformance.compare.child import searched
from conformance.compare.report import Report, read_known
from conformance.files import CommandFailedError
from conformance.harness import Harness
from conformance.operations.contract import operations_of

_COVERAGE = "coverage"
_ACCEPTED = "To accept it, write this into the file of known differences, with a reason:"


def parity_test(
    one: Callable[[], Harness], other: Callable[[], Harness], *, known: str | Path | None, seed: int
) -> Callable[..., None]:
    """The test function that `conformance.parity` returns."""
    names = getattr(one, "__name__", "A"), getattr(other, "__name__", "B")

    @cache
    def report() -> Report:
        accepted = read_known(Path(known)) if known else []
        last = searched((names[0], one), (names[1], other), seed=seed)
        last.accept(accepted)
        return last

    @pytest.mark.parametrize("part", [*operations_of(one(), names[0]), _COVERAGE])
    def test_parity(part: str) -> None:
        try:
            result = report()
        except CommandFailedError as fault:
            pytest.fail(str(fault), pytrace=False)
        if part == _COVERAGE:
            faults = sorted(result.gaps)
        else:
            mine = [found for found in result.new if found.operation == part]
            faults = ["\n".join(found.lines()) for found in mine]
            faults += [_ACCEPTED, *(found.toml() for found in mine)] if mine else []
        if faults:
            pytest.fail("\n\n".join(faults), pytrace=False)

    return test_parity
