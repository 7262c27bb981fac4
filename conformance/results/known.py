"""What is known of a run: which failures are accepted, which no longer show, and the file that accepts all."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from conformance.files import write_file
from conformance.known import UNREASONED, Known, as_toml
from conformance.results.document import Failure, Result

_ACCEPTABLE = ("fail", "not-testable")
"""Verdicts that an entry accepts."""


def reason_for(known: Known, backend: str, failure: Failure) -> str:
    """Return why a failure is accepted; nothing if it is not."""
    return known.get((failure.test, backend, failure.shows), "")


def _failures(result: Result) -> tuple[Failure, ...]:
    """Return the failures of a result; what cannot decide has failed by itself."""
    undecided = Failure(name=result.hook or result.test, requirements=result.requirements, came=result.reason)
    return result.failures or (undecided,)


def accepted(known: Known, result: Result) -> str:
    """Return the reason that accepts a result; nothing if a part of it has none."""
    reasons = [reason_for(known, result.backend, failure) for failure in _failures(result)]
    if result.verdict not in _ACCEPTABLE or not all(reasons):
        return ""
    return reasons[0]


def stale(known: Known, results: Iterable[Result], *, is_whole: bool) -> Iterator[str]:
    """Yield what is accepted of tests that pass.

    Findings are missed only in a whole run: where less is played, less shows.
    """
    passing = {result.place for result in results if result.verdict == "pass" and not result.reason}
    for test, backend, finding in known:
        if (test, backend) in passing and (is_whole or not finding):
            yield f"{test} on {backend} no longer shows {finding or 'a failure'}"


def write(file: Path, results: Iterable[Result], known: Known) -> None:
    """Write what fails, and the hooks that are missing, as entries; reasons that nobody has given yet are left open.

    Raises:
        conformance.files.FileError: if the file cannot be written.
    """
    found = []
    for result in results:
        if result.verdict not in _ACCEPTABLE or result.is_choice:
            continue
        kind = "hook" if result.hook else "test"
        for failure in _failures(result):
            reason = reason_for(known, result.backend, failure) or UNREASONED
            found.append(({kind: failure.test, "backend": result.backend, "reason": reason}, failure.shows))
    write_file(file, as_toml(found))
