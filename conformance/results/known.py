"""Known failures: what an adopter cannot mend today, each with its reason, until it no longer shows.

A TOML file of entries like these. `backend` may be left out, for all. An entry for a requirement accepts what it
`shows`, and nothing else that breaks the requirement.

    [[known]]
    test = "requirement_LIST-07"
    backend = "myapp.harness:RedisMode"
    shows = ["list_tasks: Page in place of Page"]
    reason = "ties fall by insertion: https://example.com/issues/7"

    [[known]]
    hook = "restart_server"
    reason = "the server is shared, and nobody may stop it"
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict

from conformance.files import UNREASONED, FileError, Reason, read_toml, toml_entry, write_file
from conformance.results.document import Expected, Failure, Result

_ACCEPTABLE = ("fail", "not-testable")
"""Verdicts that an entry accepts."""

Known: TypeAlias = Mapping[tuple[str, str, str], str]
"""Why something is accepted: by test or missing hook, backend, and the finding that shows.

All backends, if that is empty. A case has no findings: it is accepted whatever fails it.
"""


class _Entry(BaseModel):
    """An entry of a file."""

    model_config = ConfigDict(extra="forbid")

    test: str = ""
    hook: str = ""
    backend: str = ""
    shows: set[str] = {""}
    reason: Reason


def reason_for(known: Known, backend: str, failure: Failure) -> str:
    """Return why a failure is accepted; nothing if it is not."""
    everywhere = known.get((failure.test, "", failure.shows), "")
    return known.get((failure.test, backend, failure.shows), everywhere)


def _failures(result: Result) -> tuple[Failure, ...]:
    """Return the failures of a result; what cannot decide has failed by itself."""
    undecided = Failure(name=result.hook or result.test, requirements=result.requirements, came=result.reason)
    return result.failures or (undecided,)


def expected(known: Known, result: Result) -> Expected | None:
    """Why a result does not count against the run; None if it does."""
    reasons = [reason_for(known, result.backend, failure) for failure in _failures(result)]
    if result.verdict not in _ACCEPTABLE or not all(reasons):
        return None
    return Expected(kind="known", reason=reasons[0])


def stale(known: Known, results: Iterable[Result], *, is_whole: bool) -> Iterator[str]:
    """Yield what is accepted of tests that pass.

    Findings are missed only in a whole run: where less is played, less shows.
    """
    for (test, backend, finding), result in product(known, results):
        passes = result.verdict == "pass" and not result.reason
        is_about_it = test == result.test and backend in ("", result.backend)
        if passes and is_about_it and (is_whole or not finding):
            yield f"{test} on {result.backend} no longer shows {finding or 'a failure'}"


def read(file: Path, tests: Collection[str]) -> Known:
    """Read a file of known failures of these tests, and of hooks.

    Raises:
        FileError: if it is not TOML of this form, or an entry names no test, or gives no reason.
    """
    tables = read_toml(file, dict[Literal["known"], list[_Entry]], "a list of known failures")
    known = {}
    for entry in tables.get("known", []):
        if not entry.hook and entry.test not in tests:
            raise FileError(file, f"there is no test {entry.test}")
        for finding in entry.shows:
            known[entry.hook or entry.test, entry.backend, finding] = entry.reason
    return known


def write(file: Path, results: Iterable[Result], known: Known) -> None:
    """Write what fails, and the hooks that are missing, as entries; reasons that nobody has given yet are left open.

    Raises:
        conformance.files.FileError: if the file cannot be written.
    """
    findings = defaultdict[tuple[str, str, str, str], set[str]](set)
    for result in results:
        if result.verdict not in _ACCEPTABLE or (result.expected and not result.is_accepted):
            continue
        kind = "hook" if result.hook else "test"
        for failure in _failures(result):
            reason = reason_for(known, result.backend, failure) or UNREASONED
            findings[kind, failure.test, result.backend, reason].add(failure.shows)
    texts = []
    for (kind, name, backend, reason), shows in findings.items():
        fields = {kind: name, "backend": backend, "shows": sorted(shows - {""}), "reason": reason}
        texts.append(toml_entry("known", fields))
    write_file(file, "\n".join(sorted(texts)))
