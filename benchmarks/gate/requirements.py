"""The requirements: whether our modes keep every MUST."""

from __future__ import annotations

from collections.abc import Iterable

from conformance.results.document import Results
from conformance.results.fingerprint import fingerprint
from conformance.suite import SuiteDidNotRunError, run

SUBJECTS = ("memory", "embedded")


def find_broken_requirements(results: Results | None = None) -> list[str]:
    """Run the suite on our modes, in a process of its own, and say what is broken; nothing if all is kept.

    With `results` of an earlier run they are judged, and the suite is not run.
    """
    try:
        return list(judge(run(SUBJECTS) if results is None else results))
    except SuiteDidNotRunError as fault:
        return [f"the suite did not run: {fault}"]


def judge(results: Results) -> Iterable[str]:
    """Say what is broken according to the results of a run: a MUST, or the run itself."""
    of_ours = [result for subject in SUBJECTS for result in results.on(subject).values()]
    undecided = [result for result in of_ours if result.is_open and result.verdict != "harness-error"]
    if undecided:
        first = undecided[0]
        yield f"{len(undecided)} tests decided nothing, {first.test} on {first.subject} for one: {first.reason}"
    if results.suite.fingerprint != fingerprint():
        yield "the suite had another taskstore than the one that is here"
    musts = {requirement.id for requirement in results.requirements if requirement.level == "MUST"}
    for subject in SUBJECTS:
        tests = results.on(subject).values()
        if not any(result.verdict == "pass" for result in tests):
            yield f"{subject}: no requirement was decided"
        for result in tests:
            broken = [number for number in result.requirements if number in musts]
            if broken and result.verdict in ("fail", "harness-error"):
                reason = result.reason.partition("\n")[0]
                yield f"{subject}: {', '.join(broken)} ({result.test}): {result.verdict}: {reason}"
