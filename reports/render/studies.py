"""The series of a study as the cells of a table."""

from __future__ import annotations

import math
from collections.abc import Mapping

from benchmarks.studies.document import Studies


def throughput(studies: Studies) -> Mapping[tuple[str, float], Mapping[str, float]]:
    """Give calls per second by operation and number of callers, for each subject."""
    cells: dict[tuple[str, float], dict[str, float]] = {}
    for series in studies.select("load"):
        rate = series.estimate("rate")
        if rate:
            row = cells.setdefault((series.what, series.at), {})
            row[series.subject] = rate.value
    return cells


def peers(studies: Studies) -> Mapping[tuple[str, str], Mapping[str, float]]:
    """Give milliseconds of each operation by mode and store, in the order of how long a look takes."""
    cells: dict[tuple[str, str], dict[str, float]] = {}
    for series in studies.select("peers"):
        taken = series.estimate(scale=1e3)
        if taken:
            row = cells.setdefault((series.mode, series.subject), {})
            row[series.what] = taken.value

    def by_look(store: tuple[str, str]) -> tuple[str, float]:
        mode, _ = store
        return mode, cells[store].get("look", math.inf)

    return {store: cells[store] for store in sorted(cells, key=by_look)}
