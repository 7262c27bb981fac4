"""Cores: servers on one, and whatever measures them on another, where the system lets us say so.

Left to the system, a client and its server sit on one core or on two for as long as both live, and a round trip takes
up to twice as long on two: a process would differ from the next by that, with the same code.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

SERVER, CLIENT = 0, 1


@contextmanager
def on_core(place: int) -> Iterator[None]:
    """Keep this process, and what it starts in this block, on one core: that of this place, or the last there is."""
    core = core_of(place)
    if sys.platform != "linux" or core is None:
        yield
        return
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def core_of(place: int) -> int | None:
    """Name the core of this place, or the last there is; None where the system does not say which there are."""
    if sys.platform != "linux":
        return None
    cores = sorted(os.sched_getaffinity(0))
    return cores[min(place, len(cores) - 1)]
