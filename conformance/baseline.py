"""Known failures: what an adopter lands with, each with its reason, until it passes.

A TOML file of entries like this one; `subject` may be left out, for all:

    [[known]]
    requirement = "LIST-01"
    subject = "myapp.harness:RedisMode"
    reason = "ties fall by insertion"
    link = "https://example.com/issues/7"
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conformance.requirements import REQUIREMENTS


class BaselineError(ValueError):
    """A baseline cannot be used: which file, and why."""


@dataclass(frozen=True)
class Known:
    """One known failure."""

    requirement: str
    reason: str
    link: str = ""
    subject: str = ""

    def covers(self, requirements: Iterable[str], subject: str) -> bool:
        """Whether a failure of a case of these requirements on that subject is this one."""
        return self.requirement in requirements and self.subject in ("", subject)


def read(file: Path) -> tuple[Known, ...]:
    """Read a baseline.

    Raises:
        BaselineError: if it is not TOML of this form, or names an unknown requirement.
    """
    try:
        entries = tomllib.loads(file.read_text("utf-8")).get("known", [])
        known = tuple(Known(**entry) for entry in entries)
    except (OSError, ValueError, TypeError, AttributeError) as fault:
        raise BaselineError(f"{file}: not a baseline: {fault}") from None
    for entry in known:
        if entry.requirement not in REQUIREMENTS:
            raise BaselineError(f"{file}: there is no requirement {entry.requirement}")
        if not entry.reason:
            raise BaselineError(f"{file}: {entry.requirement} has no reason")
    return known


def write(file: Path, results: Iterable[dict[str, Any]]) -> None:
    """Write what failed as known failures, whose reasons are still to be filled in."""
    failed = {
        (requirement, result["subject"]): result["case"]
        for result in results
        if result["verdict"] == "fail"
        for requirement in result["requirements"]
    }
    entries = [
        f"[[known]]\nrequirement = {json.dumps(requirement)}\nsubject = {json.dumps(subject)}\n"
        f'reason = {json.dumps(f"not looked into yet: {case} fails")}\nlink = ""\n'
        for (requirement, subject), case in sorted(failed.items())
    ]
    file.write_text("\n".join(entries), "utf-8")


def outlived(known: Iterable[Known], results: Iterable[dict[str, Any]]) -> list[Known]:
    """The entries whose requirement was decided in this run and failed nowhere that they cover."""
    decided = [result for result in results if result["verdict"] in ("pass", "fail")]
    return [
        entry
        for entry in known
        if (covered := [r["verdict"] for r in decided if entry.covers(r["requirements"], r["subject"])])
        and "fail" not in covered
    ]
