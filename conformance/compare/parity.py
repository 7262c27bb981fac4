"""A comparison as a test of one's own suite."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from threading import Thread

import pytest
from filelock import FileLock

from conformance.compare.document import Report, Status
from conformance.compare.known import read, written
from conformance.compare.operations.check import HarnessCrashedError, operations_of, running
from conformance.compare.report import report_of
from conformance.compare.search import Search
from conformance.harness import Harness

_COVERAGE = "coverage"
_ACCEPTED = "To accept it, write this into the file of known differences, with a reason:"


def parity_test(
    one: Callable[[], Harness], other: Callable[[], Harness], *, known: str | Path | None, seconds: float, seed: int
) -> Callable[..., None]:
    """The test function that `conformance.parity` returns."""
    names = getattr(one, "__name__", "A"), getattr(other, "__name__", "B")
    operations = [*operations_of(one(), names[0], is_task_store=True)]
    place = f"{getattr(one, '__module__', '')} {names} {known} {seconds} {seed}"
    file_name = f"parity-{hashlib.sha256(place.encode()).hexdigest()[:16]}"

    def run(report: Future[Report]) -> None:
        try:
            report.set_result(search(report))
        except BaseException as fault:  # noqa: BLE001  it is raised where the result is read
            if not report.done():
                report.set_exception(fault)

    def search(report: Future[Report]) -> Report:
        def give_up(stuck: Search) -> None:
            report.set_result(report_of(stuck))

        here, there = (names[0], one()), (names[1], other())
        accepted = read(Path(known)) if known else []
        with running(here[1], names[0]), running(there[1], names[1]):
            made = Search(here, there, seconds=seconds, seed=seed, known=accepted, when_stuck=give_up)
            try:
                list(made.run())
            except HarnessCrashedError as fault:
                return report_of(made, str(fault))
            return report_of(made)

    @pytest.mark.parametrize("part", [*operations, _COVERAGE])
    def test_parity(part: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> None:
        folder = tmp_path_factory.getbasetemp()
        if hasattr(request.config, "workerinput"):  # workers of one run have folders in the same one
            folder = folder.parent
        file = folder / f"{file_name}.json"
        with FileLock(file.with_suffix(".lock")):
            if not file.exists():
                report = Future[Report]()
                Thread(target=run, args=(report,), daemon=True).start()  # away from event loops of this thread
                file.write_text(report.result().to_json(), "utf-8")
        _judge(part, Report.model_validate_json(file.read_bytes()))

    return test_parity


def _judge(part: str, report: Report) -> None:
    if part != _COVERAGE:
        mine = [one for one in report.findings if not one.known and one.operation == part]
        if mine:
            scripts = ["\n".join([one.consequence, *one.script]) for one in mine]
            pytest.fail("\n\n".join([*scripts, _ACCEPTED, written(mine)]), pytrace=False)
        return
    faults = [report.crash or Status.TIME_OVER.summary] if report.crash or not report.is_planned else []
    for heading, lines in report.shortcomings():
        faults += [heading, *lines]
    if faults:
        pytest.fail("\n".join(faults), pytrace=False)
