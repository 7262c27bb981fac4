"""How numbers are written: three digits that count, and no exponents."""

from __future__ import annotations

import math


def figure(value: float) -> str:
    """Write a positive number with three significant digits: 0.0123, 1.23, 123, 12,345."""
    decimals = 2 - math.floor(math.log10(value)) if value > 0 else 0
    return f"{value:,.{max(0, decimals)}f}"


def signed(value: float) -> str:
    """Write any number with three significant digits, also zero and below."""
    return figure(value) if value > 0 else f"−{figure(-value)}" if value < 0 else "0"


def percent(share: float) -> str:
    """Write a share in whole per cent; a few are never rounded to none, nor most to all."""
    if 0 < share < 0.01:  # noqa: PLR2004  one per cent
        return "under 1 %"
    if 0.99 < share < 1:  # noqa: PLR2004
        return "over 99 %"
    return f"{share:.0%}".replace("%", " %")


def span(low: float, high: float) -> str:
    """Write a range of milliseconds."""
    return f"{figure(low)}\N{EN DASH}{figure(high)} ms"
