"""What the conformance cases say of a claim, on one design."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from reports.claims import Behaviour
from reports.inputs import Design
from reports.parity import NOT_RUN, Case, Comparison, Passes, Requirement
from reports.verdicts import LatencyVerdict

ClaimVerdict = LatencyVerdict | Literal["holds", "holds-corrected", "refuted", "not-yet-checked"]

ORDER: tuple[ClaimVerdict, ...] = (
    "holds",
    "confirmed",
    "holds-corrected",
    "faster",
    "slower",
    "inconclusive",
    "under-specified",
    "refuted",
    "not-yet-checked",
)
"""In the order in which they are shown, from true to open."""

DECIDING_SUBJECTS: Mapping[Design, tuple[str, ...]] = {
    "described": ("described-memory", "described-redis", "described-sentinel", "described-cluster"),
    "ours": (
        "memory",
        "memory-expiring",
        "embedded",
        "container",
        "sentinel",
        "cluster",
        "tls",
        "acl",
        "partitioned",
        "partitioned-cluster",
    ),
}
"""fakeredis is one more subject; it never decides a claim."""


@dataclass(frozen=True)
class Finding:
    """The verdict on a claim on one design: where it was decided, the figures, and the cases that speak against it."""

    verdict: ClaimVerdict
    where: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    against: tuple[str, ...] = ()


NOT_MEASURED = Finding("not-yet-checked", notes=("not measured",))


def judge_behaviour(
    claim: Behaviour,
    design: Design,
    passes: tuple[Passes, ...],
    requirements: tuple[Requirement, ...],
    cases: tuple[Case, ...],
) -> Finding:
    """Refute by any failing case on any subject of the design; hold where none fails and a requirement passed."""
    subjects = {one.subject: one.located for one in passes if one.subject in DECIDING_SUBJECTS[design]}
    deciding = {one.id: one for one in requirements if claim.id in one.claims}
    failed = {
        (case.id, subject)
        for case in cases
        for subject in subjects
        if not deciding.keys().isdisjoint(case.requirements) and case.outcomes.get(subject, NOT_RUN).verdict == "fail"
    }
    if failed:
        against = {case for case, _ in failed}
        return Finding(
            "refuted",
            tuple(located for subject, located in subjects.items() if subject in {one for _, one in failed}),
            against=tuple(case.id for case in cases if case.id in against),
        )
    passed = {(one.id, subject) for one in deciding.values() for subject in subjects if one.verdicts[subject] == "pass"}
    unsettled = deciding.keys() - {requirement for requirement, _ in passed}
    notes = (f"without a verdict: {', '.join(sorted(unsettled))}",) if unsettled else ()
    if not passed:
        return Finding("not-yet-checked", notes=notes or ("no requirement names it",))
    where = tuple(located for subject, located in subjects.items() if subject in {one for _, one in passed})
    return Finding("holds-corrected" if claim.corrected_en else "holds", where, notes)


def judge_identity(comparison: Comparison, passes: tuple[Passes, ...]) -> Finding:
    """Refute by any case that one mode passes and the other fails."""
    if not comparison.compared:
        return Finding("not-yet-checked", notes=("no case was decided in both modes",))
    differing, failing = len(comparison.differing), len(comparison.failing_in_both)
    return Finding(
        "refuted" if differing else "holds",
        tuple(one.located for one in passes if one.subject in (comparison.memory, comparison.redis)),
        (f"{differing} of {comparison.compared} cases come out differently; {failing} fail in both modes",),
        tuple(one.case for one in comparison.differing),
    )
