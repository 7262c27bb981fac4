"""Known failures: what an adopter cannot mend today, each with its reason, until it passes.

A TOML file of entries like these. `backend` may be left out, for all; `link` is for people.

    [[known]]
    test = "requirement_LIST-07"
    backend = "myapp.harness:RedisMode"
    reason = "ties fall by insertion"
    link = "https://example.com/issues/7"

    [[missing]]
    hook = "restart_server"
    reason = "the server is shared, and nobody may stop it"
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from conformance.files import UNREASONED, FileError, Reason, read_toml, toml_entry, write_file
from conformance.results.document import Expected, Result

_ACCEPTABLE = ("fail", "not-testable")
"""Verdicts that an entry accepts."""


class Known(BaseModel):
    """A test that is known to fail, or a hook that a harness cannot give."""

    model_config = ConfigDict(extra="forbid")

    test: str = ""
    hook: str = ""
    backend: str = ""
    """All backends, if it is empty."""
    reason: Reason
    link: str = ""

    def covers(self, result: Result) -> bool:
        """Whether it is about this result, whatever its verdict is."""
        is_named = (self.hook or self.test) == (result.hook or result.test)
        return is_named and self.backend in ("", result.backend)


_FORM = dict[Literal["known", "missing"], list[Known]]


def expected(entries: Iterable[Known], result: Result) -> Expected | None:
    """Why a result does not count against the run; None if it does."""
    for entry in entries:
        if result.verdict in _ACCEPTABLE and entry.covers(result):
            return Expected(kind="missing-hook" if result.hook else "known", reason=entry.reason, link=entry.link)
    return None


def stale(entries: Iterable[Known], results: Collection[Result]) -> Iterator[str]:
    """The entries that are no longer true, as far as the results show."""
    for entry in entries:
        for result in results:
            if result.verdict == "pass" and entry.covers(result):
                yield f"{entry.test} on {result.backend} passes now"


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


def write(file: Path, results: Iterable[Result]) -> None:
    """Write what fails, and the hooks that are missing, as entries; reasons that nobody has given yet are left open.

    Raises:
        conformance.files.FileError: if the file cannot be written.
    """
    texts = set()
    for result in results:
        accepted = result.expected or Expected(kind="known", reason=UNREASONED)
        if result.verdict in _ACCEPTABLE and accepted.kind != "should":
            table, name = ("missing", "hook") if result.hook else ("known", "test")
            given = {name: getattr(result, name), "backend": result.backend}
            texts.add(toml_entry(table, given | accepted.model_dump(include={"reason", "link"})))
    write_file(file, "\n".join(sorted(texts)))
