"""The clock of this process, which can be put forward: what a store that lets entries end by itself goes by."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

from time_machine import travel

_MONOTONIC = time.monotonic
_LATE = 600_000
"""Microseconds of a second: what is done before it ends comes out alike."""


class ProcessClock:
    """Puts the clock forward. The monotonic one, by which timers of a loop go, is never set back."""

    _ahead = 0.0

    def __init__(self) -> None:
        self._travel: Any = None

    def advance(self, by: timedelta) -> None:
        """Let so much time pass at once. The first time it begins late in a second: some stores cut those off."""
        if self._travel is None:
            self._travel = travel(datetime.now(UTC).replace(microsecond=_LATE))
            self._traveller = self._travel.start()
        self._traveller.shift(by)
        ProcessClock._ahead += by.total_seconds()
        setattr(time, "monotonic", _now)  # noqa: B010  a checker takes the function for one that stays

    def set_back(self) -> None:
        """Let the clock show the time again."""
        if self._travel is not None:
            self._travel.stop()
            self._travel = None


def _now() -> float:
    return _MONOTONIC() + ProcessClock._ahead  # noqa: SLF001  its own
