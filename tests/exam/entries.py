"""The entries of the exam: small changes of the source of `taskstore`, as the TOML files beside this one list them."""

import shutil
import subprocess
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "taskstore"


class EntryError(Exception):
    """An entry cannot be applied. The message names it."""


@dataclass(frozen=True)
class Entry:
    """A wrong store with the requirement that it breaks, or a right one, without."""

    name: str
    backend: str
    requirement: str
    changes: Sequence[Mapping[str, str]]
    """In each a `file`, a text `before` that occurs in it once, and what stands there `after` the change."""

    def make(self, folder: Path) -> list[Path]:
        """Copy the package into a folder, change it there, and return the files that were changed.

        Raises:
            EntryError: if a text that is to be replaced does not occur exactly once.
        """
        package = folder / SOURCE.name
        shutil.copytree(SOURCE, package, ignore=shutil.ignore_patterns("*.pyc.*"))  # bytecode that is being written
        return change_texts(self.name, package, self.changes)


def change_texts(name: str, folder: Path, changes: Sequence[Mapping[str, str]]) -> list[Path]:
    """Change files of a folder for the entry of that name, and return them.

    Raises:
        EntryError: if a text that is to be replaced does not occur exactly once.
    """
    for change in changes:
        path = folder / change["file"]
        source = path.read_text("utf-8")
        if (times := source.count(change["before"])) != 1:
            raise EntryError(f"{name}: its `before` occurs {times} times in {change['file']}")
        path.write_text(source.replace(change["before"], change["after"]), "utf-8")
    return [folder / change["file"] for change in changes]


def load() -> dict[str, Entry]:
    """Return all entries by name, in the order of the files."""
    entries: dict[str, Entry] = {}
    for path in sorted(Path(__file__).parent.glob("*.toml")):
        for row in tomllib.loads(path.read_text("utf-8"))["entry"]:
            if (name := row["name"]) in entries:
                raise EntryError(f"two entries are named {name}")
            changes = [row, *row.get("change", ())]
            entries[name] = Entry(name, row["backend"], row.get("requirement", ""), changes)
    return entries


def one_in(share: int, names: list[str]) -> list[str]:
    """Return every so many names, beginning with one that the commit chooses."""
    command = ("git", "rev-parse", "HEAD")
    commit = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    first = int(commit.strip() or "0", 16) % share
    return names[first::share]
