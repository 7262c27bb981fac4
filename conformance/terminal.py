"""Texts on a terminal: as wide as it is, in colour where it takes colour."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from os.path import commonprefix

from conformance.text import cut, on_one_line

RED, GREEN, YELLOW, BOLD, FAINT = 31, 32, 33, 1, 2
_MOST = 4_000


@dataclass(frozen=True)
class Screen:
    """Where a text is shown: how wide it is, and whether it takes colour."""

    width: int = 100
    is_colored: bool = False

    def paint(self, text: str, *styles: int) -> str:
        """Return the text in these styles, if there is colour."""
        codes = ";".join(map(str, styles))
        return f"\x1b[{codes}m{text}\x1b[0m" if self.is_colored else text

    def wrap(self, text: str, label: str = "  ") -> list[str]:
        """Return the text as lines behind a label, which is above spaces."""
        indent = " " * len(label)
        return textwrap.wrap(
            on_one_line(cut(text, _MOST)),
            self.width,
            initial_indent=label,
            subsequent_indent=indent,
            break_on_hyphens=False,
        )

    def brief(self, label: str, expected: str, came: str) -> str:
        """Return two values on one line behind a label. Of long ones the beginning is left out that is alike."""
        wanted, given = on_one_line(expected), on_one_line(came.partition("\n")[0])
        room = self.width - len(label) - 3
        if not expected:
            return label + cut(given, room)
        room = room // 2 - 3
        alike = len(commonprefix([wanted, given])) - room // 2  # noqa: RUF071  texts, no paths
        if alike > 0 and max(len(wanted), len(given)) > room:
            wanted, given = f"…{wanted[alike:]}", f"…{given[alike:]}"
        return f"{label}{cut(wanted, room)} → {cut(given, room)}"
