"""What is not judged, and why: one reason for each, in `exclusions.toml`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from mutation.mutants import Mutant

FILE = Path(__file__).with_name("exclusions.toml")


@dataclass(frozen=True)
class Exclusion:
    """Changes of one line that no caller can tell from the line."""

    file: str
    line: str
    becomes: tuple[str, ...]
    reason: str

    def covers(self, mutant: Mutant) -> bool:
        """Whether a mutant is one of these changes."""
        same_line = (mutant.file, mutant.before) == (self.file, self.line)
        return same_line and (self.becomes == ("*",) or mutant.after in self.becomes)


def load(file: Path = FILE) -> list[Exclusion]:
    """Every exclusion."""
    found = tomllib.loads(file.read_text("utf-8"))["equivalent"]
    return [Exclusion(one["file"], one["line"], tuple(one["becomes"]), one["reason"]) for one in found]
