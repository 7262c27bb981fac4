"""Known failures and differences: what an adopter cannot mend today, each with its reason, until it no longer shows.

A TOML file of entries like these, for `conformance run` and for `conformance compare`. `backend` may be left out, for
all. An entry accepts what it `shows`, and nothing else that fails the test, or differs in the operation.

    [[known]]
    test = "requirement_LIST-07"
    backend = "myapp.harness:RedisMode"
    shows = ["list_tasks: Page in place of Page"]
    reason = "ties fall by insertion: https://example.com/issues/7"

    [[known]]
    hook = "restart_server"
    reason = "the server is shared, and nobody may stop it"

    [[known]]
    operation = "put"
    kind = "type"
    shows = ["put(value: tuple) > get: tuple / list"]
    reason = "JSON has no tuples"
"""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from itertools import product
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict

from conformance.files import FileError, read_toml

UNREASONED = "TODO: say why"
"""What stands in a file until somebody writes a reason."""
Known = Mapping[tuple[str, str, str], str]
"""Why something is accepted: by what it is about, backend, and the finding that shows.

It is about a test, a missing hook, or an operation and a kind of difference. Of a comparison the backend is empty. A
case has no findings: it is accepted whatever fails it.
"""


def _given(reason: str) -> str:
    if not reason or reason.startswith("TODO"):
        raise ValueError("needs a reason")
    return reason


class _Entry(BaseModel):
    """An entry of a file."""

    model_config = ConfigDict(extra="forbid")

    test: str = ""
    hook: str = ""
    operation: str = ""
    kind: str = ""
    backend: str = ""
    shows: set[str] = {""}
    reason: Annotated[str, AfterValidator(_given)]


def group_of(operation: str, kind: str) -> str:
    """Return what the lines of an operation and a kind are about."""
    return f"{operation}, {kind}"


def read(file: Path, tests: Collection[str] = (), backends: Collection[str] = ("",)) -> Known:
    """Read what is known of these tests and of hooks; without tests, of a comparison. A missing file has nothing.

    An entry for all backends stands for one for each of these, as far as there is no other for it.

    Raises:
        FileError: if it is not TOML of this form, or an entry names no test, or gives no reason.
    """
    if not tests and not file.exists():
        return {}
    tables = read_toml(file, dict[Literal["known"], list[_Entry]], "a list of known failures")
    known = {}
    for entry in sorted(tables.get("known", []), key=lambda entry: entry.backend):
        about = entry.hook or entry.test or group_of(entry.operation, entry.kind)
        if bool(entry.operation) is bool(tests):
            continue  # it is for the other command
        if tests and not entry.hook and about not in tests:
            raise FileError(file, f"there is no test {about}")
        named = [entry.backend] if entry.backend else backends
        for backend, finding in product(named, entry.shows):
            known[about, backend, finding] = entry.reason
    return known


def as_toml(found: Iterable[tuple[Mapping[str, str], str]]) -> str:
    """Return entries that accept findings, each with the fields of its entry. Texts and lists of JSON are TOML's."""
    shows = defaultdict[Any, set[str]](set)
    for fields, finding in found:
        shows[tuple(fields.items())].add(finding)
    entries = []
    for about, findings in shows.items():
        lines = ["[[known]]"]
        for name, value in (*about, ("shows", sorted(findings - {""}))):
            if value:
                lines.append(f"{name} = {json.dumps(value, ensure_ascii=False, indent=4)}")
        entries.append("\n".join([*lines, ""]))
    return "\n".join(sorted(entries))
