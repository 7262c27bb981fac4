"""How numbers are written: three digits that count, no exponents, and a unit that fits."""

import math
from collections.abc import Callable

UNITS = {"s": 1e3, "ms": 1.0, "µs": 1e-3, "ns": 1e-6}
"""In milliseconds, from long to short."""


def figure(value: float) -> str:
    """Write a number with three significant digits: 0.0123, −1.23, 123, 12,345."""
    decimals = 2 - math.floor(math.log10(abs(value))) if value else 0
    return f"{value:,.{max(0, decimals)}f}".replace("-", "−")


def write_time(ms: float, number: Callable[[float], str] = figure) -> str:
    """Write a time given in milliseconds, with the unit that fits: 120 ns, 81.1 µs, 2.01 s."""
    fitting = [unit for unit, size in UNITS.items() if abs(ms) >= size]
    unit = fitting[0] if fitting else "ns"
    return f"{number(ms / UNITS[unit])} {unit}"


def write_round_time(ms: float) -> str:
    """Write a round time without digits that say nothing: 100 ns, 0.5 ms, 1 s."""
    return write_time(ms, "{:g}".format)


def times(factor: float) -> str:
    """Write how many times as much with two digits that count: 9.96 → "10", 1.24 → "1.2", 371 → "370"."""
    return f"{float(f'{factor:.2g}'):,.{0 if factor >= 9.95 else 1}f}"  # noqa: PLR2004  two digits
