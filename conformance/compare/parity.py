"""A comparison as a test of one's own suite."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from conformance.compare.check import HarnessCrashedError, operations_of
from conformance.compare.known import read
from conformance.compare.report import SUMMARIES, Status, document_of
from conformance.compare.search import Search
from conformance.harness import Harness

_COVERAGE = "coverage"


def parity_test(
    one: Callable[[], Harness], other: Callable[[], Harness], *, known: str | Path | None, seconds: float, seed: int
) -> Callable[..., None]:
    """The test function that `conformance.parity` returns."""
    names = getattr(one, "__name__", "A"), getattr(other, "__name__", "B")
    operations = [*operations_of(one(), names[0], is_task_store=True)]
    place = f"{getattr(one, '__module__', '')} {names} {known} {seconds} {seed}"
    file_name = f"parity-{hashlib.sha256(place.encode()).hexdigest()[:16]}"

    def search() -> dict[str, Any]:
        here, there = one(), other()
        accepted = read(Path(known)) if known else []
        with here.running(), there.running():
            made = Search((names[0], here), (names[1], there), seconds=seconds, seed=seed, known=accepted)
            try:
                list(made.run())
            except HarnessCrashedError as fault:
                return {**document_of(made), "crashed": str(fault)}
        return {**document_of(made), "crashed": ""}

    @pytest.mark.parametrize("part", [*operations, _COVERAGE])
    def test_parity(part: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> None:
        folder = tmp_path_factory.getbasetemp()
        if hasattr(request.config, "workerinput"):  # workers of one run have folders in the same one
            folder = folder.parent
        file = folder / f"{file_name}.json"
        with FileLock(file.with_suffix(".lock")):
            if not file.exists():
                with ThreadPoolExecutor(1) as thread:  # away from event loops of this thread
                    file.write_text(json.dumps(thread.submit(search).result()), "utf-8")
        _judge(part, operations, json.loads(file.read_text("utf-8")))

    return test_parity


def _judge(part: str, operations: list[str], report: dict[str, Any]) -> None:
    new = [one for one in report["findings"] if not one["known"]]
    if part != _COVERAGE:
        mine = [one for one in new if one["operation"] == part]
        if mine:
            pytest.fail("\n\n".join("\n".join([one["consequence"], *one["script"]]) for one in mine), pytrace=False)
        return
    told = [*report["not_exercised"]]
    if report["crashed"]:
        told.insert(0, report["crashed"])
    elif report["status"] == Status.TIME_OVER.name.lower().replace("_", " "):
        told.insert(0, SUMMARIES[Status.TIME_OVER])
    told += [one["consequence"] for one in new if one["operation"] not in operations]
    if told:
        pytest.fail("not exercised:\n" + "\n".join(told), pytrace=False)
