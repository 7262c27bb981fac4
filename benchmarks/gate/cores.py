"""Cores: the server on one and the workers on another, where the system lets us say so.

Left to the system, a client and its server sit on one core or on two for as long as both live, and a round trip takes
up to twice as long on two: identical code would differ by that.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

SERVER, WORKERS = 0, 1


@contextmanager
def starting_on(place: int) -> Iterator[None]:
    """Whatever is started in this block stays on one core: that of this place, or the last there is."""
    if sys.platform != "linux":
        yield
        return
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[min(place, len(cores) - 1)]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)
