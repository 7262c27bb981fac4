"""The gallery's page: made from the files beside it, and no older than they are."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
GALLERY = ROOT / "docs" / "gallery"
LIBRARIES = json.loads((GALLERY / "gallery.json").read_text("utf-8"))["libraries"]


def test_every_harness_and_every_script_is_on_the_page() -> None:
    page = (GALLERY / "README.md").read_text("utf-8")
    named = [one["harness"] for one in LIBRARIES]
    named += [finding["script"] for one in LIBRARIES for finding in one["findings"]]

    files = [*GALLERY.glob("*_modes.py"), *(GALLERY / "findings").glob("*.py")]
    assert sorted(named) == sorted(str(file.relative_to(GALLERY)) for file in files)
    assert [name for name in named if f"]({name})" not in page] == []


@pytest.mark.parametrize("library", LIBRARIES, ids=lambda library: library["library"])
def test_a_library_is_judged_fairly(library: dict[str, Any]) -> None:
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["dependency-groups"]
    pairs = (re.sub(r"\[.*\]", "", one).split("==") for one in groups["gallery"])
    pinned = {pair[0]: pair[1] for pair in pairs if len(pair) == 2}

    assert library["version"] == pinned[library["library"]]
    assert library["not_exercised"] == []
    assert len(library["findings"]) <= 3
    for finding in library["findings"]:
        assert finding["documented"]
        assert finding["output"][0] != finding["output"][1]
