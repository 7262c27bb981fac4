"""What the suite missed of the outside sets, or took for wrong, and does so no more."""

from __future__ import annotations

import pytest

from conformance.suite import run

pytestmark = pytest.mark.once

MISSED = {
    "g.ids-are-unquoted": "ID-03",
    "g.total-is-a-sum-over-time": "LIST-03",
    "g.same-listings-share-a-fate": "ATOM-06",
    "g.watchdogs-of-failed-calls-stay": "COST-05",
    "g.filtered-page-is-read-again": "COST-02",
    "g.long-traceback-is-packed": "SHARE-03",
    "g.known-requests-are-of-the-class": "LIST-10",
    "g.result-window-of-10000": "LIST-04",
}
RIGHT = ("g.clock-of-milliseconds", "g.completed-before-it-is-written", "g.revision-rises-by-two")


def test_what_was_missed_is_found_and_what_is_right_passes() -> None:
    """Each fault fails under the requirement that its author cites, and no variant fails."""
    numbers = " or ".join(sorted({*MISSED.values(), "LIFE-05", "LIFE-17", "LIFE-18", "VAL-01"}))
    stores = {name: f"tests.outside.subjects:{name}" for name in (*MISSED, *RIGHT)}
    arguments = ("--conformance-partial", "-k", numbers, "-n", "2", "--dist", "loadfile", "--conformance-seconds", "20")
    results = run(stores.values(), arguments)
    broken = {
        name: {
            number
            for one in results.results
            if one.subject == store and one.verdict == "fail"
            for number in one.requirements
        }
        for name, store in stores.items()
    }
    assert not {name: number for name, number in MISSED.items() if number not in broken[name]}
    assert not {name: broken[name] for name in RIGHT if broken[name]}
    assert all(one.verdict != "harness-error" for one in results.results)
