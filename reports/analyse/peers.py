"""Other stores beside ours on the same payload, and where ours is not the first."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.document import Mode
from benchmarks.studies.document import Studies
from conformance.measure.estimate import compare

OPERATIONS = ("create", "get", "look", "update")
"""A look is a get, and then reading the metadata."""
MODES: tuple[Mode, ...] = ("memory", "redis")


@dataclass(frozen=True)
class Peer:
    """A store in a mode, and the milliseconds of a call by operation."""

    name: str
    mode: Mode
    ms: Mapping[str, float]


@dataclass(frozen=True)
class Ahead:
    """Who is faster than ours at an operation, the fastest first, and how many times as fast."""

    mode: Mode
    operation: str
    faster: Mapping[str, float]


def gather_peers(studies: Studies | None) -> tuple[Peer, ...]:
    """Sort the stores of each mode by how long a look takes."""
    found: dict[tuple[Mode, str], dict[str, float]] = {}
    for one in studies.select("peers") if studies else ():
        if one.what in OPERATIONS and (taken := one.estimate(scale=1e3)):
            found.setdefault((one.mode, one.subject), {})[one.what] = taken.value
    peers = (Peer(name, mode, ms) for (mode, name), ms in found.items())
    return tuple(sorted(peers, key=lambda one: (one.mode, one.ms.get("look", math.inf))))


def find_faster(studies: Studies | None) -> tuple[Ahead, ...]:
    """Find the operations at which the median ratio of another store to ours says that it is faster."""
    found = []
    for mode in MODES:
        for operation in OPERATIONS:
            taken = {
                one.subject: one.figures["seconds"]
                for one in (studies.select("peers", mode=mode, what=operation) if studies else ())
            }
            if ours := taken.pop("ours", None):
                times = {name: compare(ours, seconds).value for name, seconds in taken.items()}
                faster = {name: times[name] for name in sorted(times, key=lambda name: -times[name]) if times[name] > 1}
                found += [Ahead(mode, operation, faster)] if faster else []
    return tuple(found)
