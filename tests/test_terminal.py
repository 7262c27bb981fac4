"""Texts on a terminal: nothing that decides is cut, at any width."""

from __future__ import annotations

import re

import pytest

from conformance.terminal import Screen

WANTED = "updated_at=datetime(2026, 12, 1, 14, 59, 16, 753957, tzinfo=UTC), video_ids=('v', 'w'), progress=0.0"
CAME = WANTED.replace("753957", "754073").replace("0.0", "0")


@pytest.mark.parametrize("width", [60, 80, 200])
def test_two_values_stand_whole_below_each_other(width: int) -> None:
    lines = Screen(width).compare(WANTED, CAME)
    assert max(map(len, lines)) <= width
    text = re.sub(r"\s+", " ", " ".join(lines))
    assert WANTED in text
    assert CAME in text


def test_what_differs_is_marked_with_and_without_colour() -> None:
    plain = Screen(80).compare("progress=0.0, status='x'", "progress=0.5, status='x'")
    assert plain[2].index("^") == plain[1].index("5")
    coloured = Screen(80, is_colored=True).compare("progress=0.0, status='x'", "progress=0.5, status='x'")
    assert re.findall(r"\x1b\[31;1m(.*?)\x1b", coloured[1]) == ["5"]


@pytest.mark.parametrize("width", [60, 80, 200])
def test_a_short_form_shows_the_field_and_what_differs(width: int) -> None:
    line = Screen(width).brief("LIFE-17  ", WANTED, CAME)
    assert len(line) <= width
    assert all(text in line for text in ("updated_at=", "753957", "754073"))


def test_a_text_of_a_store_moves_no_cursor() -> None:
    lines = Screen(80).compare("a\x1b[2Jb", "a\rb")
    assert "".join(lines).isprintable()
