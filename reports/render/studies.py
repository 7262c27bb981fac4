"""The series of a study as the cells of a table."""

from __future__ import annotations

import math
from collections.abc import Mapping

from benchmarks.studies.document import Studies


def throughput(studies: Studies) -> Mapping[tuple[str, float], Mapping[str, float]]:
    """Give calls per second by operation and number of callers, for each subject."""
    cells: dict[tuple[str, float], dict[str, float]] = {}
    for one in studies.select("load"):
        if rate := one.estimate("rate"):
            cells.setdefault((one.what, one.at), {})[one.subject] = rate.value
    return cells


def peers(studies: Studies) -> Mapping[tuple[str, str], Mapping[str, float]]:
    """Give milliseconds of each operation by mode and store, in the order of how long a look takes."""
    cells: dict[tuple[str, str], dict[str, float]] = {}
    for one in studies.select("peers"):
        if taken := one.estimate(scale=1e3):
            cells.setdefault((one.mode, one.subject), {})[one.what] = taken.value
    return dict(sorted(cells.items(), key=lambda cell: (cell[0][0], cell[1].get("look", math.inf))))
