"""What must not flatter: selections, runs that end early, skips that are no verdicts, and failures that are excused."""

import sys
from pathlib import Path

import pytest

from conformance.results.document import Result, read
from conformance.tasks.cases import find_cases
from tests.test_plugin import run as run_suite

pytestmark = pytest.mark.usefixtures("few_plugins")

LOOPS = "sharing.test_a_store_belongs_to_one_event_loop"
ZONES = "sharing.test_times_do_not_depend_on_the_time_zone"
MANY = "cost.test_many_tasks_are_kept_counted_and_purged"
WORKS = "examples.test_a_task_can_be_created_read_listed_updated_and_cancelled"
"""It lists without arguments, and the others with some."""
PARTIAL = "--conformance-partial"
SMOKE = "--conformance-depth=smoke"
FAILED = pytest.ExitCode.TESTS_FAILED

STORES = """
import os
import re
import time

import pytest

from conformance import Harness
from taskstore import MemoryTaskStore


def harness(store):
    return type("Mine", (Harness,), {"open": lambda self, namespace: store()})


def listing(act):
    class Store(MemoryTaskStore):
        async def list_tasks(self, *arguments, **named):
            if arguments or named:
                act()
            return await super().list_tasks(*arguments, **named)

    return harness(Store)


class Loose(MemoryTaskStore):
    async def get_task(self, task_id):
        if not task_id or os.environ.get("TZ") == "Asia/Shanghai":
            raise KeyError(task_id)
        return await super().get_task(task_id)


class OnAnyLoop(MemoryTaskStore):
    def _check_open(self):
        if self._closed:
            super()._check_open()


Plain = harness(MemoryTaskStore)
Wrong = harness(Loose)
Sometimes = harness(lambda: MemoryTaskStore() if "AGAIN" in os.environ else Loose())
Everywhere = harness(OnAnyLoop)
Skipping = listing(lambda: pytest.skip("pass: all is well"))
Xfailing = listing(lambda: pytest.xfail("pass: known"))
Exiting = listing(lambda: pytest.exit("pass: enough", returncode=0))
Vanishing = listing(lambda: os._exit(0))
Raising = listing(lambda: 1 / 0)
Sleeping = listing(lambda: time.sleep(10**6))
Matching = listing(lambda: re.match("(a+)+$", "a" * 40 + "b"))  # it holds the lock of the interpreter
"""
RERUN = """
import os

from _pytest.runner import runtestprotocol


def pytest_runtest_protocol(item, nextitem):
    first = runtestprotocol(item, nextitem=nextitem, log=False)
    is_again = any(report.failed for report in first)
    for report in first:
        report.outcome = "rerun" if report.failed else report.outcome
        item.ihook.pytest_runtest_logreport(report=report)
    if is_again:
        os.environ["AGAIN"] = "1"
        runtestprotocol(item, nextitem=nextitem)
    return True
"""
PLUGIN = """
import pytest


def pytest_collection_modifyitems(items):
    for item in items:
        item.add_marker(pytest.mark.skip("pass: fine") if "time_zone" in item.name else pytest.mark.xfail)


def pytest_runtest_logreport(report):
    if report.when == "call":
        report.outcome = "passed"
"""


@pytest.fixture(autouse=True)
def out(pytester: pytest.Pytester) -> Path:
    """The results file, in which an earlier run left something, beside the stores."""
    pytester.makepyfile(stores=STORES)
    pytester.syspathinsert()
    pytester.makeini("[pytest]\nfilterwarnings = error\n")
    file = pytester.path / "results.json"
    file.write_text("what an earlier run left")
    return file


def run(pytester: pytest.Pytester, *arguments: str, on: tuple[str, ...] = ("Plain",)) -> pytest.RunResult:
    """Run the suite on stores of the file above, with the results in `results.json`."""
    stores = tuple([f"stores:{name}" for name in on])
    return run_suite(pytester, "--conformance-json=results.json", *arguments, stores=stores)


def select(*tests: str) -> tuple[str, str]:
    return "-k", " or ".join(test.rpartition(".")[2] for test in tests)


def results(out: Path, name: str = "Plain") -> dict[str, Result]:
    """The results on a store by test."""
    found = {result.test: result for result in read(out).results if result.backend == f"stores:{name}"}
    assert {*found} >= {*find_cases()}, "a test of the suite is not named"
    return found


def verdicts(out: Path, name: str = "Plain") -> dict[str, str]:
    """The verdicts on a store, but for the tests that were not run."""
    return {test: one.verdict for test, one in results(out, name).items() if one.verdict != "not-run"}


def test_a_selection_is_incomplete_however_it_is_made(
    pytester: pytest.Pytester, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_ADDOPTS", " ".join(select(LOOPS)))
    assert run(pytester).ret == 6
    assert verdicts(out) == {LOOPS: "pass"}
    assert run(pytester, PARTIAL).ret == 0


def test_what_a_harness_cannot_do_or_a_group_has_not_played_is_open(pytester: pytest.Pytester, out: Path) -> None:
    assert run(pytester, PARTIAL, SMOKE).ret == 6
    assert run(pytester, SMOKE, "-k", "groups and not test_places").ret == 6
    result = results(out)["requirement_LIFE-02"]
    assert (result.verdict, result.is_open) == ("pass", True)
    assert result.reason == "a part of the groups was played: not places"


def test_a_worker_that_dies_is_a_failure_and_the_run_is_not_complete(pytester: pytest.Pytester, out: Path) -> None:
    assert run(pytester, "-n1", PARTIAL, *select(ZONES, LOOPS), on=("Vanishing",)).ret == FAILED
    assert results(out, "Vanishing")[LOOPS].verdict == "not-run"


def test_the_command_takes_no_early_end_for_a_success(pytester: pytest.Pytester, out: Path) -> None:
    command = [sys.executable, "-m", "conformance", "run", "--store", "stores:Vanishing", "--json", str(out)]
    ran = pytester.run(*command, "--partial", "--", "-p", "no:cacheprovider", *select(WORKS, LOOPS))
    assert ran.ret == 3
    assert out.read_text() == ""


@pytest.mark.parametrize(("name", "workers"), [("Matching", ()), ("Sleeping", ("-n1",))])
def test_a_test_that_never_ends_is_ended_and_named_with_its_stack(
    pytester: pytest.Pytester, name: str, workers: tuple[str, ...]
) -> None:
    ran = run(pytester, "--conformance-timeout=2", *workers, *select(WORKS, LOOPS), on=(name,))
    assert ran.ret == FAILED
    assert "stores.py" in ran.stderr.str()


def test_a_failure_that_is_run_again_and_passes_has_failed(pytester: pytest.Pytester, out: Path) -> None:
    pytester.makeconftest(RERUN)
    ran = run(pytester, PARTIAL, "-pconftest", *select(ZONES, LOOPS), on=("Sometimes",))
    assert ran.ret == FAILED
    assert ran.parseoutcomes()["passed"] == 2, "this is what pytest itself makes of it"
    assert verdicts(out, "Sometimes") == {ZONES: "fail", LOOPS: "pass"}


def test_only_the_suite_gives_verdicts(pytester: pytest.Pytester, out: Path) -> None:
    names = ("Skipping", "Xfailing", "Exiting")
    assert run(pytester, PARTIAL, SMOKE, *select(LOOPS, "test_combinations"), on=names).ret == FAILED
    for name in names:
        came = verdicts(out, name)
        assert came[LOOPS] == "fail"
        assert came["requirement_LIST-03"] in ("fail", "harness-error")
    assert "is no verdict of the suite" in results(out, "Skipping")[LOOPS].reason


def test_a_marker_or_a_plugin_makes_nothing_pass(pytester: pytest.Pytester, out: Path) -> None:
    pytester.makeconftest(PLUGIN)
    chosen = select(ZONES, MANY)
    assert run(pytester, PARTIAL, "-pconftest", *chosen, on=("Raising",)).ret == FAILED
    came = verdicts(out, "Raising")
    assert came[MANY] == "fail"
    assert "pass" not in came.values()
    reason = results(out, "Raising")[ZONES].reason
    assert reason.startswith("skipped by a marker or another plugin: ")


def test_a_known_failure_passes_and_one_that_passes_fails_the_run(pytester: pytest.Pytester, out: Path) -> None:
    chosen = (PARTIAL, SMOKE, *select(ZONES, LOOPS, "test_arguments", "test_lifetimes"))
    assert run(pytester, *chosen, "--conformance-write-known=known.toml", on=("Wrong",)).ret == FAILED
    file = pytester.path / "known.toml"
    file.write_text(file.read_text().replace("TODO: say why", "an older client needs it"))
    ran = run(pytester, *chosen, "--conformance-known=known.toml", on=("Wrong",))
    assert ran.ret == 0, ran.stdout.str()
    assert results(out, "Wrong")[ZONES].accepted == "an older client needs it"
    file.write_text(file.read_text().replace("stores:Wrong", "stores:Plain"))
    assert run(pytester, *chosen, "--conformance-known=known.toml").ret == FAILED


def test_a_should_is_named_and_fails_only_where_it_is_asked_to(pytester: pytest.Pytester, out: Path) -> None:
    ran = run(pytester, PARTIAL, *select(LOOPS), on=("Everywhere",))
    assert ran.ret == 0
    ran.stdout.fnmatch_lines(["*: 1 SHOULD broken: API-04", "API-04 (SHOULD): *"])
    assert results(out, "Everywhere")[LOOPS].is_choice
    assert run(pytester, PARTIAL, *select(LOOPS), "--conformance-level=SHOULD", on=("Everywhere",)).ret == FAILED
