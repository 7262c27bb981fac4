"""The entries of the exam: small changes of the source of `taskstore`, as the TOML files beside this one list them."""

from __future__ import annotations

import shutil
import tomllib
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "taskstore"


class EntryError(Exception):
    """An entry cannot be applied. The message names it."""


@dataclass(frozen=True)
class Change:
    """One text of a file, which occurs once, and what stands there instead."""

    file: str
    before: str
    after: str


@dataclass(frozen=True)
class Entry:
    """A wrong store with the requirement that it breaks, or a right one, without."""

    name: str
    subject: str
    text: str
    changes: tuple[Change, ...]
    requirement: str = ""

    def make(self, folder: Path) -> list[Path]:
        """Copy the package into a folder, change it there, and return the files that were changed.

        Raises:
            EntryError: if a text that is to be replaced does not occur exactly once.
        """
        package = folder / SOURCE.name
        shutil.copytree(SOURCE, package, ignore=shutil.ignore_patterns("__pycache__"))
        for change in self.changes:
            path = package / change.file
            source = path.read_text("utf-8")
            if (times := source.count(change.before)) != 1:
                raise EntryError(f"{self.name}: its `before` occurs {times} times in {change.file}")
            path.write_text(source.replace(change.before, change.after), "utf-8")
        return [package / change.file for change in self.changes]


def _entry(row: dict[str, str], *further: dict[str, str]) -> Entry:
    changes = tuple(Change(**{name: one[name] for name in ("file", "before", "after")}) for one in (row, *further))
    return Entry(row["name"], row["subject"], row["text"], changes, row.get("requirement", ""))


def load() -> dict[str, Entry]:
    """Return all entries by name, in the order of the files."""
    files = sorted(Path(__file__).parent.glob("*.toml"))
    rows = [row for path in files for row in tomllib.loads(path.read_text("utf-8"))["entry"]]
    entries = {row["name"]: _entry(row, *row.get("change", ())) for row in rows}
    if len(entries) < len(rows):
        raise EntryError("two entries have one name")
    return entries
