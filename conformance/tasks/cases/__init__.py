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
    modules = [import_module(f"{__name__}.{one.name}") for one in pkgutil.iter_modules(__path__)]
    found = (value for module in modules for value in vars(module).values() if hasattr(value, "conformance_case"))
    return {one.conformance_case.id: one for one in found}
