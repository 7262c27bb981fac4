"""Texts on a terminal: as wide as it is, in colour where it takes colour, with what differs marked."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from itertools import takewhile

from conformance.text import cut, on_one_line

RED, GREEN, YELLOW, BOLD, FAINT = 31, 32, 33, 1, 2
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
        before, behind = _alike(wanted, given)
        lines = self._flow("  expected ", wanted, before, len(wanted) - behind, GREEN)
        came_lines = self._flow("  came     ", given, before, len(given) - behind, RED)
        marked = "".join(given[before : len(given) - behind])
        if not self.is_colored and before + behind and len(came_lines) == 1:
            blank = " " * (len("  came     ") + len("".join(given[:before])))
            came_lines.append(blank + "^" * len(marked))
        return lines + came_lines

    def _flow(self, label: str, tokens: list[str], begin: int, end: int, style: int) -> list[str]:
        """Return tokens behind a label, on as many lines as it takes, those from `begin` to `end` in a style."""
        lines, column = [label], len(label)
        for place, token in enumerate(tokens):
            if column + len(token) > self.width:
                lines.append(" " * len(label))
                column = len(label)
            column += len(token)
            lines[-1] += self.paint(token, style, BOLD) if begin <= place < end else token
        return lines

    def brief(self, label: str, expected: str, came: str) -> str:
        """Return two values on one line behind a label. Of long ones the beginning is left out that is alike."""
        room = self.width - len(label)
        expected, came = on_one_line(expected), on_one_line(came)
        if not expected:
            return label + cut(came, room - 1)
        if len(expected) + len(came) + 3 > room:
            wanted, given = _tokens(expected), _tokens(came)
            before, _ = _alike(wanted, given)
            fields = _FIELD.findall("".join(wanted[:before]))
            expected, came = (
                "".join([*fields[-1:], "…" * bool(before), *tokens[before:]]) for tokens in (wanted, given)
            )
        each = (room - 5) // 2
        expected = cut(expected, max(each, room - 5 - len(came)))
        return f"{label}{expected} → {cut(came, room - 4 - len(expected))}"


def _tokens(text: str) -> list[str]:
    """The words and signs of a text."""
    return _TOKEN.findall(on_one_line(cut(text, _MOST)))


def _alike(one: list[str], another: list[str]) -> tuple[int, int]:
    """Return how many tokens two texts have in common at the beginning, and behind that at the end."""

    def common(here: list[str], there: list[str]) -> int:
        pairs = zip(here, there, strict=False)
        return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))

    before = common(one, another)
    return before, common(one[before:][::-1], another[before:][::-1])
