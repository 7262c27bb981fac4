"""A comparison as a test of one's own suite."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from conformance.compare.child import searched
from conformance.compare.report import as_toml, read_known, shows_in
from conformance.files import CommandFailedError
from conformance.harness import Harness
from conformance.tasks.operations import operations_of

_COVERAGE = "coverage"
_ACCEPTED = "To accept it, write this into the file of known differences, with a reason:"


def parity_test(
    one: Callable[[], Harness], other: Callable[[], Harness], *, known: str | Path | None, seed: int
) -> Callable[..., None]:
    """Return the test function of `conformance.parity`."""
    names = getattr(one, "__name__", "A"), getattr(other, "__name__", "B")

    @cache
    def faults() -> dict[str, list[str]]:
        accepted = read_known(Path(known)) if known else {}
        report = searched((names[0], one), (names[1], other), seed=seed, known=accepted)
        by_part = {_COVERAGE: sorted(report.gaps)}
        for group in report.groups:
            first = group[0]
            if not first.reason:
                text = "\n".join([*first.lines, *shows_in(group), "", _ACCEPTED, as_toml(group)])
                by_part.setdefault(first.operation, []).append(text)
        return by_part

    @pytest.mark.parametrize("part", [*operations_of(one(), names[0]), _COVERAGE])
    def test_parity(part: str) -> None:
        try:
            mine = faults().get(part)
        except CommandFailedError as fault:
            pytest.fail(str(fault), pytrace=False)
        if mine:
            pytest.fail("\n\n".join(mine), pytrace=False)

    return test_parity
