"""The studies: that each can be made and read, and what would spoil its figures."""

import asyncio
from collections.abc import Iterator
from functools import partial
from itertools import product, repeat
from typing import Any

import pytest

from benchmarks.backends import servers
from benchmarks.studies import distance, load, memory, run
from benchmarks.studies.document import DISTANT_TASKS, Studies

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def private_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("benchmarks.backends.engine_answers", lambda: False)
    monkeypatch.delenv("CONFORMANCE_REQUIRE_CONTAINER", raising=False)
    with servers():
        yield


def test_a_call_that_raises_is_counted_and_not_lost() -> None:
    async def fail() -> None:
        raise LookupError

    answered, failed, _ = asyncio.run(load.call_for(repeat(partial(fail)), 2, 0.01))
    assert answered == 0
    assert failed >= 2


def test_every_study_is_read_as_it_was_written_and_one_that_fails_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> list[Any]:
        raise KeyError("task_1")

    told: list[str] = []
    studies_made: dict[Any, Any] = {"broken": fail, **run.STUDIES}
    monkeypatch.setattr(run, "STUDIES", studies_made)
    monkeypatch.setitem(distance.SCALES, "quick", distance.Scale((0, 20), 0.001, 2, (0,)))
    monkeypatch.setitem(load.SCALES, "quick", load.Scale((1, 64), 0.02, 2))
    monkeypatch.setitem(memory.SCALES, "quick", (("task", 300), ("metadata", 200)))
    made = run.make("quick", {}, told.append)
    studies = Studies.model_validate_json(made.model_dump_json(by_alias=True))
    assert studies.series == made.series
    assert studies.failures == {"broken": "KeyError: 'task_1'"}
    assert "broken was not measured: KeyError: 'task_1'" in told
    far = studies.select("distance", at=20)
    assert {series.what for series in far} == {"ping", *DISTANT_TASKS} - {distance.LONG_LISTING}
    assert all(min(series.figures["seconds"]) >= 0.02 for series in far)
    sizes = studies.select("memory")
    assert {(series.mode, series.what) for series in sizes} == {*product(("memory", "redis"), ("task", "metadata"))}
    assert all(series.figures["bytes"][0] > 300 for series in sizes)
    long_listings = studies.select("distance", what=distance.LONG_LISTING, at=0)
    for found in (far, sizes, long_listings, studies.select("load", what="get", at=64)):
        assert {series.backend for series in found} == {"ours", "documented"}
    by_every_process = [*far, *studies.select("load")]
    assert {len(values) for series in by_every_process for values in series.figures.values()} == {2}
