"""Known differences: what is accepted, each with its reason, until it no longer occurs.

A TOML file of entries like this one. Each field of a finding that is named has to be as it says; `classes` are those
that are accepted.

    [[known]]
    operation = "create_task"
    argument = "request"
    kind = "type"
    classes = ["tuple"]
    reason = "JSON has no tuples"
    link = "https://example.com/issues/7"
    version = "1.2"
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from conformance.compare.document import Finding

_FIELDS = ("operation", "argument", "kind", "where", "what")


class KnownError(ValueError):
    """A file of known differences cannot be used: which, and why."""


@dataclass
class Known:
    """One accepted difference."""

    reason: str
    operation: str | None = None
    argument: str | None = None
    kind: str | None = None
    where: str | None = None
    what: str | None = None
    classes: list[str] | None = None
    link: str = ""
    version: str = ""
    met: bool = field(default=False, init=False)
    """Whether it occurred."""

    def covers(self, finding: Finding) -> bool:
        """Whether a finding is this one."""
        named = all(getattr(self, name) in (None, getattr(finding, name)) for name in _FIELDS)
        return named and (self.classes is None or finding.classes <= set(self.classes))

    def __str__(self) -> str:
        return ", ".join(f"{name} {value}" for name in _FIELDS if (value := getattr(self, name)) is not None)


def read(file: Path) -> list[Known]:
    """Read known differences.

    Raises:
        KnownError: if the file is not TOML of this form, or an entry has no reason.
    """
    try:
        known = [Known(**entry) for entry in tomllib.loads(file.read_text("utf-8")).get("known", [])]
    except (OSError, ValueError, TypeError, AttributeError) as fault:
        raise KnownError(f"{file}: {fault}") from None
    for entry in known:
        if not entry.reason or not str(entry):
            raise KnownError(
                f"{file}: entry {str(entry) or entry} needs a reason and at least one of {', '.join(_FIELDS)}"
            )
    return known


def apply(known: Iterable[Known], finding: Finding) -> None:
    """Mark a finding that is accepted, and the entries that it is."""
    for entry in known:
        if entry.covers(finding):
            entry.met = True
            finding.known = finding.known or entry.reason


def written(findings: Iterable[Finding]) -> str:
    """Entries for these findings, whose reasons are still to be filled in."""
    return "\n".join(
        "[[known]]\n"
        + "".join(f"{name} = {json.dumps(getattr(one, name))}\n" for name in _FIELDS[:3])
        + (f"classes = {json.dumps(sorted(one.classes))}\n" if one.classes else "")
        + 'reason = ""\n'
        for one in findings
    )
