"""Other stores beside ours on the same payload."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.document import Mode
from benchmarks.studies.document import Studies

OPERATIONS = ("create", "get", "look", "update")
"""A look is a get, and then reading the metadata."""


@dataclass(frozen=True)
class Peer:
    """A store in a mode, and the milliseconds of a call by operation."""

    name: str
    mode: Mode
    ms: Mapping[str, float]


def gather_peers(studies: Studies | None) -> tuple[Peer, ...]:
    """Sort the stores of each mode by how long a look takes."""
    found: dict[tuple[Mode, str], dict[str, float]] = {}
    for one in studies.select("peers") if studies else ():
        if one.what in OPERATIONS and (taken := one.estimate(scale=1e3)):
            found.setdefault((one.mode, one.subject), {})[one.what] = taken.value
    peers = (Peer(name, mode, ms) for (mode, name), ms in found.items())
    return tuple(sorted(peers, key=lambda one: (one.mode, one.ms.get("look", math.inf))))
