"""What must not flatter: selections, runs that end early, skips that are no verdicts, and failures that are excused."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from conformance.cases import find_cases
from conformance.files import FileError
from conformance.results import known
from conformance.results.document import Results, read

pytestmark = [pytest.mark.once, pytest.mark.usefixtures("few_plugins")]

PAGES = "examples.test_pages_join_without_gap_or_overlap"
PATTERN = "examples.test_an_id_is_no_pattern"
WORKS = "examples.test_a_task_can_be_created_read_listed_updated_and_cancelled"
"""It lists without arguments."""
ADVANCE = "requirement_EXP-05"
"""It needs the hook `advance`."""
LIFETIMES = "test_lifetimes"
"""The chapter that decides it."""
PARTIAL = "--conformance-partial"
SMOKE = "--conformance-depth=smoke"

STORES = """
import os
import sys
import unittest
import warnings

import pytest

from conformance import Harness
from taskstore import MemoryTaskStore


def harness(act):
    class Store(MemoryTaskStore):
        async def list_tasks(self, *arguments, **named):
            if arguments or named:
                act()
            return await super().list_tasks(*arguments, **named)

    class Mine(Harness):
        def open(self, namespace):
            return Store()

    return Mine


def unittest_skip():
    raise unittest.SkipTest("pass: all is well")


def noise():
    print("pass", flush=True)
    os.write(1, b"1 passed")
    warnings.simplefilter("error")
    warnings.filterwarnings("error", append=True)


Passing = harness(lambda: None)
Skipping = harness(lambda: pytest.skip("pass: all is well"))
Excused = harness(lambda: pytest.skip("not-applicable: not for me"))
Xfailing = harness(lambda: pytest.xfail("pass: known"))
Unittest = harness(unittest_skip)
Exiting = harness(lambda: pytest.exit("pass: enough", returncode=0))
Leaving = harness(lambda: sys.exit(0))
Noisy = harness(noise)
Vanishing = harness(lambda: os._exit(0))
Raising = harness(lambda: 1 / 0)


class Loose(MemoryTaskStore):
    async def get_task(self, task_id):
        if not task_id:
            raise KeyError(task_id)
        return await super().get_task(task_id)


class Wrong(Harness):
    def open(self, namespace):
        return Loose()


class Plain(Harness):
    def open(self, namespace):
        return MemoryTaskStore()


class OnAnyLoop(MemoryTaskStore):
    def _check_open(self):
        if self._closed:
            super()._check_open()


class Everywhere(Harness):
    def open(self, namespace):
        return OnAnyLoop()
"""


@pytest.fixture(autouse=True)
def stores(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(stores=STORES)
    pytester.syspathinsert()
    pytester.makeini("[pytest]\nfilterwarnings = error\n")


@pytest.fixture
def out(pytester: pytest.Pytester) -> Path:
    """The results file, in which an earlier run left something."""
    file = pytester.path / "results.json"
    file.write_text("what an earlier run left")
    return file


def run(pytester: pytest.Pytester, *arguments: str, on: tuple[str, ...] = ("Passing",)) -> pytest.RunResult:
    """Run the suite on stores of the file above, with the results in `results.json`."""
    named = [f"--conformance-store=stores:{name}" for name in on]
    command = ["--pyargs", "conformance", "-p", "no:cacheprovider", "--conformance-json=results.json"]
    return pytester.runpytest_subprocess(*command, *named, *arguments)


def select(*tests: str) -> tuple[str, str]:
    return "-k", " or ".join(test.rpartition(".")[2] for test in tests)


def verdicts(results: Results, name: str = "Passing") -> dict[str, str]:
    """The verdicts on a store, but for the tests that were not run."""
    on = results.on(f"stores:{name}")
    assert {*on} >= {*find_cases()}, "a test of the suite is not named"
    return {test: result.verdict for test, result in on.items() if result.verdict != "not-run"}


def test_a_selection_is_incomplete_however_it_is_made(
    pytester: pytest.Pytester, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_ADDOPTS", f"-k {PAGES.rpartition('.')[2]}")
    ran = run(pytester)
    assert ran.ret == 6
    ran.stdout.fnmatch_lines(["incomplete: *", "  * tests: not-run: not selected: options like -k*"])
    results = read(out)
    assert verdicts(results) == {PAGES: "pass"}
    assert not results.complete
    reasons = {result.reason.partition(":")[0] for result in results.results if result.verdict == "not-run"}
    assert reasons == {"not selected"}


def test_a_part_that_is_selected_on_purpose_may_pass_and_is_still_not_complete(
    pytester: pytest.Pytester, out: Path
) -> None:
    assert run(pytester, PARTIAL, *select(PAGES)).ret == pytest.ExitCode.OK
    assert not read(out).complete
    ran = run(pytester, PARTIAL, SMOKE, on=("Plain",))
    assert ran.ret == 6, "a missing hook is nothing that was selected"
    ran.stdout.fnmatch_lines(["incomplete: *", "  1 test: the harness has no hook advance"])


def test_a_chapter_that_is_left_out_makes_its_requirements_incomplete(pytester: pytest.Pytester, out: Path) -> None:
    chosen = (SMOKE, "-k", "chapters and not test_random_1")
    assert run(pytester, *chosen, on=("Plain",)).ret == 6
    result = read(out).on("stores:Plain")["requirement_LIFE-02"]
    assert (result.verdict, result.is_open) == ("pass", True)
    assert result.reason == "a part of the chapters was played: not random_1"


def test_an_empty_selection_leaves_no_earlier_file(pytester: pytest.Pytester, out: Path) -> None:
    assert run(pytester, *select("no_such_test")).ret == pytest.ExitCode.NO_TESTS_COLLECTED
    assert verdicts(read(out)) == {}


def test_what_a_failure_stops_is_not_run(pytester: pytest.Pytester, out: Path) -> None:
    assert run(pytester, "-x", *select(PAGES, PATTERN), on=("Raising",)).ret == pytest.ExitCode.TESTS_FAILED
    results = read(out)
    assert verdicts(results, "Raising") == {PAGES: "fail"}
    stopped = results.on("stores:Raising")[PATTERN]
    assert stopped.reason == "the run ended before this test: stopping after 1 failures"
    assert not results.complete


def test_a_worker_that_dies_is_a_failure_and_the_run_is_not_complete(pytester: pytest.Pytester, out: Path) -> None:
    ran = run(pytester, "-n1", PARTIAL, *select(PATTERN, PAGES), on=("Vanishing",))
    assert ran.ret == pytest.ExitCode.TESTS_FAILED
    results = read(out)
    assert verdicts(results, "Vanishing")[PAGES] == "harness-error"
    assert "crashed while running" in results.on("stores:Vanishing")[PAGES].reason
    assert not results.complete


def test_a_timeout_that_means_nothing_is_refused(pytester: pytest.Pytester, out: Path) -> None:
    ran = run(pytester, "--conformance-timeout=nan", *select(PAGES))
    assert ran.ret == pytest.ExitCode.USAGE_ERROR
    ran.stderr.fnmatch_lines(["*a timeout of *"])
    assert not out.exists()


def test_collecting_decides_nothing(pytester: pytest.Pytester, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_ADDOPTS", "--collect-only")
    assert run(pytester).ret == 6
    assert verdicts(read(out)) == {}


def test_a_plugin_that_runs_no_test_makes_none_pass(pytester: pytest.Pytester, out: Path) -> None:
    pytester.makeconftest("def pytest_pyfunc_call(pyfuncitem): return True")
    chosen = (PARTIAL, "-pconftest", *select(PAGES, "test_states"))
    assert run(pytester, *chosen, on=("Raising",)).ret == pytest.ExitCode.TESTS_FAILED
    came = verdicts(read(out), "Raising")
    assert came[PAGES] == "harness-error"
    assert "pass" not in came.values()


def test_a_failure_that_is_run_again_and_passes_has_failed(pytester: pytest.Pytester, out: Path) -> None:
    pytester.makeconftest(RERUN)
    pytester.makepyfile(
        stores=f"""{STORES}

class Sometimes(Harness):
    opened = 0

    def open(self, namespace):
        now = os.environ["PYTEST_CURRENT_TEST"]
        Sometimes.opened += "no_pattern" in now and now.endswith("(call)")
        return Loose() if Sometimes.opened < 3 else MemoryTaskStore()
"""
    )
    ran = run(pytester, PARTIAL, "-pconftest", *select(PATTERN, PAGES), on=("Sometimes",))
    assert ran.ret == pytest.ExitCode.TESTS_FAILED
    assert ran.parseoutcomes()["passed"] == 2, "this is what pytest itself makes of it"
    assert verdicts(read(out), "Sometimes") == {PATTERN: "fail", PAGES: "pass"}


RERUN = """
from _pytest.runner import runtestprotocol

def pytest_runtest_protocol(item, nextitem):
    for left in (2, 1, 0):
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
        for report in reports:
            if report.failed and left:
                report.outcome = "rerun"
            item.ihook.pytest_runtest_logreport(report=report)
        if not any(report.outcome == "rerun" for report in reports):
            break
    return True

def pytest_report_teststatus(report):
    return ("rerun", "R", "RERUN") if report.outcome == "rerun" else None
"""


def test_only_the_suite_gives_verdicts(pytester: pytest.Pytester, out: Path) -> None:
    names = ("Skipping", "Excused", "Xfailing", "Unittest", "Exiting", "Leaving", "Noisy")
    ran = run(pytester, PARTIAL, "-W", "error", *select(PAGES), on=names)
    assert ran.ret == pytest.ExitCode.TESTS_FAILED
    results = read(out)
    came = {name: verdicts(results, name) for name in names}
    assert came == {name: {PAGES: "pass" if name == "Noisy" else "fail"} for name in names}
    assert "is no verdict of the suite" in results.on("stores:Skipping")[PAGES].reason


def test_what_a_store_raises_in_a_chapter_excuses_nothing(pytester: pytest.Pytester, out: Path) -> None:
    names = ("Skipping", "Xfailing", "Exiting", "Leaving", "Raising")
    ran = run(pytester, PARTIAL, *select("test_random_1"), SMOKE, on=names)
    assert ran.ret == pytest.ExitCode.TESTS_FAILED
    for name in names:
        assert verdicts(read(out), name)["requirement_LIST-03"] in ("fail", "harness-error")


def test_a_marker_or_a_plugin_decides_nothing(pytester: pytest.Pytester, out: Path) -> None:
    pytester.makeconftest("""
        import pytest

        def pytest_collection_modifyitems(items):
            for item in items:
                item.add_marker(pytest.mark.skip("pass: fine") if "no_pat" in item.name else pytest.mark.xfail)

        def pytest_runtest_logreport(report):
            report.outcome = "passed"
    """)
    ran = run(pytester, PARTIAL, *select(PATTERN, PAGES), on=("Raising",))
    assert ran.ret == pytest.ExitCode.TESTS_FAILED
    results = read(out)
    assert verdicts(results, "Raising") == {PAGES: "fail"}
    reason = results.on("stores:Raising")[PATTERN].reason
    assert reason.startswith("skipped by a marker or another plugin: ")


@pytest.mark.parametrize("ending", ["sys.exit(0)", "pytest.skip('pass: x', allow_module_level=True)"])
def test_a_harness_file_that_ends_the_process_is_an_error(pytester: pytest.Pytester, out: Path, ending: str) -> None:
    pytester.makepyfile(stores=f"{STORES}\n{ending}\n")
    ran = run(pytester)
    assert ran.ret == pytest.ExitCode.USAGE_ERROR
    ran.stderr.fnmatch_lines(["ERROR: *"])
    assert not out.exists()


def test_a_known_failure_passes_and_one_that_passes_fails_the_run(pytester: pytest.Pytester, out: Path) -> None:
    chosen = (PARTIAL, SMOKE, *select(PATTERN, PAGES, "test_ids", LIFETIMES))
    written = run(pytester, *chosen, "--conformance-write-known=known.toml", on=("Wrong",))
    assert written.ret == pytest.ExitCode.TESTS_FAILED
    file = pytester.path / "known.toml"
    refused = run(pytester, *chosen, "--conformance-known=known.toml", on=("Wrong",))
    assert refused.ret == pytest.ExitCode.USAGE_ERROR, "nobody has given a reason yet"
    refused.stderr.fnmatch_lines(["*known.toml: * has no reason: write one in place of 'TODO: say why'"])
    file.write_text(file.read_text().replace("TODO: say why", "an older client needs it"))
    ran = run(pytester, *chosen, "--conformance-known=known.toml", on=("Wrong",))
    assert ran.ret == pytest.ExitCode.OK, ran.stdout.str()
    ran.stdout.fnmatch_lines(
        [
            "known failures:",
            "  requirement_ID-03 * (an older client needs it): *",
            f"  {PATTERN} * (an older client needs it): *",
            "hooks that are declared missing:",
            "  advance: an older client needs it",
        ]
    )
    results = read(out)
    expected = {name: results.on("stores:Wrong")[name].expected for name in (PATTERN, "requirement_ID-03", ADVANCE)}
    kinds = {name: one.kind for name, one in expected.items() if one}
    assert kinds == {PATTERN: "known", "requirement_ID-03": "known", ADVANCE: "missing-hook"}
    file.write_text(file.read_text().replace("stores:Wrong", "stores:Plain"))
    mended = run(pytester, *chosen, "--conformance-known=known.toml", on=("Plain",))
    assert mended.ret == pytest.ExitCode.TESTS_FAILED
    mended.stdout.fnmatch_lines([f"  {PATTERN} on stores:Plain passes now"])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[[known", "known.toml: "),
        ("[[known]]\ntest = 'listing.test_none'\nreason = 'x'", "there is no test listing.test_none"),
        (f"[[known]]\ntest = '{PAGES}'\nreason = ' '", "has no reason"),
        (f"[[known]]\ntest = '{PAGES}'\nreason = 'x'\nrequirement = 'x'", "known.0.requirement: Extra inputs"),
        ("[[missing]]\nhook = 'time_travel'\nreason = 'x'", "there is no hook time_travel"),
        ("[[unknown]]", "unknown: Extra inputs"),
    ],
)
def test_a_file_of_known_failures_that_says_nothing_is_refused(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "known.toml").write_text(text)
    with pytest.raises(FileError, match=re.escape(told)):
        known.read(tmp_path / "known.toml", find_cases())


def test_a_should_is_named_with_its_reason_and_fails_only_where_it_is_asked_to(
    pytester: pytest.Pytester, out: Path
) -> None:
    chosen = (PARTIAL, *select("test_a_store_belongs_to_one_event_loop"))
    ran = run(pytester, *chosen, on=("Everywhere",))
    assert ran.ret == pytest.ExitCode.OK
    test = "sharing.test_a_store_belongs_to_one_event_loop"
    ran.stdout.fnmatch_lines(["SHOULDs that are not kept:", f"  {test} * (a SHOULD: *): *"])
    result = read(out).on("stores:Everywhere")[test]
    assert result.expected is not None
    assert result.expected.kind == "should"
    asked = run(pytester, *chosen, "--conformance-level", "SHOULD", on=("Everywhere",))
    assert asked.ret == pytest.ExitCode.TESTS_FAILED


STUCK = """
import re
import time


def match():
    re.match("(a+)+$", "a" * 40 + "b")  # it holds the lock of the interpreter


Sleeping = harness(lambda: time.sleep(10**6))
Matching = harness(match)
"""


@pytest.mark.parametrize(("name", "workers"), [("Matching", ()), ("Sleeping", ("-n1",))])
def test_a_test_that_never_ends_is_ended_and_named_with_its_stack(
    pytester: pytest.Pytester, out: Path, name: str, workers: tuple[str, ...]
) -> None:
    pytester.makepyfile(stores=STORES + STUCK)
    ran = run(pytester, "--conformance-timeout=2", *workers, *select(WORKS, PAGES), on=(name,))
    assert ran.ret == pytest.ExitCode.TESTS_FAILED
    results = read(out)
    assert verdicts(results, name) == {WORKS: "pass", PAGES: "harness-error"}
    assert results.exit_status is None or workers
    assert "stores.py" in ran.stderr.str()


@pytest.mark.parametrize(("name", "status"), [("Vanishing", 3), ("AtExit", 1)])
def test_the_command_takes_no_early_end_for_a_success(
    pytester: pytest.Pytester, out: Path, name: str, status: int
) -> None:
    at_exit = "import atexit\n\nclass AtExit(Raising):\n    atexit.register(os._exit, 0)\n"
    pytester.makepyfile(stores=f"{STORES}{at_exit}")
    command = [sys.executable, "-m", "conformance", "run", "--store", f"stores:{name}", "--json", str(out), "--partial"]
    ran = pytester.run(*command, "--", "-p", "no:cacheprovider", *select(WORKS, PAGES))
    assert ran.ret == status
    ran.stderr.fnmatch_lines(["*ended with status 0, which the run does not deserve*"])
    assert verdicts(read(out), name)[WORKS] == "pass"
    assert verdicts(read(out), name)[PAGES] in ("fail", "harness-error")


PARSING = """
import ast


class Parsing:
    def __init__(self):
        self.cycle = self

    def __del__(self):
        deeper(8)
        Parsing()  # for the next time that garbage is collected


def deeper(calls):
    return deeper(calls - 1) if calls else ast.parse("a + b")


def leave_and_fail():
    Parsing()
    raise RuntimeError


Failing = harness(leave_and_fail)
"""


def test_a_store_whose_garbage_parses_python_ends_no_run(pytester: pytest.Pytester, out: Path) -> None:
    pytester.makepyfile(stores=f"{STORES}\n{PARSING}")
    ran = run(pytester, *select(PAGES, "test_random_1"), SMOKE, on=("Failing",))
    assert ran.ret == pytest.ExitCode.TESTS_FAILED
    assert verdicts(read(out), "Failing")[PAGES] == "fail"
