"""Texts on a terminal: nothing that decides is cut, at any width."""

from __future__ import annotations

import re

import pytest

from conformance.terminal import Screen

WANTED = "updated_at=datetime(2026, 12, 1, 14, 59, 16, 753957, tzinfo=UTC), video_ids=('v', 'w'), progress=0.0"
CAME = WANTED.replace("753957", "754073")


@pytest.mark.parametrize("width", [60, 80, 200])
def test_a_value_stands_whole_or_on_a_line_that_shows_what_differs(width: int) -> None:
    lines = Screen(width).wrap(WANTED, "  expected ")
    assert max(map(len, lines)) <= width
    assert WANTED in re.sub(r"\s+", " ", " ".join(lines))
    line = Screen(width).brief("LIFE-17  ", WANTED, CAME)
    assert len(line) <= width
    assert "753957" in line
    assert "754073" in line


def test_a_text_of_a_store_moves_no_cursor() -> None:
    lines = [*Screen(80).wrap("a\x1b[2Jb\rc"), Screen(80).brief("", "a\x1b[2Jb", "a\rb")]
    assert "".join(lines).isprintable()
