"""The verdict of a test, by what was raised, or by what the scenarios of a group found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pytest

from conformance.engine.finding import Coverage, Finding
from conformance.guard import HarnessFailedError
from conformance.results import show
from conformance.results.document import Failure, Verdict
from conformance.tasks.case import BrokenError, NotApplicable, NotTestable
from conformance.text import place_of

_REASON_LENGTH = 500
_MESSAGES = ("API", "FAIL", "MODE", "COST")
"""Prefixes of requirements about exceptions and settings. The others are about data."""


@dataclass(frozen=True)
class Judged:
    """A verdict and its reason."""

    verdict: Verdict
    reason: str = ""
    hooks: tuple[str, ...] = ()
    """The hooks that the harness lacks, if that is why."""
    failure: Failure | None = None
    is_nearest: bool = False
    """Whether a failure breaks the requirement before others."""
    is_deselected: bool = False

    @property
    def is_failure(self) -> bool:
        """Whether the test of it fails."""
        return self.verdict in ("fail", "harness-error")


def judge_call(call: pytest.CallInfo[None], case: str, doc: str, numbers: Sequence[str]) -> Judged:
    """Return the verdict of a case, which is about these requirements, by what was raised."""
    if call.excinfo is None:
        return Judged("pass")
    raised = call.excinfo.value
    reason = show.words_of(raised)
    if isinstance(raised, AssertionError | pytest.fail.Exception):
        reason = str(raised)
    reason = reason[:_REASON_LENGTH]
    match raised:
        case NotApplicable():
            return Judged("not-applicable", str(raised))
        case NotTestable():
            return Judged("not-testable", str(raised), raised.hooks)
        case pytest.skip.Exception() if call.when == "setup":
            return Judged("not-run", f"skipped by a marker or another plugin: {reason}")
    if call.when != "call" or isinstance(raised, HarnessFailedError):
        return Judged("harness-error", reason)
    if isinstance(raised, BrokenError):
        numbers = raised.requirements
    is_message = all(number.startswith(_MESSAGES) for number in numbers)
    failure = Failure(
        name=case,
        requirements=tuple(numbers),
        effect="message" if is_message else "data",
        came=reason,
        doc=doc,
        place=place_of(raised),
    )
    return Judged("fail", reason, failure=failure, is_nearest=True)


def failure_of(finding: Finding) -> Failure:
    """Return a finding as results hold it."""
    return Failure(
        name=finding.scenario.name,
        requirements=finding.requirements,
        effect=finding.effect,
        expected=finding.expected,
        came=finding.actual,
        script=finding.lines,
        instances=finding.scenario.instances,
        place=finding.place,
    )


def judge_group(number: str, coverage: Coverage, error: str, unjudged: Mapping[str, NotTestable]) -> Judged:
    """Return a group's verdict on a requirement; `error` is why it did not come to its end."""
    findings = [finding for finding in coverage.findings.values() if number in finding.requirements]
    if findings:
        best = min(findings, key=lambda finding: (finding.requirements[0] != number, len(finding.lines)))
        failure = failure_of(best)
        reason = "\n".join(show.block(failure))
        return Judged("fail", reason, failure=failure, is_nearest=best.requirements[0] == number)
    if error:
        return Judged("harness-error", error)
    if number in unjudged:
        return Judged("not-testable", str(unjudged[number]), unjudged[number].hooks)
    if coverage.exercised[number]:
        return Judged("pass")
    if number not in coverage.missing:
        return Judged("not-testable", "no scenario reached it")
    why, hook = coverage.missing[number]
    return Judged("not-testable", why, (hook,)) if hook else Judged("not-applicable", why)
