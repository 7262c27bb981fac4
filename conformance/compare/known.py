"""Known differences: what is accepted, each with its reason, until it no longer occurs.

A TOML file of entries like this one. Each field of a finding that is named has to be as it says; operation and
argument may also be others in which the finding shows. `classes` are those that are accepted. An entry with
`may_not_occur = true` is of a random sequence: other runs need not come upon it.

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
from collections.abc import Iterable
from dataclasses import field
from pathlib import Path

from pydantic import BaseModel, ConfigDict
from pydantic.dataclasses import dataclass

from conformance.compare.document import Finding
from conformance.files import FileError, read_file, toml_of

_FIELDS = ("operation", "argument", "kind", "where", "what")


@dataclass(config=ConfigDict(extra="forbid"))
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
    may_not_occur: bool = False
    """Whether a run may end without it."""
    met: bool = field(default=False, init=False)
    """Whether a finding was accepted by it."""

    def covers(self, finding: Finding) -> bool:
        """Whether a finding is accepted by this entry."""
        places = {"operation": finding.also_in, "argument": finding.also_arguments}
        named = all(getattr(self, name) in {None, getattr(finding, name), *places.get(name, ())} for name in _FIELDS)
        return named and (self.classes is None or finding.classes <= set(self.classes))

    def __str__(self) -> str:
        return ", ".join(f"{name} {value}" for name in _FIELDS if (value := getattr(self, name)) is not None)


class _File(BaseModel):
    """The content of the file."""

    model_config = ConfigDict(extra="forbid")

    known: list[Known] = []


def read(file: Path) -> list[Known]:
    """Read known differences.

    Raises:
        FileError: if the file is not TOML of this form, or an entry has no reason.
    """
    known = read_file(file, lambda content: _File.model_validate(toml_of(content)), "a list of known differences").known
    for entry in known:
        if not entry.reason or not str(entry):
            raise FileError(
                file, f"entry {str(entry) or entry} needs a reason and at least one of {', '.join(_FIELDS)}"
            )
    return known


def apply(known: Iterable[Known], finding: Finding) -> None:
    """Mark a finding that is accepted, and the entries that it is."""
    for entry in known:
        if entry.covers(finding):
            entry.met = True
            finding.known = finding.known or entry.reason


def written(findings: Iterable[Finding]) -> str:
    """Entries for these findings; a new one has a reason still to be filled in.

    The one class that shows it is written; of several the next run may come upon others.
    """
    return "\n".join(
        "[[known]]\n"
        + "".join(f"{name} = {json.dumps(getattr(one, name))}\n" for name in _FIELDS[:3])
        + (f"classes = {json.dumps(sorted(one.classes))}\n" if len(one.classes) == 1 else "")
        + ("may_not_occur = true\n" if one.is_random else "")
        + f"reason = {json.dumps(one.known)}\n"
        for one in findings
    )
