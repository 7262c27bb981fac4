"""What must not flatter: selections, runs that end early, skips that are no verdicts, and failures that are excused."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from conformance.cases import find_cases
from conformance.results.document import Result, Results, read

pytestmark = [pytest.mark.once, pytest.mark.usefixtures("few_plugins")]

TOTAL = "listing.test_total_and_filter_are_exact"
CLOSED = "lifecycle.test_a_closed_store_refuses_every_call"
NEW = "lifecycle.test_a_new_task_is_pending"
"""It lists nothing."""
IDLE = "expiry.test_nothing_goes_by_itself"
PAGE = "listing.test_a_page_names_its_place"
REPEATED = "identity.test_a_create_can_be_repeated_under_its_id"
PARTIAL = "--conformance-partial"
STALE = "what an earlier run left"

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


class NoEnd(MemoryTaskStore):
    async def aclose(self):
        pass


class Endless(Harness):
    def open(self, namespace):
        return NoEnd()
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
    file.write_text(STALE)
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
    assert on.keys() == find_cases().keys(), "a test of the suite is not named"
    return {test: result.verdict for test, result in on.items() if result.verdict != "not-run"}


def not_run(results: Results) -> list[Result]:
    return [result for result in results.results if result.verdict == "not-run"]


def test_a_selection_is_incomplete_however_it_is_made(
    pytester: pytest.Pytester, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_ADDOPTS", f"-k {TOTAL.rpartition('.')[2]}")
    ran = run(pytester)
    assert ran.ret == 6
    ran.stdout.fnmatch_lines(["incomplete: *", "  * tests: not-run: not selected: options like -k*"])
    results = read(out)
    assert verdicts(results) == {TOTAL: "pass"}
    assert not results.complete
    assert all(result.reason.startswith("not selected: ") for result in not_run(results))


def test_a_part_that_is_selected_on_purpose_may_pass_and_is_still_not_complete(
    pytester: pytest.Pytester, out: Path
) -> None:
    assert run(pytester, PARTIAL, *select(TOTAL)).ret == pytest.ExitCode.OK
    assert not read(out).complete
    ran = run(pytester, PARTIAL, *select(TOTAL, IDLE))
    assert ran.ret == 6, "a missing hook is nothing that was selected"
    ran.stdout.fnmatch_lines(["incomplete: *", "  1 test: the harness has no hook advance"])


def test_an_empty_selection_leaves_no_earlier_file(pytester: pytest.Pytester, out: Path) -> None:
    assert run(pytester, *select("no_such_test")).ret == pytest.ExitCode.NO_TESTS_COLLECTED
    assert verdicts(read(out)) == {}


def test_what_a_failure_stops_is_not_run(pytester: pytest.Pytester, out: Path) -> None:
    assert run(pytester, "-x", *select(CLOSED, TOTAL), on=("Endless",)).ret == pytest.ExitCode.TESTS_FAILED
    results = read(out)
    assert verdicts(results, "Endless") == {CLOSED: "fail"}
    limit = results.on("stores:Endless")[TOTAL]
    assert limit.reason == "the run ended before this test: stopping after 1 failures"
    assert not results.complete


def test_a_worker_that_dies_is_a_failure_and_the_run_is_not_complete(pytester: pytest.Pytester, out: Path) -> None:
    ran = run(pytester, "-n1", PARTIAL, *select(CLOSED, TOTAL), on=("Vanishing",))
    assert ran.ret == pytest.ExitCode.TESTS_FAILED
    results = read(out)
    assert verdicts(results, "Vanishing")[TOTAL] == "harness-error"
    assert "crashed while running" in results.on("stores:Vanishing")[TOTAL].reason
    assert not results.complete


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ("seconds=0", "0.0 is not above 0"),
        ("seconds=nan", "nan is not above 0"),
        ("timeout=-1", "-1.0 is below 0"),
    ],
)
def test_a_number_that_means_nothing_is_refused(pytester: pytest.Pytester, out: Path, option: str, told: str) -> None:
    ran = run(pytester, f"--conformance-{option}", *select(CLOSED), on=("Endless",))
    assert ran.ret == pytest.ExitCode.USAGE_ERROR
    ran.stderr.fnmatch_lines([f"*--conformance-{option.partition('=')[0]}: {told}*"])
    assert not out.exists()


def test_collecting_decides_nothing(pytester: pytest.Pytester, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_ADDOPTS", "--collect-only")
    assert run(pytester).ret == 6
    assert verdicts(read(out)) == {}


def test_a_plugin_that_runs_no_test_makes_none_pass(pytester: pytest.Pytester, out: Path) -> None:
    pytester.makeconftest("def pytest_pyfunc_call(pyfuncitem): return True")
    assert run(pytester, PARTIAL, "-pconftest", *select(CLOSED), on=("Endless",)).ret == pytest.ExitCode.TESTS_FAILED
    assert verdicts(read(out), "Endless") == {CLOSED: "harness-error"}


def test_a_failure_that_is_run_again_and_passes_has_failed(pytester: pytest.Pytester, out: Path) -> None:
    pytester.makeconftest(RERUN)
    pytester.makepyfile(
        stores=f"""{STORES}

class Sometimes(Harness):
    opened = 0

    def open(self, namespace):
        now = os.environ["PYTEST_CURRENT_TEST"]
        Sometimes.opened += "closed_store" in now and now.endswith("(call)")
        return NoEnd() if Sometimes.opened < 3 else MemoryTaskStore()
"""
    )
    ran = run(pytester, PARTIAL, "-pconftest", *select(CLOSED, TOTAL), on=("Sometimes",))
    assert ran.ret == pytest.ExitCode.TESTS_FAILED
    assert ran.parseoutcomes()["passed"] == 2, "this is what pytest itself makes of it"
    assert verdicts(read(out), "Sometimes") == {CLOSED: "fail", TOTAL: "pass"}


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
    ran = run(pytester, PARTIAL, "-W", "error", *select(TOTAL), on=names)
    assert ran.ret == pytest.ExitCode.TESTS_FAILED
    results = read(out)
    came = {name: verdicts(results, name) for name in names}
    assert came == {name: {TOTAL: "pass" if name == "Noisy" else "fail"} for name in names}
    assert "is no verdict of the suite" in results.on("stores:Skipping")[TOTAL].reason


def test_a_marker_or_a_plugin_decides_nothing(pytester: pytest.Pytester, out: Path) -> None:
    pytester.makeconftest("""
        import pytest

        def pytest_collection_modifyitems(items):
            for item in items:
                item.add_marker(pytest.mark.skip("pass: fine") if "total" in item.name else pytest.mark.xfail)

        def pytest_runtest_logreport(report):
            report.outcome = "passed"
    """)
    ran = run(pytester, PARTIAL, *select(CLOSED, TOTAL), on=("Endless",))
    assert ran.ret == pytest.ExitCode.TESTS_FAILED
    results = read(out)
    assert verdicts(results, "Endless") == {CLOSED: "fail"}
    reason = results.on("stores:Endless")[TOTAL].reason
    assert reason.startswith("skipped by a marker or another plugin: ")


@pytest.mark.parametrize("ending", ["sys.exit(0)", "pytest.skip('pass: x', allow_module_level=True)"])
def test_a_harness_file_that_ends_the_process_is_an_error(pytester: pytest.Pytester, out: Path, ending: str) -> None:
    pytester.makepyfile(stores=f"{STORES}\n{ending}\n")
    ran = run(pytester)
    assert ran.ret == pytest.ExitCode.USAGE_ERROR
    ran.stderr.fnmatch_lines(["ERROR: --conformance-store: *"])
    assert not out.exists()


def test_a_known_failure_passes_and_one_that_passes_fails_the_run(pytester: pytest.Pytester, out: Path) -> None:
    chosen = (PARTIAL, *select(CLOSED, TOTAL, IDLE))
    written = run(pytester, *chosen, "--conformance-write-known=known.toml", on=("Endless",))
    assert written.ret == pytest.ExitCode.TESTS_FAILED
    file = pytester.path / "known.toml"
    refused = run(pytester, *chosen, "--conformance-known=known.toml", on=("Endless",))
    assert refused.ret == pytest.ExitCode.USAGE_ERROR, "nobody has given a reason yet"
    told = "has no reason: write one in place of 'TODO: say why'"
    refused.stderr.fnmatch_lines([f"*--conformance-known: known.toml: {CLOSED} {told}"])
    file.write_text(file.read_text().replace("TODO: say why", "an older client needs it"))
    ran = run(pytester, *chosen, "--conformance-known=known.toml", on=("Endless",))
    assert ran.ret == pytest.ExitCode.OK
    ran.assert_outcomes(passed=1, xfailed=1, skipped=1, deselected=ran.parseoutcomes()["deselected"])
    ran.stdout.fnmatch_lines(
        [
            "known failures:",
            f"  {CLOSED} * (an older client needs it): *",
            "hooks that are declared missing:",
            "  advance: an older client needs it",
        ]
    )
    results = read(out)
    expected = {name: results.on("stores:Endless")[name].expected for name in (CLOSED, IDLE)}
    assert {name: one.kind for name, one in expected.items() if one} == {CLOSED: "known", IDLE: "missing-hook"}
    assert [entry.test for entry in results.known] == [CLOSED]
    file.write_text(file.read_text().replace("stores:Endless", "stores:Passing"))
    mended = run(pytester, *chosen, "--conformance-known=known.toml")
    assert mended.ret == pytest.ExitCode.TESTS_FAILED
    mended.stdout.fnmatch_lines([f"  {CLOSED} on stores:Passing passes now"])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[[known", "*known.toml: *"),
        ("[[known]]\ntest = 'listing.test_none'\nreason = 'x'", "*there is no test listing.test_none"),
        (f"[[known]]\ntest = '{TOTAL}'\nreason = ' '", "*has no reason"),
        (f"[[known]]\ntest = '{TOTAL}'\nreason = 'x'\nrequirement = 'x'", "*known.0.requirement: Extra inputs*"),
        ("[[missing]]\nhook = 'time_travel'\nreason = 'x'", "*there is no hook time_travel*"),
        ("[[unknown]]", "*unknown: Extra inputs*"),
    ],
)
def test_a_file_of_known_failures_that_says_nothing_is_refused(pytester: pytest.Pytester, text: str, told: str) -> None:
    Path(pytester.path, "known.toml").write_text(text)
    ran = run(pytester, "--conformance-known=known.toml")
    assert ran.ret == pytest.ExitCode.USAGE_ERROR
    ran.stderr.fnmatch_lines([told])


def test_a_hook_that_nothing_lacks_any_more_fails_the_run(pytester: pytest.Pytester, out: Path) -> None:
    entry = "[[missing]]\nhook = 'inspector'\nsubject = 'stores:Passing'\nreason = 'no back door'\n"
    Path(pytester.path, "known.toml").write_text(entry)
    ran = run(pytester, "--conformance-known=known.toml", *select(TOTAL))
    assert ran.ret == 6, "what was not run may lack it"
    assert read(out).missing[0].hook == "inspector"


def test_a_should_is_named_with_its_reason_and_fails_only_where_it_is_asked_to(
    pytester: pytest.Pytester, out: Path
) -> None:
    pytester.makepyfile(
        stores="""
        from conformance import Harness
        from taskstore import MemoryTaskStore

        class Eager(MemoryTaskStore):
            async def list_tasks(self, *arguments, **named):
                page = await super().list_tasks(*arguments, **named)
                return page.model_copy(update={"offset": 77})

        class Passing(Harness):
            def open(self, namespace):
                return Eager()
        """
    )
    ran = run(pytester, PARTIAL, *select(PAGE))
    assert ran.ret == pytest.ExitCode.OK
    ran.stdout.fnmatch_lines(["SHOULDs that are not kept:", f"  {PAGE} * (a SHOULD: *): *77*"])
    result = read(out).on("stores:Passing")[PAGE]
    assert result.expected is not None
    assert result.expected.kind == "should"
    asked = run(pytester, PARTIAL, *select(PAGE), "--conformance-level", "SHOULD")
    assert asked.ret == pytest.ExitCode.TESTS_FAILED


STUCK = """

async def sleep():
    time.sleep(10**6)


async def match():
    re.match("(a+)+$", "a" * 40 + "b")  # it holds the lock of the interpreter


async def swallow():
    while True:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(10**6)


Sleeping, Matching, Swallowing = stuck(sleep), stuck(match), stuck(swallow)
"""


@pytest.fixture
def stuck_stores(pytester: pytest.Pytester) -> None:
    text = STORES.replace("act()", "await act()").replace("def harness(act)", "def stuck(act)")
    first = text[: text.index("def unittest_skip")]
    pytester.makepyfile(stores=f"import asyncio\nimport contextlib\nimport re\nimport time\n{first}{STUCK}")


@pytest.mark.usefixtures("stuck_stores")
@pytest.mark.parametrize(("name", "line"), [("Sleeping", "sleep"), ("Matching", "match"), ("Swallowing", "swallow")])
def test_a_test_that_never_ends_is_ended_and_named_with_its_stack(
    pytester: pytest.Pytester, out: Path, name: str, line: str
) -> None:
    ran = run(pytester, "--conformance-timeout=2", *select(NEW, TOTAL, PAGE), on=(name,))
    assert ran.ret not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
    results = read(out)
    assert verdicts(results, name) == {NEW: "pass", TOTAL: "fail"}
    stuck = results.on(f"stores:{name}")[TOTAL].reason
    assert stuck.startswith("it gave no sign of progress for 2 s")
    assert f"in {line}" in stuck
    assert results.on(f"stores:{name}")[PAGE].reason == "the process of pytest ended before this test"
    assert results.exit_status is None
    assert f"in {line}" in ran.stderr.str()


@pytest.mark.usefixtures("stuck_stores")
def test_a_worker_that_is_stuck_is_ended_and_another_goes_on(pytester: pytest.Pytester, out: Path) -> None:
    chosen = select(NEW, TOTAL, PAGE, "requirement_LIST-01", "requirement_LIST-03")
    ran = run(pytester, "-n1", "--conformance-timeout=2", *chosen, on=("Sleeping",))
    assert ran.ret == pytest.ExitCode.TESTS_FAILED
    results = read(out)
    came = verdicts(results, "Sleeping")
    assert came == {
        NEW: "pass",
        TOTAL: "fail",
        PAGE: "fail",
        "requirement_LIST-01": "fail",
        "requirement_LIST-03": "not-testable",
    }
    assert "in sleep" in results.on("stores:Sleeping")[TOTAL].reason
    assert "ended" in results.on("stores:Sleeping")["requirement_LIST-03"].reason
    assert not results.complete


def test_a_process_that_ends_leaves_what_it_had_decided(pytester: pytest.Pytester, out: Path) -> None:
    run(pytester, PARTIAL, *select(NEW, TOTAL, PAGE), on=("Vanishing",))
    deadline = time.monotonic() + 20  # another process writes it
    while "ended while" not in out.read_text("utf-8") and time.monotonic() < deadline:
        time.sleep(0.05)
    results = read(out)
    assert verdicts(results, "Vanishing") == {NEW: "pass", TOTAL: "harness-error"}
    assert not results.complete
    assert results.exit_status is None


@pytest.mark.parametrize(("name", "test", "status"), [("Vanishing", TOTAL, 3), ("AtExit", CLOSED, 1)])
def test_the_command_takes_no_early_end_for_a_success(
    pytester: pytest.Pytester, name: str, test: str, status: int
) -> None:
    at_exit = "import atexit\n\nclass AtExit(Endless):\n    atexit.register(os._exit, 0)\n"
    pytester.makepyfile(stores=f"{STORES}{at_exit}")
    command = [sys.executable, "-m", "conformance", "run", "--store", f"stores:{name}", "--partial", "--"]
    ran = pytester.run(*command, "-p", "no:cacheprovider", *select(test))
    assert ran.ret == status
    ran.stderr.fnmatch_lines(["*ended with status 0, which the run does not deserve*"])


@pytest.mark.parametrize("workers", [(), ("-n2",)])
def test_what_is_out_of_time_is_named_and_does_not_pass(
    pytester: pytest.Pytester, out: Path, workers: tuple[str, ...]
) -> None:
    chosen = (*select(TOTAL, "requirement_LIST-03", "requirement_MAINT-02"), *workers, "--conformance-seconds=0.3")
    ran = run(pytester, PARTIAL, *chosen)
    assert ran.ret == pytest.ExitCode.OK, "the time was asked for, and so was the selection"
    results = read(out)
    assert not results.complete
    on = results.on("stores:Passing")
    reason = "the time that --conformance-seconds gives was over"
    assert (on["requirement_LIST-03"].verdict, on["requirement_LIST-03"].reason) == ("not-testable", reason)
    coverage = results.subjects[0].coverage
    assert coverage is not None
    assert len(coverage.reached) > 10
    assert any(reason in why for why in coverage.missing.values())
    assert run(pytester, *chosen).ret == 6


def test_known_failures_are_not_written_from_a_run_that_is_cut_short(pytester: pytest.Pytester, out: Path) -> None:
    ran = run(pytester, "--conformance-seconds=1", "--conformance-write-known=known.toml")
    assert ran.ret == pytest.ExitCode.USAGE_ERROR
    ran.stderr.fnmatch_lines(["*--conformance-write-known: a run that --conformance-seconds shortens*"])
    assert not out.exists()
    assert not (pytester.path / "known.toml").exists()


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
    ran = run(pytester, *select(TOTAL, PAGE), on=("Failing",))
    assert ran.ret == pytest.ExitCode.TESTS_FAILED
    assert verdicts(read(out), "Failing") == {TOTAL: "fail", PAGE: "fail"}


def test_time_that_is_over_excuses_no_failure(pytester: pytest.Pytester, out: Path) -> None:
    pytester.makepyfile(stores=f"{STORES}\nPassing = harness(lambda: 1 / 0)\n")
    ran = run(pytester, PARTIAL, "-k", "requirement_LIST-01 or requirement_LIST-03", "--conformance-seconds=1")
    assert ran.ret == pytest.ExitCode.TESTS_FAILED
    assert "fail" in verdicts(read(out)).values()
