"""The tests of the suite: cases, in a file for each subject matter, and the chapters (`chapters`)."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any


@cache
def find_cases() -> dict[str, Callable[[Any], None]]:
    """Every case, by its id: `sharing.test_…`."""
    found: dict[str, Callable[[Any], None]] = {}
    for _, module, _ in pkgutil.iter_modules(__path__):
        full = f"{__name__}.{module}"
        for case in vars(import_module(full)).values():
            if hasattr(case, "conformance_case") and case.__module__ == full:
                found[case.conformance_case.id] = case
    return found
