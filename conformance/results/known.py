"""Known failures: what an adopter cannot mend today, each with its reason, until it no longer shows.

A TOML file of entries like these. `backend` may be left out, for all; `link` is for people. An entry for a requirement
accepts what it `shows`, and nothing else that breaks the requirement.

    [[known]]
    test = "requirement_LIST-07"
    backend = "myapp.harness:RedisMode"
    shows = ["list_tasks: Page in place of Page"]
    reason = "ties fall by insertion"
    link = "https://example.com/issues/7"

    [[missing]]
    hook = "restart_server"
    reason = "the server is shared, and nobody may stop it"
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from itertools import chain, product
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from conformance.files import UNREASONED, FileError, Reason, read_toml, toml_entry, write_file
from conformance.results.document import Expected, Failure, Result

_ACCEPTABLE = ("fail", "not-testable")
"""Verdicts that an entry accepts."""


class Known(BaseModel):
    """What is known to fail, a test that cannot decide, or a hook that a harness cannot give."""

    model_config = ConfigDict(extra="forbid")

    test: str = ""
    hook: str = ""
    backend: str = ""
    """All backends, if it is empty."""
    shows: set[str] = set()
    """The findings that it accepts; none for a case, which accepts whatever fails it."""
    reason: Reason
    link: str = ""

    def covers(self, name: str, backend: str) -> bool:
        """Whether it is about this test or hook of this backend."""
        return name == (self.hook or self.test) and self.backend in ("", backend)


_FORM = dict[Literal["known", "missing"], list[Known]]


def find(entries: Iterable[Known], backend: str, failure: Failure) -> Known | None:
    """Return the entry that accepts a failure."""
    for entry in entries:
        is_shown = failure.shows in entry.shows if failure.shows else not entry.shows
        if is_shown and entry.covers(failure.test, backend):
            return entry
    return None


def _found(entries: Iterable[Known], result: Result) -> Iterator[tuple[Failure, Known | None]]:
    """Yield each failure of a result with the entry that accepts it; what cannot decide has failed by itself."""
    undecided = Failure(name=result.hook or result.test, requirements=result.requirements, came=result.reason)
    for failure in result.failures or (undecided,):
        yield failure, find(entries, result.backend, failure)


def expected(entries: Iterable[Known], result: Result) -> Expected | None:
    """Why a result does not count against the run; None if it does."""
    accepting = [entry for _, entry in _found(entries, result)]
    entry = accepting[0]
    if result.verdict not in _ACCEPTABLE or entry is None or None in accepting:
        return None
    return Expected(kind="missing-hook" if result.hook else "known", reason=entry.reason, link=entry.link)


def stale(entries: Iterable[Known], results: Iterable[Result], *, is_whole: bool) -> Iterator[tuple[str, bool]]:
    """Yield what entries accept and no longer shows, and whether its test passes.

    Findings are missed only in a whole run: where less is played, less shows.
    """
    for entry, result in product(entries, results):
        passes = result.verdict == "pass" and not result.reason
        is_decided = passes or result.verdict == "fail"
        if not (is_decided and entry.covers(result.test, result.backend)):
            continue
        where = f"{result.test} on {result.backend}"
        if passes and not entry.shows:
            yield f"{where} passes now", True
        if is_whole:
            for text in sorted(entry.shows - {failure.shows for failure in result.failures}):
                yield f"{where} no longer shows {text}", passes


def read(file: Path, tests: Collection[str]) -> list[Known]:
    """Read a file of known failures of these tests, and of hooks.

    Raises:
        FileError: if it is not TOML of this form, or an entry names no test, or gives no reason.
    """
    tables = read_toml(file, _FORM, "a list of known failures")
    entries = [*chain.from_iterable(tables.values())]
    for entry in entries:
        if not entry.hook and entry.test not in tests:
            raise FileError(file, f"there is no test {entry.test}")
    return entries


def write(file: Path, results: Iterable[Result], entries: Iterable[Known]) -> None:
    """Write what fails, and the hooks that are missing, as entries; reasons that nobody has given yet are left open.

    Raises:
        conformance.files.FileError: if the file cannot be written.
    """
    shows = defaultdict[tuple[str, ...], set[str]](set)
    for result in results:
        table, name = ("missing", "hook") if result.hook else ("known", "test")
        for failure, entry in _found(entries, result) if result.verdict in _ACCEPTABLE else ():
            reason, link = (entry.reason, entry.link) if entry else (UNREASONED, "")
            if entry or not (result.expected and result.expected.kind == "should"):
                shows[table, name, failure.test, result.backend, reason, link].add(failure.shows)
    texts = []
    for (table, name, test, backend, reason, link), found in shows.items():
        given = {name: test, "backend": backend, "shows": sorted(found - {""}), "reason": reason, "link": link}
        texts.append(toml_entry(table, given))
    write_file(file, "\n".join(sorted(texts)))
