"""One typed comparison decides whether two JSON values are the same."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from math import copysign, isnan
from typing import Any

from conformance.spec.model import FIELDS


def snapshot(task: Any) -> dict[str, Any]:
    """Every field of a task, copied: a store that hands out live objects cannot change it afterwards.

    The video ids are a tuple, whatever sequence they are in: which one it should be is judged elsewhere.
    """
    fields = {name: copy.deepcopy(getattr(task, name)) for name in FIELDS}
    return fields | ({"video_ids": tuple(task.video_ids)} if isinstance(task.video_ids, list) else {})


def snapshots(tasks: Iterable[Any]) -> list[dict[str, Any]]:
    """Those of several tasks, in their order."""
    return [snapshot(task) for task in tasks]


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal in value and type, at every depth.

    Python says `1 == 1.0 == True` and `0.0 == -0.0`; here they differ, and NaN is NaN. The order of keys does
    not count.
    """
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, float):
        return (one == other and copysign(1, one) == copysign(1, other)) or (isnan(one) and isnan(other))
    return bool(one == other)
