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
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from conformance.files import FileError, read_file, toml_of, write_file
from conformance.harness import Harness, Inspector
from conformance.results.document import Expected, KnownFailure, MissingHook, Result, Results

_TEMPLATE = "TODO: say why"
_FIRST = "TODO"


class _File(BaseModel):
    """The content of the file."""

    model_config = ConfigDict(extra="forbid")

    known: tuple[KnownFailure, ...] = ()
    missing: tuple[MissingHook, ...] = ()


@dataclass(frozen=True)
class KnownFailures:
    """The entries of a file."""

    failures: tuple[KnownFailure, ...] = ()
    missing: tuple[MissingHook, ...] = ()

    def failure(self, test: str, subject: str) -> KnownFailure | None:
        """The entry about a test on a subject."""
        return next((entry for entry in self.failures if entry.covers(test, subject)), None)

    def expected(self, result: Result) -> Expected | None:
        """Why a result does not count against the run; None if it does."""
        is_about_it = result.verdict == "fail" or (result.verdict == "not-testable" and not result.hooks)
        if is_about_it and (entry := self.failure(result.test, result.subject)):
            return Expected(kind="known", reason=entry.reason, link=entry.link, version=entry.version)
        if result.verdict == "not-testable" and result.hooks:
            entries = [self.missing_hook(hook, result.subject) for hook in result.hooks]
            given = [entry for entry in entries if entry is not None]
            if len(given) == len(entries):
                reason = "; ".join(f"{entry.hook}: {entry.reason}" for entry in given)
                return Expected(kind="missing-hook", reason=reason, link=given[0].link)
        return None

    def missing_hook(self, hook: str, subject: str) -> MissingHook | None:
        """The entry about a hook of a subject."""
        return next((one for one in self.missing if one.hook == hook and one.subject in ("", subject)), None)

    def stale(self, results: Results) -> Iterator[str]:
        """The entries that are no longer true, as far as the results show."""
        for entry in self.failures:
            covered = [result for result in results.results if entry.covers(result.test, result.subject)]
            yield from (f"{entry.test} on {one.subject} passes now" for one in covered if one.verdict == "pass")
            if covered and all(result.verdict == "not-applicable" for result in covered):
                yield f"{entry.test}{_on(entry.subject)} is not applicable now"
        for one in self.missing:
            within = [result for result in results.results if one.subject in ("", result.subject)]
            is_decided = within and not any(result.verdict in ("not-run", "harness-error") for result in within)
            if is_decided and not any(one.hook in result.hooks for result in within):
                yield f"no test lacks the hook {one.hook}{_on(one.subject)} now"


def read(file: Path, tests: Collection[str]) -> KnownFailures:
    """Read a file of known failures of these tests.

    Raises:
        FileError: if it is not TOML of this form, or an entry names no test or hook, or gives no reason.
    """
    entries = read_file(file, lambda content: _File.model_validate(toml_of(content)), "a list of known failures")
    for failure in entries.known:
        if failure.test not in tests:
            raise FileError(file, f"there is no test {failure.test}")
    for one in entries.missing:
        if one.hook.partition("(")[0] not in HOOKS:
            raise FileError(file, f"there is no hook {one.hook}; the hooks: {', '.join(sorted(HOOKS))}")
    reasons = [(one.test, one.reason) for one in entries.known] + [(one.hook, one.reason) for one in entries.missing]
    for what, reason in reasons:
        if not reason.strip():
            raise FileError(file, f"{what} has no reason")
        if reason.strip().upper().startswith(_FIRST):
            raise FileError(file, f"{what} has no reason: write one in place of {reason!r}")
    return KnownFailures(entries.known, entries.missing)


HOOKS = frozenset(
    [name for name in vars(Harness) if not name.startswith("_") and name not in ("open", "capabilities")]
    + [f"inspector.{name}" for name in vars(Inspector) if not name.startswith("_")]
    + ["adapter"]
)
"""What a harness may lack; `adapter` stands for one that shows the store's own results."""


def write(file: Path, results: Results, before: KnownFailures) -> None:
    """Write what fails, and the hooks that are missing, as entries; reasons that `before` does not give are left open.

    What did not run stays as `before` has it.

    Raises:
        conformance.files.FileError: if the file cannot be written.
    """
    failures = [*_failures(results, before)]
    missing = [*_missing_hooks(results, before)]
    texts = [*(_entry("known", one) for one in failures), *(_entry("missing", one) for one in missing)]
    write_file(file, "\n".join(texts))


def _failures(results: Results, before: KnownFailures) -> Iterator[KnownFailure]:
    written: dict[tuple[str, str, str, str], list[str]] = {}
    for result in results.results:
        entry = before.failure(result.test, result.subject)
        is_known = result.expected is not None and result.expected.kind == "known"
        is_cut_off = result.verdict == "not-testable" and not result.hooks
        is_open = (result.verdict == "fail" and result.is_failure) or is_cut_off
        if is_open or is_known or (result.verdict == "not-run" and entry):
            why = (_TEMPLATE, "", "") if entry is None else (entry.reason, entry.link, entry.version)
            written.setdefault((result.test, *why), []).append(result.subject)
    for (test, reason, link, version), subjects in written.items():
        is_everywhere = 1 < len(results.subjects) == len(subjects)
        for subject in [""] if is_everywhere else subjects:
            yield KnownFailure(test=test, subject=subject, reason=reason, link=link, version=version)


def _missing_hooks(results: Results, before: KnownFailures) -> Iterator[MissingHook]:
    lacking = dict.fromkeys((hook, result.subject) for result in results.results for hook in result.hooks)
    for hook, subject in lacking:
        entry = before.missing_hook(hook, subject)
        yield MissingHook(
            hook=hook,
            subject=subject,
            reason=_TEMPLATE if entry is None else entry.reason,
            link="" if entry is None else entry.link,
        )


def _entry(table: str, entry: KnownFailure | MissingHook) -> str:
    given = {name: json.dumps(value, ensure_ascii=False) for name, value in entry.model_dump().items() if value}
    return "\n".join([f"[[{table}]]", *(f"{name} = {value}" for name, value in given.items()), ""])


def _on(subject: str) -> str:
    return f" on {subject}" if subject else ""
