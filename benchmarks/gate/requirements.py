"""The requirements: whether our modes keep every MUST."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from conformance.fingerprint import fingerprint
from conformance.suite import SuiteDidNotRunError, run

SUBJECTS = ("memory", "embedded")
_BROKEN = ("fail", "harness-error", "unknown")


def find_broken_requirements() -> list[str]:
    """Run the suite on our modes, in a process of its own, and say what is broken; nothing if all is kept."""
    try:
        return list(judge(run(SUBJECTS)))
    except SuiteDidNotRunError as fault:
        return [f"the suite did not run: {fault}"]


def judge(results: Mapping[str, Any]) -> Iterable[str]:
    """Say what is broken according to the results of a run: a MUST, or the run itself."""
    if not results["complete"]:
        yield "the suite did not come to its end"
    if results["suite"]["fingerprint"] != fingerprint():
        yield "the suite had another taskstore than the one that is here"
    musts = {requirement["id"] for requirement in results["requirements"] if requirement["level"] == "MUST"}
    for subject in SUBJECTS:
        decided = [result for result in results["results"] if result["subject"] == subject]
        if not any(result["verdict"] == "pass" for result in decided):
            yield f"{subject}: no requirement was decided"
        for result in decided:
            if result["verdict"] in _BROKEN and (
                requirements := [requirement for requirement in result["requirements"] if requirement in musts]
            ):
                reason = result["reason"].partition("\n")[0]
                yield f"{subject}: {', '.join(requirements)} ({result['case']}): {result['verdict']}: {reason}"
