"""One test for each requirement that the tour decides: what all of its scenes found about it.

The other modules hold cases that a person can read, and those for what the model cannot see.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from conformance import standalone
from conformance.case import Case, NotApplicable, NotTestable, Subject, only_own_verdicts
from conformance.harness import HookMissingError
from conformance.spec.requirements import REQUIREMENTS
from conformance.tour.outcome import OUT_OF_TIME, TOURED, Tour

_SCENES = 30


def _test(number: str) -> Callable[[Subject], None]:
    case = Case(f"requirement_{number}", (number,), f"{number}: {REQUIREMENTS[number].text}")

    def run(conformance_subject: Subject) -> None:
        if conformance_subject.broken:
            raise NotTestable(conformance_subject.broken)
        with only_own_verdicts():
            tour = conformance_subject.tour()
        conformance_subject.coverage.update(tour.coverage())
        decide(number, tour, conformance_subject.name)
        conformance_subject.end(case)

    run.__name__ = run.__qualname__ = f"test_requirement_{number}"
    run.__doc__ = case.doc
    run.conformance_case = case  # type: ignore[attr-defined]
    return run


def decide(number: str, tour: Tour, subject: str) -> None:
    """End the test with the verdict of a tour of a subject on one requirement."""
    if found := tour.against(number):
        scenes = tour.scenes[number]
        named = [*scenes[:_SCENES], *([f"and {len(scenes) - _SCENES} more"] if len(scenes) > _SCENES else [])]
        fault = pytest.fail.Exception(
            "\n".join([found[0].words, f"in {len(scenes)} scenes: {', '.join(named)}"]), pytrace=False
        )
        write = partial(standalone.of_scene, number, found[0].actions, found[0].instances, subject)
        fault.conformance_calls = "\n".join(found[0].lines)  # type: ignore[attr-defined]  # for `results` to show
        fault.conformance_script = write  # type: ignore[attr-defined]
        raise fault
    if tour.is_out_of_time(number):
        raise NotTestable(OUT_OF_TIME)
    if tour.exercised.get(number):
        return
    reasons = tour.reasons.get(number, {})
    lacking = [reason for reason in reasons if not reason.startswith("not-applicable: ")]
    if reasons and not lacking:
        raise NotApplicable(max(reasons, key=lambda one: reasons[one]).removeprefix("not-applicable: "))
    hooks = tuple(reason.removeprefix(_NO_HOOK) for reason in lacking)
    is_for_hooks = all(reason.startswith(_NO_HOOK) for reason in lacking)
    raise NotTestable(", ".join(lacking) or "no scene of the tour reached it", hooks if is_for_hooks else ())


_NO_HOOK = str(HookMissingError(""))
"""What `Tour.reasons` says of a missing hook, before its name."""


for _number in TOURED:
    globals()[f"test_requirement_{_number}"] = _test(_number)
assert set(TOURED) <= REQUIREMENTS.keys()
