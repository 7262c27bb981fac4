"""How numbers are written: three digits that count, no exponents, and a unit that fits."""

from __future__ import annotations

import math


def figure(value: float) -> str:
    """Write a number with three significant digits: 0.0123, −1.23, 123, 12,345."""
    decimals = 2 - math.floor(math.log10(abs(value))) if value else 0
    return f"{value:,.{max(0, decimals)}f}".replace("-", "−")


def write_time(ms: float) -> str:
    """Write a time given in milliseconds, with the unit that fits: 0.120 µs, 2.01 s."""
    if abs(ms) < 0.1:  # noqa: PLR2004  a tenth of a millisecond
        return f"{figure(ms * 1e3)} µs"
    return f"{figure(ms)} ms" if abs(ms) < 1e3 else f"{figure(ms / 1e3)} s"  # noqa: PLR2004  a second


def times(factor: float) -> str:
    """Write how many times as much with two digits that count: 9.96 → "10", 1.24 → "1.2", 371 → "370"."""
    return f"{float(f'{factor:.2g}'):,.{0 if factor >= 9.95 else 1}f}"  # noqa: PLR2004  two digits
