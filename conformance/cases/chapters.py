"""The chapters as tests: each plays its scenarios on a subject, and shows what it found when it ends.

What they found about a requirement is added up at the end of the run.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from conformance.case import NotTestable, Subject, only_own_verdicts
from conformance.chapters import CHAPTERS, Chapter
from conformance.core.finding import Finding, Tally
from conformance.spec.requirements import REQUIREMENTS
from conformance.text import cut

_WIDTH = 100
_MOST_LINES = 16


def _test(name: str, chapter: Chapter) -> Callable[[Subject], None]:
    def run(conformance_subject: Subject) -> None:
        subject = conformance_subject
        if subject.broken:
            raise NotTestable(subject.broken)
        tally = subject.tallies[name] = Tally()
        with only_own_verdicts():
            chapter(subject.harness, tally, subject.seed, subject.depth)
        for number in subject.unjudged:
            tally.withdraw(number)
        if tally.findings:
            raise pytest.fail.Exception(_shown(tally), pytrace=False)

    run.__name__ = run.__qualname__ = f"test_{name}"
    run.__doc__ = f"Scenarios of the chapter {name}."
    return run


def _shown(tally: Tally) -> str:
    """The findings, the shortest first."""
    findings = sorted(tally.findings.values(), key=lambda one: (not one.is_plain, len(one.scenario.actions)))
    return "\n\n".join(shown(one, tally.seen[one.signature]) for one in findings)


def shown(finding: Finding, times: int = 1) -> str:
    """A finding for people: what it breaks, what came and what was expected, and how to see it."""
    first = REQUIREMENTS[finding.requirements[0]]
    others = f"; also {', '.join(finding.requirements[1:])}" if finding.requirements[1:] else ""
    lines = list(finding.lines)
    if len(lines) > _MOST_LINES:
        lines[_MOST_LINES // 2 : -_MOST_LINES // 2] = [f"…  # {len(lines) - _MOST_LINES} more lines"]
    text = [
        f"{first.id} ({first.level}{others}): {first.text}",
        f"expected {finding.expected}",
        f"came     {finding.actual}",
        *(f"    {line}" for line in lines),
    ]
    more = [f"The same shows in {times - 1} more scenarios."] if times > 1 else []
    return "\n".join(cut(line, _WIDTH) for line in [*text, *more])


for _name, _chapter in CHAPTERS.items():
    globals()[f"test_{_name}"] = _test(_name, _chapter)
