"""The cases of the suite: one file per chapter, and one test for each requirement that the tour decides."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any

from conformance.harness import Harness


@cache
def find_cases() -> dict[str, Callable[[Any], None]]:
    """Every test of the suite, by its id: `requirement_LIST-07`, or `listing.test_…` for a readable case."""
    found: dict[str, Callable[[Any], None]] = {}
    for _, module, _ in pkgutil.iter_modules(__path__):
        full = f"{__name__}.{module}"
        for case in vars(import_module(full)).values():
            if hasattr(case, "conformance_case") and case.__module__ == full:
                found[case.conformance_case.id] = case
    return found


def why(name: str, harness: Harness) -> str:
    """Why a readable case fails on a subject that is running, or that it does not."""
    from conformance.case import Subject

    try:
        find_cases()[name](Subject("subject", harness, {}, 0))
    except BaseException as fault:  # noqa: BLE001  a failure of pytest is no Exception
        return f"{type(fault).__name__}: {(str(fault).strip().splitlines() or [''])[0]}"
    return "it passes"
