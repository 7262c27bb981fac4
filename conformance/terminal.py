"""Texts on a terminal: as wide as it is, in colour where it takes colour, with what differs marked."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass

from conformance.text import cut, on_one_line

RED, GREEN, YELLOW, BOLD, FAINT = 31, 32, 33, 1, 2
_CAME = "  came     "
_MOST = 4_000
_FIELD = re.compile(r"\w+=")
_TOKEN = re.compile(r"\w+|\W")


@dataclass(frozen=True)
class Screen:
    """Where a text is shown: how wide it is, and whether it takes colour."""

    width: int = 100
    is_colored: bool = False

    def paint(self, text: str, *styles: int) -> str:
        """Return the text in these styles, if there is colour."""
        codes = ";".join(map(str, styles))
        return f"\x1b[{codes}m{text}\x1b[0m" if self.is_colored else text

    def wrap(self, text: str, indent: str = "  ") -> list[str]:
        """Return the text as lines behind an indent."""
        return textwrap.wrap(
            on_one_line(text),
            self.width,
            initial_indent=indent,
            subsequent_indent=indent,
            break_on_hyphens=False,
        )

    def compare(self, expected: str, came: str) -> list[str]:
        """Return two values whole, below each other, with what differs marked."""
        wanted, given = _tokens(expected), _tokens(came)
        begin = _common(wanted, given)
        behind = _common(wanted[begin:][::-1], given[begin:][::-1])
        end = len(given) - behind
        above = self._flow("  expected ", wanted, begin, len(wanted) - behind, GREEN)
        below = self._flow(_CAME, given, begin, end, RED)
        if len(below) == 1 and begin + behind and not self.is_colored:
            head, middle = "".join(given[:begin]), "".join(given[begin:end])
            column = len(_CAME) + len(head)
            below.append(" " * column + "^" * len(middle))
        return above + below

    def _flow(self, label: str, tokens: list[str], begin: int, end: int, style: int) -> list[str]:
        """Return tokens behind a label, on as many lines as it takes, those from `begin` to `end` in a style."""
        lines, column = [label], len(label)
        for place, token in enumerate(tokens):
            if column + len(token) > self.width:
                lines.append(" " * len(label))
                column = len(label)
            column += len(token)
            if begin <= place < end:
                token = self.paint(token, style, BOLD)  # noqa: PLW2901  the column counts without colour
            lines[-1] += token
        return [line.rstrip() for line in lines]

    def brief(self, label: str, expected: str, came: str) -> str:
        """Return two values on one line behind a label. Of long ones the beginning is left out that is alike."""
        room = self.width - len(label) - 2  # it is indented
        if not expected:
            first, _, _ = came.partition("\n")
            return label + cut(on_one_line(first), room - 1)
        wanted, given = _tokens(expected), _tokens(came)
        before, lead = 0, ""
        if len(expected) + len(came) + len(" → ") > room:
            before = _common(wanted, given)
        if before:
            fields = _FIELD.findall("".join(wanted[:before]))
            lead = "".join(fields[-1:]) + "…"
        came = lead + "".join(given[before:])
        expected = lead + "".join(wanted[before:])
        left = room - 5 - len(came)
        expected = cut(expected, max(room // 2 - 3, left))
        left = room - 4 - len(expected)
        return f"{label}{expected} → {cut(came, left)}"


def _tokens(text: str) -> list[str]:
    """The words and signs of a text."""
    return _TOKEN.findall(on_one_line(cut(text, _MOST)))


def _common(here: list[str], there: list[str]) -> int:
    """Return how many tokens two texts begin with alike."""
    count = 0
    for left, right in zip(here, there, strict=False):
        if left != right:
            break
        count += 1
    return count
