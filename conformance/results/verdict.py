"""The verdict of a test, by what was raised, or by what the scenarios of a group found."""

import pytest

from conformance.engine.finding import Coverage
from conformance.guard import HarnessFailedError
from conformance.results.document import Failure, Judged
from conformance.tasks.case import Case, NotApplicable, NotTestable
from conformance.text import place_of, printable

_REASON_LENGTH = 500


def judge_call(call: pytest.CallInfo[None], case: Case) -> Judged:
    """Return the verdict of a case by what was raised."""
    if call.excinfo is None:
        return Judged(verdict="pass")
    raised = call.excinfo.value
    if isinstance(raised, NotApplicable):
        return Judged(verdict="not-applicable", reason=str(raised))
    if isinstance(raised, NotTestable):
        return Judged(verdict="not-testable", reason=str(raised), hook=raised.hook)
    is_plain = isinstance(raised, AssertionError | pytest.fail.Exception)
    reason = printable(str(raised) if is_plain else call.excinfo.exconly())[:_REASON_LENGTH]
    if isinstance(raised, pytest.skip.Exception) and call.when == "setup":
        return Judged(verdict="not-run", reason=f"skipped by a marker or another plugin: {reason}")
    if call.when != "call" or isinstance(raised, HarnessFailedError):
        return Judged(verdict="harness-error", reason=reason)
    broken = getattr(raised, "conformance_requirements", case.requirements)
    failure = Failure(name=case.id, requirements=broken, came=reason, doc=case.doc, place=place_of(raised))
    return Judged(verdict="fail", reason=reason, failures=(failure,))


def judge_group(number: str, coverage: Coverage, error: str) -> Judged:
    """Return a group's verdict on a requirement; `error` is why it did not come to its end."""
    findings = [finding for finding in coverage.findings.values() if number in finding.requirements]
    if findings:
        findings.sort(key=lambda finding: (finding.requirements[0] != number, len(finding.lines)))
        failures = []
        for finding in findings:
            failure = Failure(
                name=finding.scenario.name,
                requirements=finding.requirements,
                expected=finding.expected,
                came=finding.actual,
                script=finding.lines,
                instances=finding.scenario.instances,
                place=finding.place,
                shows=printable(finding.signature),
            )
            failures.append(failure)
        return Judged(verdict="fail", failures=tuple(failures))
    if error:
        return Judged(verdict="harness-error", reason=error)
    if coverage.exercised[number]:
        return Judged(verdict="pass")
    if number not in coverage.missing:
        return Judged(verdict="not-testable", reason="no scenario reached it")
    why, hook = coverage.missing[number]
    return Judged(verdict="not-testable" if hook else "not-applicable", reason=why, hook=hook)
