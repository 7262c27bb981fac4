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

import json
from collections.abc import Collection, Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from conformance.files import FileError, read_toml, write_file
from conformance.results.document import Expected, Result, Results

_TEMPLATE = "TODO: say why"


class KnownFailure(BaseModel):
    """A failure that is known, or a hook that a harness cannot give."""

    model_config = ConfigDict(extra="forbid")

    test: str = ""
    hook: str = ""
    backend: str = ""
    """All backends, if it is empty."""
    reason: str
    link: str = ""

    def covers(self, result: Result) -> bool:
        """Whether it is about this result, whatever its verdict is."""
        about = [result.test] if self.test else result.hooks
        return (self.test or self.hook) in about and self.backend in ("", result.backend)


class KnownFailures(BaseModel):
    """The content of a file."""

    model_config = ConfigDict(extra="forbid")

    known: tuple[KnownFailure, ...] = ()
    missing: tuple[KnownFailure, ...] = ()

    def expected(self, result: Result) -> Expected | None:
        """Why a result does not count against the run; None if it does."""
        if result.verdict not in ("fail", "not-testable"):
            return None
        named = self.missing if result.hooks else self.known
        entries = {entry.hook: entry for entry in named if entry.covers(result)}
        if not entries or len(entries) < len(result.hooks):
            return None
        link = next(iter(entries.values())).link
        reason = "; ".join(f"{hook}: {one.reason}".removeprefix(": ") for hook, one in entries.items())
        return Expected(kind="missing-hook" if result.hooks else "known", reason=reason, link=link)

    def stale(self, results: Results) -> Iterator[str]:
        """The entries that are no longer true, as far as the results show."""
        for entry in self.known:
            if not entry.test.startswith("requirement_ATOM"):  # whether calls meet depends on the machine
                passed = [one for one in results.results if one.verdict == "pass" and entry.covers(one)]
                yield from (f"{entry.test} on {one.backend} passes now" for one in passed)
        for entry in self.missing:
            within = [result for result in results.results if entry.backend in ("", result.backend)]
            is_decided = within and not any(result.verdict in ("not-run", "harness-error") for result in within)
            if is_decided and not any(map(entry.covers, within)):
                yield f"no test lacks the hook {entry.hook} now"


def read(file: Path, tests: Collection[str]) -> KnownFailures:
    """Read a file of known failures of these tests.

    Raises:
        FileError: if it is not TOML of this form, or an entry names no test, or gives no reason.
    """
    found = read_toml(file, KnownFailures, "a list of known failures")
    for one in found.known:
        if one.test not in tests:
            raise FileError(file, f"there is no test {one.test}")
    for one in (*found.known, *found.missing):
        if one.reason in ("", _TEMPLATE):
            raise FileError(file, f"{one.test or one.hook} has no reason: write one in place of {one.reason!r}")
    return found


def write(file: Path, results: Results, before: KnownFailures) -> None:
    """Write what fails, and the hooks that are missing, as entries; reasons that `before` does not give are left open.

    Raises:
        conformance.files.FileError: if the file cannot be written.
    """
    texts = set()
    for result in results.results:
        is_should = result.expected is not None and result.expected.kind == "should"
        is_wrong = result.verdict in ("fail", "not-testable") and not result.hooks and not is_should
        wanted = [KnownFailure(test=result.test, reason=_TEMPLATE)] if is_wrong else []
        wanted += [KnownFailure(hook=hook, reason=_TEMPLATE) for hook in result.hooks]
        for new in wanted:
            given = [one for one in (*before.known, *before.missing) if one.covers(result) and one.hook == new.hook]
            entry = (given or [new])[0].model_copy(update={"backend": result.backend})
            fields = (f"{name} = {json.dumps(text, ensure_ascii=False)}" for name, text in entry if text)
            texts.add("\n".join(["[[missing]]" if entry.hook else "[[known]]", *fields, ""]))
    write_file(file, "\n".join(sorted(texts)))
