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

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from conformance.files import UNREASONED, FileError, Reason, read_toml, toml_entry, write_file
from conformance.results.document import Expected, Result, Results


class KnownFailure(BaseModel):
    """A failure that is known, or a hook that a harness cannot give."""

    model_config = ConfigDict(extra="forbid")

    test: str = ""
    hook: str = ""
    backend: str = ""
    """All backends, if it is empty."""
    reason: Reason
    link: str = ""

    def covers(self, result: Result) -> bool:
        """Whether it is about this result, whatever its verdict is."""
        is_named = self.hook in result.hooks if self.hook else self.test == result.test
        return is_named and self.backend in ("", result.backend)


class KnownFailures(BaseModel):
    """The content of a file."""

    model_config = ConfigDict(extra="forbid")

    known: tuple[KnownFailure, ...] = ()
    missing: tuple[KnownFailure, ...] = ()

    def expected(self, result: Result) -> Expected | None:
        """Why a result does not count against the run; None if it does."""
        if result.verdict not in ("fail", "not-testable"):
            return None
        entries = [entry for entry in (self.missing if result.hooks else self.known) if entry.covers(result)]
        if not entries or not {entry.hook for entry in entries}.issuperset(result.hooks):
            return None
        kind: Literal["known", "missing-hook"] = "missing-hook" if result.hooks else "known"
        reasons = [f"{entry.hook}: {entry.reason}".removeprefix(": ") for entry in entries]
        return Expected(kind=kind, reason="; ".join(reasons), link=entries[0].link)

    def stale(self, results: Results) -> Iterator[str]:
        """The entries that are no longer true, as far as the results show."""
        for entry in self.known:
            for result in results.results:
                if result.verdict == "pass" and entry.covers(result):
                    yield f"{entry.test} on {result.backend} passes now"


def read(file: Path, tests: Collection[str]) -> KnownFailures:
    """Read a file of known failures of these tests.

    Raises:
        FileError: if it is not TOML of this form, or an entry names no test, or gives no reason.
    """
    found = read_toml(file, KnownFailures, "a list of known failures")
    entries = (*found.known, *found.missing)
    for entry in entries:
        if not entry.hook and entry.test not in tests:
            raise FileError(file, f"there is no test {entry.test}")
    return found


def write(file: Path, results: Results, before: KnownFailures) -> None:
    """Write what fails, and the hooks that are missing, as entries; reasons that `before` does not give are left open.

    Raises:
        conformance.files.FileError: if the file cannot be written.
    """
    texts = set()
    for result in results.results:
        is_should = result.expected is not None and result.expected.kind == "should"
        if result.verdict not in ("fail", "not-testable") or is_should:
            continue
        for hook in result.hooks or [""]:
            fields = {"test": "" if hook else result.test, "hook": hook, "backend": "", "reason": UNREASONED}
            for given in (*before.known, *before.missing):
                if given.covers(result) and given.hook == hook:
                    fields = vars(given)
            texts.add(toml_entry("missing" if hook else "known", fields | {"backend": result.backend}))
    write_file(file, "\n".join(sorted(texts)))
