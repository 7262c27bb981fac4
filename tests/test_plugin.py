"""The plugin, as somebody meets it who installed the suite: in a project of their own, with settings of their own."""

import re
import sys
from itertools import product

import pytest

from conformance.backends.registry import UnknownBackendError, find_backend
from conformance.results.document import read
from conformance.tasks.cases import find_cases
from conformance.tasks.cases.groups import GROUPED

pytestmark = pytest.mark.usefixtures("few_plugins")

MANY = "test_many_tasks_are_kept_counted_and_purged"
WORKS = "test_a_task_can_be_created_read_listed_updated_and_cancelled"
STORES = """
from conformance import Harness
from taskstore import MemoryTaskStore

class NoIndex(MemoryTaskStore):
    async def list_tasks(self, *arguments, **named):
        raise KeyError("no index")

class Mine(Harness):
    def open(self, namespace):
        return NoIndex()

class NoReading(MemoryTaskStore):
    async def get_task(self, task_id):
        raise OSError("no disk")

class Broken(Harness):
    def open(self, namespace):
        return NoReading()

class Twice(MemoryTaskStore):
    async def list_tasks(self, *arguments, **named):
        page = await super().list_tasks(*arguments, **named)
        return page.model_copy(update={"total": page.total * 2})

class Doubled(Harness):
    def open(self, namespace):
        return Twice()

def no_cable():
    raise RuntimeError("no cable")
"""


@pytest.fixture(autouse=True)
def elsewhere(pytester: pytest.Pytester) -> None:
    """A project whose settings would collect nothing of ours, and turn warnings into errors."""
    pytester.makeini("[pytest]\npython_files = check_*.py\npython_functions = check_*\nfilterwarnings = error\n")
    pytester.makepyfile(mine=STORES, broken="1 / 0\n")
    pytester.syspathinsert()


def run(pytester: pytest.Pytester, *arguments: str, stores: tuple[str, ...] = ()) -> pytest.RunResult:
    named = [f"--conformance-store={name}" for name in stores]
    return pytester.runpytest_subprocess("--pyargs", "conformance", "-p", "no:cacheprovider", *named, *arguments)


def test_cases_and_groups_run_on_every_backend_that_is_named(pytester: pytest.Pytester) -> None:
    out = pytester.path / "results.json"
    chosen = ("-k", f"{MANY} or test_places", "--conformance-partial")
    stores = ("memory", "embedded", "mine:no_cable")
    ran = run(pytester, f"--conformance-json={out}", *chosen, stores=stores)
    assert ran.ret == pytest.ExitCode.TESTS_FAILED
    results = read(out)
    assert tuple(backend.name for backend in results.backends) == stores
    every = {*find_cases(), *(f"requirement_{number}" for number in GROUPED)}
    verdicts = {one.place: one.verdict for one in results.results}
    assert verdicts.keys() == {*product(every, stores)}
    for name in ("memory", "embedded"):
        assert verdicts[f"cost.{MANY}", name] == verdicts["requirement_LIFE-02", name] == "pass"
    on_broken = {verdict for (_, name), verdict in verdicts.items() if name == "mine:no_cable"}
    assert on_broken == {"harness-error", "not-run"}
    assert "no cable" in str(results.backends[2].error)
    assert ran.stdout.str().count("backend mine:no_cable could not be set up") == 1


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("postgres", "unknown store 'postgres': it is none of memory, .*module:name.*"),
        ("mine:Typo", "mine:Typo cannot be imported: AttributeError: module 'mine' has no attribute 'Typo'"),
        ("mine.py:Mine", "mine.py:Mine cannot be imported: .*name it without .py.*"),
        ("mine:NoIndex", "mine:NoIndex is no subclass of conformance.Harness"),
        (
            "broken:Mine",
            r"broken:Mine cannot be imported: ZeroDivisionError: division by zero \(broken.py:1 in <module>\)",
        ),
    ],
)
def test_a_store_that_cannot_be_used_is_one_line(name: str, told: str) -> None:
    with pytest.raises(UnknownBackendError) as raised:
        find_backend(name)
    assert re.fullmatch(told, str(raised.value))


def test_a_failed_case_shows_the_requirement_the_values_and_no_code_of_the_suite(pytester: pytest.Pytester) -> None:
    ran = run(pytester, "-k", f"{WORKS} or {MANY}", "-n", "2", stores=("mine:Mine", "mine:Doubled"))
    ran.assert_outcomes(passed=1, failed=3, deselected=ran.parseoutcomes().get("deselected", 0))
    shown = ran.stdout.str()
    assert "API-02 (MUST; also LIFE-09): " in shown
    assert "assert 20200 == 10100" in shown
    assert "KeyError: 'no index'" in shown
    assert "mine.py:6 in list_tasks" in shown
    assert not re.search(r"case\.py:\d", shown)


def test_a_failure_is_played_again_by_the_name_that_is_shown_and_as_a_file(pytester: pytest.Pytester) -> None:
    depth = "--conformance-depth=smoke"
    shown = run(pytester, "-k", "test_arguments", depth, "--conformance-scripts=scripts", stores=("mine:Doubled",))
    name = re.findall(r"again +conformance run .* --only (\S+)", shown.stdout.str())[0]

    again = run(pytester, depth, f"--conformance-only={name}", stores=("mine:Doubled",))

    assert again.ret == pytest.ExitCode.TESTS_FAILED
    again.assert_outcomes(failed=1, deselected=again.parseoutcomes()["deselected"])
    again.stdout.fnmatch_lines([f"LIST-03 (MUST*): {name}"])
    assert pytester.run(sys.executable, f"scripts/{name}.py").ret == 0


def test_on_a_broken_store_one_case_fails_and_the_others_are_not_testable(pytester: pytest.Pytester) -> None:
    out = pytester.path / "results.json"
    ran = run(pytester, f"--conformance-json={out}", stores=("mine:Broken",))
    assert ran.ret == pytest.ExitCode.TESTS_FAILED
    results = read(out).results
    assert [result.test for result in results if result.verdict == "fail"] == [f"examples.{WORKS}"]
    others = {(result.verdict, result.reason) for result in results if result.verdict != "fail"}
    assert ("not-testable", "a task cannot be created and read: OSError: no disk") in others
    assert {verdict for verdict, _ in others} <= {"not-testable", "not-applicable"}


def test_what_is_not_applicable_decides_nothing_and_that_is_said(pytester: pytest.Pytester) -> None:
    ran = run(pytester, "-k", "test_tasks_outlive_the_process", "--conformance-partial", stores=("memory",))
    assert ran.ret == pytest.ExitCode.TESTS_FAILED
    ran.stdout.fnmatch_lines(["nothing was decided: nothing that was selected applies"])


@pytest.mark.parametrize("before", [["-O"], []])
def test_it_refuses_to_run_without_assertions(pytester: pytest.Pytester, before: list[str]) -> None:
    after = [] if before else ["--assert=plain"]
    ran = pytester.run(sys.executable, *before, "-m", "pytest", "-W", "default", "--pyargs", "conformance", *after)
    assert ran.ret == pytest.ExitCode.USAGE_ERROR
    ran.stderr.fnmatch_lines(["*conformance decides by assertions*"])


def test_two_workers_come_to_the_same_verdicts(pytester: pytest.Pytester) -> None:
    told = []
    for workers in ("0", "2"):
        out = pytester.path / f"{workers}.json"
        chosen = ("--conformance-depth=smoke", "-n", workers, "-k", "places or sharing")
        ran = run(pytester, *chosen, "--conformance-json", str(out), stores=("memory-expiring",))
        assert ran.ret in (0, 6), ran.stdout.str()
        results = read(out)
        told.append({one.place: (one.verdict, one.reason) for one in results.results})
    assert told[0] == told[1]
