"""The tests of the suite: cases, in a file for each subject matter, and the groups (`groups`)."""

import pkgutil
from functools import cache
from importlib import import_module

from conformance.tasks.case import Run


@cache
def find_cases() -> dict[str, Run]:
    """Every case, by its id: `sharing.test_…`."""
    found = {}
    for module in pkgutil.iter_modules(__path__):
        for value in vars(import_module(f"{__name__}.{module.name}")).values():
            if hasattr(value, "conformance_case"):
                found[value.conformance_case.id] = value
    return found
