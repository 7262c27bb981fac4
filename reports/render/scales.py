"""A logarithmic scale: from a value to its place in a drawing, and the ticks in between."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

STEPS = (1, 2, 5)
"""Times a power of ten: where an axis may end."""


@dataclass(frozen=True)
class LogScale:
    """Places positive values so that equal ratios are equal distances."""

    low: float
    high: float
    start: float
    end: float

    @classmethod
    def around(cls, values: Iterable[float], start: float, end: float) -> LogScale:
        """Enclose some positive values between two of the `STEPS`."""
        known = [value for value in values if value > 0]
        low, high = _step_below(min(known)), _step_above(max(known))
        return cls(low, high if high > low else low * 10, start, end)

    def __call__(self, value: float) -> float:
        """Find the place of a value; what is outside is placed at the end."""
        share = math.log(max(value, self.low) / self.low) / math.log(self.high / self.low)
        return round(self.start + min(share, 1.0) * (self.end - self.start), 1)

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Powers of ten, every other one where they are many; more between them where they are few."""
        first, last = math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9)
        if last - first < 1 or (last - first < 2 and self.high / self.low < 50):  # noqa: PLR2004  under two decades
            values = [
                step * 10.0**power
                for power in range(first - 1, last + 1)
                for step in STEPS
                if self.low * 0.999 <= step * 10.0**power <= self.high * 1.001
            ]
        else:
            values = [10.0**power for power in range(first, last + 1, 1 + (last - first) // 6)]
        return [(self(value), write_tick(value)) for value in values]


def write_tick(value: float) -> str:
    """Write a tick with no more digits than it needs."""
    text = f"{value:,.{max(0, -math.floor(math.log10(value) + 1e-9))}f}"
    return text.removesuffix(",000,000") + "M" if text.endswith(",000,000") else text


def _step_below(value: float) -> float:
    power = 10.0 ** math.floor(math.log10(value))
    return power * max(step for step in STEPS if step * power <= value * (1 + 1e-9))


def _step_above(value: float) -> float:
    power = 10.0 ** math.floor(math.log10(value))
    return min(step * power for step in (*STEPS, 10) if step * power >= value * (1 - 1e-9))
