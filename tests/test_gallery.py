"""The gallery's page: made from the files beside it, and no older than they are."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
GALLERY = ROOT / "docs" / "gallery"
PAGE = (GALLERY / "README.md").read_text("utf-8")


def test_the_page_is_of_the_pinned_versions() -> None:
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["dependency-groups"]
    pinned = dict(re.sub(r"\[.*\]", "", one).split("==") for one in groups["gallery"])
    rows = re.findall(r"^\| \[(\S+)\]\(\S+\) \| (\S+) \|", PAGE, re.MULTILINE)

    assert len(rows) >= 12
    assert [row for row in rows if row[1] != pinned[row[0]]] == []
