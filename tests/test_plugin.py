"""The plugin, as somebody meets it who installed the suite: in a project of their own, with settings of their own."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import jsonschema
import pytest

from conformance.cases import find_cases
from conformance.commands.schemas import DOCUMENTS, make_schema
from conformance.results.document import Result, Results, read

pytestmark = [pytest.mark.once, pytest.mark.usefixtures("few_plugins")]

FAST = ("-k", "test_completing_sets_progress_and_time or test_pages_join_without")


@pytest.fixture(autouse=True)
def elsewhere(pytester: pytest.Pytester) -> None:
    """A project whose settings would collect nothing of ours, and turn warnings into errors."""
    pytester.makeini("[pytest]\npython_files = check_*.py\npython_functions = check_*\nfilterwarnings = error\n")


def run(pytester: pytest.Pytester, *arguments: str, stores: tuple[str, ...] = ()) -> pytest.RunResult:
    named = [f"--conformance-store={name}" for name in stores]
    return pytester.runpytest_subprocess("--pyargs", "conformance", "-p", "no:cacheprovider", *named, *arguments)


def ran_in(out: Path) -> list[Result]:
    """What was run according to a results file."""
    return [result for result in read(out).results if result.verdict != "not-run"]


def test_every_case_runs_on_every_named_subject(pytester: pytest.Pytester) -> None:
    out = pytester.path / "deep" / "results.json"
    ran = run(
        pytester,
        "--conformance-json",
        str(out),
        *FAST,
        stores=("memory", "embedded"),
    )
    ran.assert_outcomes(passed=4, deselected=ran.parseoutcomes().get("deselected", 0))
    jsonschema.validate(json.loads(out.read_text()), json.loads(make_schema(Results)))
    assert [(result.subject, result.verdict) for result in ran_in(out)] == [
        ("memory", "pass"),
        ("memory", "pass"),
        ("embedded", "pass"),
        ("embedded", "pass"),
    ]
    results = read(out)
    assert [subject.name for subject in results.subjects] == ["memory", "embedded"]
    assert results.on("memory").keys() == results.on("embedded").keys() == find_cases().keys()
    assert all(result.doc for result in results.results)


def test_a_number_selects_all_tests_of_its_requirement(pytester: pytest.Pytester) -> None:
    ran = run(pytester, "--collect-only", "-q", "-k", "LIST-06", stores=("memory",))
    ran.stdout.fnmatch_lines(["*::test_requirement_LIST-06?memory?", "*::test_a_page_names_its_place?memory?"])


@pytest.mark.parametrize("file", DOCUMENTS, ids=lambda file: file.parent.name)
def test_the_schema_is_that_of_the_document(file: Path) -> None:
    assert file.read_text("utf-8") == make_schema(DOCUMENTS[file]), "run python -m conformance.commands.schemas"


def test_an_unknown_store_names_the_known_ones(pytester: pytest.Pytester) -> None:
    ran = run(pytester, stores=("postgres",))
    assert ran.ret == pytest.ExitCode.USAGE_ERROR
    ran.stderr.fnmatch_lines(["*'postgres'*memory*embedded*container*module:name*"])


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("mine:Typo", "module mine has no 'Typo'; its Harness classes: Mine, Other"),
        ("nowhere:Mine", "module nowhere cannot be imported: ModuleNotFoundError: No module named 'nowhere'"),
        ("broken:Mine", "module broken cannot be imported: ZeroDivisionError: division by zero"),
    ],
)
def test_a_harness_that_cannot_be_found_is_one_error(pytester: pytest.Pytester, name: str, told: str) -> None:
    pytester.makepyfile(
        mine="from conformance import Harness\nclass Mine(Harness): pass\nclass Other(Harness): pass\n",
        broken="1 / 0\n",
    )
    pytester.syspathinsert()
    ran = run(pytester, stores=(name,))
    assert ran.ret == pytest.ExitCode.USAGE_ERROR
    assert [line for line in ran.errlines if line] == [f"ERROR: --conformance-store: {told}"]


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_a_failure_shows_the_requirement_the_values_and_the_calls_and_no_code_of_the_suite(
    pytester: pytest.Pytester, workers: tuple[str, ...]
) -> None:
    pytester.makepyfile(
        mine="""
        from conformance import Harness
        from taskstore import MemoryTaskStore

        class Wrong(MemoryTaskStore):
            async def list_tasks(self, *arguments, **named):
                raise KeyError("no index")

            async def update_task_status(self, *arguments, **named):
                task = await super().update_task_status(*arguments, **named)
                return task.model_copy(update={"progress": 7.0})

        class Mine(Harness):
            def open(self, namespace):
                return Wrong()
        """
    )
    pytester.syspathinsert()
    ran = run(pytester, *FAST, *workers, stores=("mine:Mine",))
    ran.assert_outcomes(failed=2, deselected=ran.parseoutcomes().get("deselected", 0))
    shown = ran.stdout.str()
    assert "(MUST): " in shown
    assert "assert 7.0 == 100" in shown
    assert "= await store.create_task(" in shown
    assert "KeyError: 'no index'" in shown
    assert "mine.py:6: in list_tasks" in shown
    code = re.compile(r"case\.py:\d")
    assert not code.search(shown)
    assert "    play_case(test_" in shown
    assert code.search(run(pytester, *FAST, *workers, "--tb=long", stores=("mine:Mine",)).stdout.str())


def test_a_factory_that_raises_is_a_harness_error_and_the_others_run(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(broken="def harness():\n    raise RuntimeError('no cable')\n")
    pytester.syspathinsert()
    out = pytester.path / "results.json"
    ran = run(
        pytester,
        "--conformance-json",
        str(out),
        *FAST,
        stores=("broken:harness", "memory"),
    )
    assert ran.ret == pytest.ExitCode.TESTS_FAILED
    assert {(result.subject, result.verdict) for result in ran_in(out)} == {
        ("broken:harness", "harness-error"),
        ("memory", "pass"),
    }
    assert "no cable" in next(str(one.error) for one in read(out).subjects if one.name == "broken:harness")


@pytest.mark.parametrize("url", ["redis://127.0.0.1:1/0", "redis://:s3cret@127.0.0.1:1/0"])
def test_an_unreachable_url_is_a_harness_error(pytester: pytest.Pytester, url: str) -> None:
    ran = run(pytester, *FAST, stores=(url,))
    assert ran.ret == pytest.ExitCode.TESTS_FAILED
    ran.assert_outcomes(errors=1, skipped=1, deselected=ran.parseoutcomes().get("deselected", 0))
    assert "no answer from the named server" in ran.stdout.str()
    assert "s3cret" not in ran.stdout.str() + ran.stderr.str()


def test_a_failing_requirements_is_a_failed_test_and_a_missing_hook_is_not_testable(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(wrong=WRONG.replace("Mine(Harness):", "Mine(Harness):\n    mode = 'redis'"))
    pytester.syspathinsert()
    out = pytester.path / "results.json"
    names = "test_a_closed_store or test_unset_means or test_the_environment_selects"
    ran = run(pytester, "--conformance-json", str(out), "-k", names, stores=("wrong:Mine",))
    assert ran.ret == pytest.ExitCode.TESTS_FAILED
    assert {result.test: result.verdict for result in ran_in(out)} == {
        "lifecycle.test_a_closed_store_refuses_every_call": "fail",
        "modes.test_the_environment_selects_the_mode": "not-testable",
        "modes.test_unset_means_memory": "not-applicable",
    }
    ran.stdout.fnmatch_lines(
        [
            "API-03 (MUST): Every operation of a closed store raises `StoreNotOpen`.",
            "task1 = await store.create_task(TaskCreateRequest(video_ids=('*',), webhook_url=None, config=None))",
        ]
    )


WRONG = """
from conformance import Harness
from taskstore import MemoryTaskStore

class NoEnd(MemoryTaskStore):
    async def aclose(self):
        pass

class Mine(Harness):
    def open(self, namespace):
        return NoEnd()

class NoReading(MemoryTaskStore):
    async def get_task(self, task_id):
        raise OSError("no disk")

class Broken(Harness):
    def open(self, namespace):
        return NoReading()
"""


def test_an_undecided_requirements_makes_a_run_incomplete(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(wrong=WRONG)
    pytester.syspathinsert()
    chosen = ("-k", "test_nothing_goes_by_itself or test_pages_join", "--conformance-partial")
    ran = run(pytester, *chosen, stores=("wrong:Mine",))
    assert ran.ret == 6
    ran.stdout.fnmatch_lines(["incomplete: *exit status 6*", "  1 test: the harness has no hook advance"])


def test_on_a_broken_store_one_case_fails_and_the_others_are_not_testable(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(wrong=WRONG)
    pytester.syspathinsert()
    out = pytester.path / "results.json"
    ran = run(pytester, "--conformance-json", str(out), stores=("wrong:Broken",))
    assert ran.ret == pytest.ExitCode.TESTS_FAILED
    results = read(out).results
    assert [result.test for result in results if result.verdict == "fail"] == [
        "lifecycle.test_a_task_can_be_created_read_listed_updated_and_cancelled"
    ]
    others = {(result.verdict, result.reason) for result in results if result.verdict != "fail"}
    assert others == {("not-testable", "a task cannot be created and read: OSError: no disk")}


@pytest.mark.usefixtures("few_scenes")
def test_a_requirement_is_decided_by_one_tour_that_workers_share(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        counting="""
        from pathlib import Path
        from conformance import Harness
        from taskstore import MemoryTaskStore

        class Wrong(MemoryTaskStore):
            async def list_tasks(self, *arguments, **named):
                page = await super().list_tasks(*arguments, **named)
                return page.model_copy(update={"total": page.total + 1})

        class Mine(Harness):
            def open(self, namespace):
                with Path("opened.txt").open("a") as file:
                    file.write("x")
                return Wrong()
        """
    )
    pytester.syspathinsert()
    opened = Path(pytester.path, "opened.txt")
    counts = []
    for workers in ((), ("-n", "2", "--dist", "load")):
        ran = run(pytester, "-k", "requirement_LIST-01 or requirement_LIST-03", *workers, stores=("counting:Mine",))
        ran.assert_outcomes(passed=1, failed=1, deselected=ran.parseoutcomes().get("deselected", 0))
        shown = ran.stdout.str()
        assert "LIST-03 (MUST): " in shown
        assert "gave a page of 0 of 1 tasks; expected a page of 0 of 0 tasks" in shown
        assert re.search(r"\nin \d{3} scenes: [^\n]+, [^\n]+, and \d+ more\n", shown)
        assert "await store1.list_tasks(" in shown
        counts.append(len(opened.read_text()))
        opened.unlink()
    assert counts[1] < counts[0] * 1.5


def test_by_file_a_worker_gets_the_tour_of_a_subject_or_a_part_of_its_cases(pytester: pytest.Pytester) -> None:
    names = "requirement_VAL-0 or a_password or tasks_outlive or a_new_task"
    quick = ("--conformance-seconds", "0.1")
    stores = ("memory", "memory-expiring")
    ran = run(pytester, "-v", "-n", "2", "--dist", "loadfile", *quick, "-k", names, stores=stores)
    places = re.findall(r"\[gw(\d)\].* (?:PASSED|SKIPPED) \S*/(\w+)\.py::\w+\S*\[([\w-]+)\]", ran.stdout.str())
    workers: dict[tuple[str, str], set[str]] = {}
    for worker, file, subject in places:
        workers.setdefault((file, subject), set()).add(worker)
    assert len(workers) >= 6
    assert all(len(one) == 1 for one in workers.values()), workers
    assert workers["requirements", "memory"] != workers["requirements", "memory-expiring"]


def test_a_run_in_which_nothing_passed_has_failed(pytester: pytest.Pytester) -> None:
    ran = run(pytester, "-k", "test_tasks_outlive_the_server", stores=("memory",))
    assert ran.ret == pytest.ExitCode.TESTS_FAILED


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
        chosen = ("-k", "identity", "--conformance-seed=3", "--conformance-partial", "-n", workers)
        ran = run(pytester, *chosen, "--conformance-json", str(out), stores=("memory", "embedded"))
        assert ran.ret == pytest.ExitCode.OK
        results = read(out)
        assert results.suite.seed == 3
        assert {subject.name: subject.mode for subject in results.subjects} == {"memory": "memory", "embedded": "redis"}
        told.append({result.place: (result.verdict, result.reason) for result in results.results})
    assert told[0] == told[1]
    assert sum(verdict != "not-run" for verdict, _ in told[0].values()) == 20


def test_it_stays_out_of_other_peoples_runs(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(check_it="def check_it():\n    import sys\n    assert 'redis' not in sys.modules\n")
    ran = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-p", "no:valkey")
    ran.assert_outcomes(passed=1)
    assert "conformance" not in ran.stdout.str().replace("plugins:", "")
