"""Known failures: what an adopter cannot mend today, each with its reason, until it passes.

A TOML file of entries like these. `subject` may be left out, for all; `link` and `version` are for people.

    [[known]]
    test = "requirement_LIST-07"
    subject = "myapp.harness:RedisMode"
    reason = "ties fall by insertion"
    link = "https://example.com/issues/7"
    version = "2.1"

    [[missing]]
    hook = "restart_server"
    reason = "the server is shared, and nobody may stop it"
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from conformance.files import FileError, read_file, toml_of, write_file
from conformance.harness import Harness, Inspector
from conformance.results.document import Expected, Result, Results

HOOKS = frozenset(
    [name for name in vars(Harness) if not name.startswith("_") and name not in ("open", "capabilities")]
    + [f"inspector.{name}" for name in vars(Inspector) if not name.startswith("_")]
    + ["adapter"]
)
_TEMPLATE = "TODO: say why"


class KnownFailure(BaseModel):
    """A failure that is known, or a hook that a harness cannot give."""

    model_config = ConfigDict(extra="forbid")

    test: str = ""
    hook: str = ""
    subject: str = ""
    """All subjects, if it is empty."""
    reason: str
    link: str = ""
    version: str = ""

    def covers(self, result: Result) -> bool:
        """Whether it is about this result, whatever its verdict is."""
        about = [result.test] if self.test else result.hooks
        return (self.test or self.hook) in about and self.subject in ("", result.subject)


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
        if not entries or len({entry.hook for entry in entries}) < len(result.hooks):
            return None
        first, reason = entries[0], "; ".join(f"{one.hook}: {one.reason}" for one in entries)
        if result.hooks:
            return Expected(kind="missing-hook", reason=reason, link=first.link)
        return Expected(kind="known", reason=first.reason, link=first.link, version=first.version)

    def stale(self, results: Results) -> Iterator[str]:
        """The entries that are no longer true, as far as the results show."""
        for entry in self.known:
            if entry.test.startswith("requirement_ATOM"):
                continue  # whether calls meet depends on the machine
            covered = [result for result in results.results if entry.covers(result)]
            yield from (f"{entry.test} on {one.subject} passes now" for one in covered if one.verdict == "pass")
        for entry in self.missing:
            within = [result for result in results.results if entry.subject in ("", result.subject)]
            is_decided = within and not any(result.verdict in ("not-run", "harness-error") for result in within)
            if is_decided and not any(map(entry.covers, within)):
                on = f" on {entry.subject}" if entry.subject else ""
                yield f"no test lacks the hook {entry.hook}{on} now"


def read(file: Path, tests: Collection[str]) -> KnownFailures:
    """Read a file of known failures of these tests.

    Raises:
        FileError: if it is not TOML of this form, or an entry names no test or hook, or gives no reason.
    """
    found = read_file(file, lambda content: KnownFailures.model_validate(toml_of(content)), "a list of known failures")
    for one in found.known:
        if one.test not in tests:
            raise FileError(file, f"there is no test {one.test}")
    for one in found.missing:
        if one.hook.partition("(")[0] not in HOOKS:
            raise FileError(file, f"there is no hook {one.hook}; the hooks: {', '.join(sorted(HOOKS))}")
    for one in (*found.known, *found.missing):
        if one.reason.strip() in ("", _TEMPLATE):
            raise FileError(file, f"{one.test or one.hook} has no reason: write one in place of {one.reason!r}")
    return found


def write(file: Path, results: Results, before: KnownFailures) -> None:
    """Write what fails, and the hooks that are missing, as entries; reasons that `before` does not give are left open.

    What did not run stays as `before` has it.

    Raises:
        conformance.files.FileError: if the file cannot be written.
    """
    entries: dict[str, None] = {}
    for result in results.results:
        entry = next((one for one in before.known if one.covers(result)), None)
        is_open = result.verdict == "fail" and (result.is_failure or entry is not None)
        is_cut_off = result.verdict == "not-testable" and not result.hooks
        if is_open or is_cut_off or (result.verdict == "not-run" and entry):
            entries[_written(entry or KnownFailure(test=result.test, reason=_TEMPLATE), result.subject)] = None
        for hook in result.hooks:
            entry = next((one for one in before.missing if one.hook == hook and one.covers(result)), None)
            entries[_written(entry or KnownFailure(hook=hook, reason=_TEMPLATE), result.subject)] = None
    write_file(file, "\n".join(sorted(entries)))


def _written(entry: KnownFailure, subject: str) -> str:
    given = entry.model_copy(update={"subject": subject}).model_dump()
    lines = [f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in given.items() if value]
    return "\n".join([f"[[{'known' if entry.test else 'missing'}]]", *lines, ""])
