"""Text for terminals and files: printable, cut short, and in columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence


def printable(text: str) -> str:
    """The text with lone surrogates as escapes: neither a file nor a terminal can take them."""
    return text.encode("utf-8", "backslashreplace").decode()


def cut(text: str, most: int) -> str:
    """The text with at most this many characters, and then an ellipsis if it has more."""
    return text if len(text) <= most else f"{text[:most]}…"


def in_columns(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """The rows of a table as lines, with columns as wide as their widest cells."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
