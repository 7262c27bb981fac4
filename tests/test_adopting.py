"""ADOPTING.md, followed word for word in an empty folder; the commands that it names; and the examples."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from conformance.cases import find_cases
from conformance.commands import main
from conformance.harness import Harness
from conformance.results import known
from conformance.results.document import Results
from conformance.suite import SMOKE, SuiteDidNotRunError, run

pytestmark = pytest.mark.once

ROOT = Path(__file__).parents[1]
GUIDE = ROOT / "ADOPTING.md"
EXAMPLES = "conformance.examples"
WORKS = "lifecycle.test_a_task_can_be_created_read_listed_updated_and_cancelled"
UPDATES = "atomicity.test_concurrent_updates_lose_nothing"
ALIASES = "values.test_changing_what_a_caller_holds_changes_nothing"
RACE = "atomicity.test_a_cancel_and_a_completion_that_race_have_one_winner"
OUTLIVE = "durability.test_tasks_outlive_the_application"
NO_OBJECT = "values.test_a_config_that_is_no_json_object_is_refused"
CLOSED = "lifecycle.test_a_closed_store_refuses_every_call"
EXPIRED = "expiry.test_an_expired_task_is_gone_everywhere"
READABLE = "durability.test_another_client_can_read_the_record"
UNREADABLE = "records.test_an_unreadable_record_is_named"
NOTHING_LISTENS = "failure.test_nothing_listening_is_not_not_found"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose settings would collect nothing of ours, and turn warnings into errors."""
    (tmp_path / "pytest.ini").write_text("[pytest]\npython_files = check_*.py\nfilterwarnings = error\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)  # `python` is this one
    return tmp_path


def blocks(guide: Path) -> list[tuple[str, str]]:
    return re.findall(r"^```(\w+)\n(.*?)^```$", guide.read_text("utf-8"), re.DOTALL | re.MULTILINE)


def test_the_guide_keeps_its_promises_word_for_word(folder: Path, request: pytest.FixtureRequest) -> None:
    whole_tour = {**os.environ}
    request.getfixturevalue("few_scenes")
    first, *steps = blocks(GUIDE)
    assert "pip install" in first[1]  # the one step that is not taken: tests/test_install.py follows it
    said: list[tuple[int, str]] = []
    for language, text in steps:
        if language == "sh":
            environment = whole_tour if "--pyargs conformance --conformance-store mystore:" in text else os.environ
            ran = subprocess.run(["/bin/sh", "-c", text], env=environment, capture_output=True, text=True, check=False)
            said.append((ran.returncode, ran.stdout + ran.stderr))
        elif language == "toml":
            written = (folder / "known.toml").read_text()
            (folder / "known.toml").write_text(text)
            known_tests = known.read(folder / "known.toml", find_cases())
            assert (len(known_tests.failures), len(known_tests.missing)) == (1, 1)
        else:
            named = re.match(r"# (\w+\.py)(, further down)?\n", text)
            assert named is not None, text
            with (folder / named[1]).open("a" if named[2] else "w") as file:
                file.write(text)
    new, smoke, incomplete, green, smoke_of_memory, red, differences, again = said
    assert new[0] == smoke[0] == smoke_of_memory[0] == 0
    assert "mystore.py is written" in new[1]
    assert "harness and store work" in smoke[1]
    assert "harness and store work" in smoke_of_memory[1]
    assert incomplete[0] == 6
    assert re.search(r"mystore:MyStore +\d+ +0 +\d+ +[1-9]\d* +0 +0\n", incomplete[1])
    assert green[0] == 0, green[1]
    assert re.search(r"\d+ passed, \d+ skipped", green[1])
    assert red[0] == 1, red[1]
    results = json.loads((folder / "conformance.json").read_text())["results"]
    verdicts = {(one["subject"], one["test"]): one["verdict"] for one in results}
    assert "harness-error" not in verdicts.values()
    assert [one["test"] for one in results if "the case has not ended" in one["reason"]] == []
    undecided = [one for one in results if one["verdict"] == "not-testable"]
    unsaid = [
        one["test"] for one in undecided if not all(f'hook = "{hook}"' in written for hook in one["hooks"] or ["none"])
    ]
    assert unsaid == []
    assert all(
        f'test = "{one["test"]}"' in written for one in results if one["verdict"] == "fail" and not one["expected"]
    )
    assert verdicts["mystores:MemoryMode", UPDATES] == "pass"
    assert verdicts["mystores:RedisMode", UPDATES] == "fail"
    assert verdicts["mystores:MemoryMode", ALIASES] == "fail"
    assert verdicts["mystores:RedisMode", ALIASES] == "pass"
    assert f"\n  {UPDATES}: " in differences[1].partition("another verdict")[0]
    assert "from mystores import MemoryMode" in red[1]
    assert "    play(\n        MemoryMode(),\n" in red[1]
    assert again[0] == 1
    assert re.search(r"^VAL-02: ", again[1], re.MULTILINE)


def test_both_languages_give_the_same_steps() -> None:
    assert blocks(ROOT / "ADOPTING.zh-CN.md") == blocks(GUIDE)


def test_every_hook_is_in_the_starting_file_and_in_the_guide(folder: Path) -> None:
    assert main(["new", "mystore.py"]) == 0
    start = (folder / "mystore.py").read_text()
    for name in set(vars(Harness)) - {"open", "capabilities"}:
        if not name.startswith("_"):
            assert re.search(rf"^    # ((async )?def {name}\(|{name} = )", start, re.MULTILINE), name
            assert f"`{name}`" in GUIDE.read_text("utf-8"), name


def test_new_refuses_to_overwrite(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "mystore.py").write_text("mine")
    assert main(["new", "mystore.py"]) == 2
    assert (folder / "mystore.py").read_text() == "mine"
    assert capsys.readouterr().err == "mystore.py was not written: File exists\n"


@pytest.mark.parametrize("name", ["mystore", "my-store.py", "../mystore.py"])
def test_new_refuses_what_cannot_be_imported(name: str, folder: Path) -> None:
    assert main(["new", name]) == 2
    assert [file.name for file in folder.iterdir()] == ["pytest.ini"]


def test_new_refuses_to_hide_what_is_installed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", "taskstore.py"]) == 2
    assert capsys.readouterr().err.startswith("taskstore.py would hide the installed module taskstore")


BROKEN = """
from conformance import Capability, Harness
from taskstore import MemoryTaskStore

class NoStep(MemoryTaskStore):
    async def create_task(self, request):
        task = await super().create_task(request)
        return task.model_copy(update={"current_step": None})

class NoCancel(MemoryTaskStore):
    async def cancel_task(self, task_id):
        return await self.get_task(task_id)

class Unopened(Harness):
    def open(self, namespace):
        raise OSError("no cable")

class Wrong(Harness):
    def open(self, namespace):
        return NoCancel()

class Stepless(Harness):
    def open(self, namespace):
        return NoStep()

class Boastful(Harness):
    capabilities = frozenset({Capability.SHARED, Capability.PERSISTENT})

    def open(self, namespace):
        return MemoryTaskStore()
"""


def test_a_quick_look_says_which_of_the_two_is_broken(folder: Path) -> None:
    (folder / "broken.py").write_text(BROKEN)
    stores = ["--store", "broken:Unopened", "--store=broken:Wrong", "--store=broken:Stepless"]
    command = [sys.executable, "-m", "conformance", "run", "--smoke", *stores]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    unopened, wrong, stepless = ran.stdout.splitlines()
    assert re.fullmatch("broken:Unopened: the harness could not open the store: .*OSError: no cable", unopened)
    assert re.fullmatch(f"broken:Wrong: the store opens, but {re.escape(WORKS)} says fail: AssertionError: .*", wrong)
    assert stepless.endswith("test_a_new_task_is_pending says fail: AssertionError: current_step is None, not ''")
    assert ran.returncode == 1


def verdicts_on(results: Results, subject: str) -> dict[str, str]:
    return {test: result.verdict for test, result in results.on(subject).items() if result.verdict != "not-run"}


def test_a_run_is_a_value_and_leaves_no_files(folder: Path) -> None:
    results = run(["memory"], ["-k", " or ".join(SMOKE), "--conformance-seed", "7"])
    assert {
        case.partition(".")[2]: verdict for case, verdict in verdicts_on(results, "memory").items()
    } == dict.fromkeys(SMOKE, "pass")
    assert results.suite.seed == 7
    left = {file.name for file in folder.iterdir()} - {".benchmarks"}  # where pytest-benchmark is, it makes that one
    assert left == {"pytest.ini"}


def test_a_run_of_nothing_raises_with_the_reason() -> None:
    with pytest.raises(SuiteDidNotRunError, match="unknown store 'postgres'"):
        run(["postgres"])


def decide(subjects: list[str], *cases: str) -> Results:
    return run(subjects, ["-k", " or ".join(case.partition(".")[2] for case in cases)])


def test_the_sqlite_store_is_atomic_and_durable_and_trusts_its_callers() -> None:
    sqlite = f"{EXAMPLES}.sqlite_store:SqliteHarness"
    results = decide([sqlite], WORKS, UPDATES, RACE, OUTLIVE, CLOSED, NO_OBJECT)
    kept = dict.fromkeys([WORKS, UPDATES, RACE, OUTLIVE, CLOSED], "pass")
    assert verdicts_on(results, sqlite) == {**kept, NO_OBJECT: "fail"}


def test_the_key_value_store_is_atomic_in_memory_only() -> None:
    pytest.importorskip("key_value.aio")
    memory, in_redis = (f"{EXAMPLES}.key_value_store:KeyValue{mode}Harness" for mode in ("Memory", "Redis"))
    cases = (WORKS, UPDATES, RACE, CLOSED, EXPIRED, UNREADABLE, NOTHING_LISTENS, READABLE)
    results = decide([memory, in_redis], *cases)
    assert verdicts_on(results, memory) == {
        **dict.fromkeys([WORKS, UPDATES, RACE], "pass"),
        CLOSED: "fail",
        EXPIRED: "not-testable",
        **dict.fromkeys([UNREADABLE, NOTHING_LISTENS, READABLE], "not-applicable"),
    }
    assert verdicts_on(results, in_redis) == {
        **dict.fromkeys([WORKS, EXPIRED, READABLE], "pass"),
        **dict.fromkeys([UPDATES, RACE, CLOSED, UNREADABLE, NOTHING_LISTENS], "fail"),
    }
