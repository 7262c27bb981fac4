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
        if not result.hooks:
            for entry in self.known:
                if entry.covers(result):
                    return Expected(kind="known", reason=entry.reason, link=entry.link)
            return None
        entries = {entry.hook: entry for entry in self.missing if entry.covers(result)}
        if len(entries) < len(result.hooks):
            return None
        reason = "; ".join(f"{hook}: {entry.reason}" for hook, entry in entries.items())
        link = next(iter(entries.values())).link
        return Expected(kind="missing-hook", reason=reason, link=link)

    def stale(self, results: Results) -> Iterator[str]:
        """The entries that are no longer true, as far as the results show."""
        for entry in self.known:
            if entry.test.startswith("requirement_ATOM"):  # whether calls meet depends on the machine
                continue
            for result in results.results:
                if result.verdict == "pass" and entry.covers(result):
                    yield f"{entry.test} on {result.backend} passes now"
        for entry in self.missing:
            within = [result for result in results.results if entry.backend in ("", result.backend)]
            verdicts = {result.verdict for result in within}
            is_decided = within and verdicts.isdisjoint(("not-run", "harness-error"))
            if is_decided and not any(map(entry.covers, within)):
                yield f"no test lacks the hook {entry.hook} now"


def read(file: Path, tests: Collection[str]) -> KnownFailures:
    """Read a file of known failures of these tests.

    Raises:
        FileError: if it is not TOML of this form, or an entry names no test, or gives no reason.
    """
    found = read_toml(file, KnownFailures, "a list of known failures")
    for entry in found.known:
        if entry.test not in tests:
            raise FileError(file, f"there is no test {entry.test}")
    for entry in (*found.known, *found.missing):
        if entry.reason in ("", _TEMPLATE):
            name = entry.test or entry.hook
            raise FileError(file, f"{name} has no reason: write one in place of {entry.reason!r}")
    return found


def write(file: Path, results: Results, before: KnownFailures) -> None:
    """Write what fails, and the hooks that are missing, as entries; reasons that `before` does not give are left open.

    Raises:
        conformance.files.FileError: if the file cannot be written.
    """
    texts = set()
    for result in results.results:
        is_should = result.expected is not None and result.expected.kind == "should"
        is_wrong = result.verdict in ("fail", "not-testable") and not is_should
        wanted = [KnownFailure(hook=hook, reason=_TEMPLATE) for hook in result.hooks]
        if is_wrong and not wanted:
            wanted = [KnownFailure(test=result.test, reason=_TEMPLATE)]
        for entry in wanted:
            for given in (*before.missing, *before.known):
                if given.covers(result) and given.hook == entry.hook:
                    entry = given  # noqa: PLW2901  it has a reason
            texts.add(_toml(entry, result.backend))
    write_file(file, "\n".join(sorted(texts)))


def _toml(entry: KnownFailure, backend: str) -> str:
    """An entry as it stands in a file, for one backend."""
    lines = ["[[missing]]" if entry.hook else "[[known]]"]
    for name, text in entry.model_copy(update={"backend": backend}):
        if text:
            lines.append(f"{name} = {json.dumps(text, ensure_ascii=False)}")
    return "\n".join([*lines, ""])
