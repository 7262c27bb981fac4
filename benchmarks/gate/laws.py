"""The laws: whether our modes keep every MUST."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from conformance.fingerprint import fingerprint
from conformance.suite import SuiteDidNotRunError, run

SUBJECTS = ("memory", "embedded")
_BROKEN = ("fail", "harness-error", "unknown")


def find_broken_laws() -> list[str]:
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
    musts = {law["id"] for law in results["requirements"] if law["level"] == "MUST"}
    for subject in SUBJECTS:
        decided = [result for result in results["results"] if result["subject"] == subject]
        if not any(result["verdict"] == "pass" for result in decided):
            yield f"{subject}: no law was decided"
        for result in decided:
            if result["verdict"] in _BROKEN and (laws := [law for law in result["requirements"] if law in musts]):
                reason = result["reason"].partition("\n")[0]
                yield f"{subject}: {', '.join(laws)} ({result['case']}): {result['verdict']}: {reason}"
