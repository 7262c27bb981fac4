"""The starting file, the suite as a function, and the examples."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

from conformance.commands import main
from conformance.harness import Harness
from conformance.results.document import Results
from conformance.suite import SuiteDidNotRunError, run

pytestmark = pytest.mark.usefixtures("few_plugins")

EXAMPLES = "conformance.examples"
WORKS = "examples.test_a_task_can_be_created_read_listed_updated_and_cancelled"
SMOKE = ["--conformance-depth=smoke"]


BROKEN = """
from conformance import Harness
from taskstore import MemoryTaskStore

class NoCancel(MemoryTaskStore):
    async def cancel_task(self, task_id):
        return await self.get_task(task_id)

class Unopened(Harness):
    def open(self, namespace):
        raise OSError("no cable")

class Wrong(Harness):
    def open(self, namespace):
        return NoCancel()
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose settings would collect nothing of ours, and turn warnings into errors."""
    (tmp_path / "pytest.ini").write_text("[pytest]\npython_files = check_*.py\nfilterwarnings = error\n")
    (tmp_path / "broken.py").write_text(BROKEN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)  # `python` is this one
    return tmp_path


def test_every_hook_is_in_the_starting_file(folder: Path) -> None:
    assert main(["new", "mystore.py"]) == 0
    start = (folder / "mystore.py").read_text()
    named = {*re.findall(r"^    # (?:(?:async )?def )?(\w+)(?:\(self| = )", start, re.MULTILINE)}
    assert named == {name for name in vars(Harness) if not name.startswith("_")} - {"open", "capabilities"}


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("broken.py", "was not written: File exists"),
        ("mystore", "cannot be imported"),
        ("../mystore.py", "cannot be imported"),
        ("taskstore.py", "would hide the installed module taskstore"),
    ],
)
def test_new_refuses(name: str, told: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", name]) == 2
    assert told in capsys.readouterr().err
    assert {file.name for file in folder.iterdir()} == {"pytest.ini", "broken.py"}
    assert (folder / "broken.py").read_text() == BROKEN


def test_a_run_is_a_value_and_leaves_no_files(folder: Path) -> None:
    results = run(["memory"], ["-k", "examples", "--conformance-seed", "7"])
    ran = {test: one.verdict for test, one in results.on("memory").items() if one.verdict != "not-run"}
    assert WORKS in ran
    assert {*ran.values()} == {"pass"}
    assert results.suite.seed == 7
    left = {file.name for file in folder.iterdir()} - {".benchmarks"}  # where pytest-benchmark is, it makes that one
    assert left == {"pytest.ini", "broken.py"}


def test_a_run_of_nothing_raises_with_the_reason() -> None:
    with pytest.raises(SuiteDidNotRunError, match="unknown store 'postgres'"):
        run(["postgres"])


def failed(results: Results, backend: str) -> set[str]:
    """The requirements that a store breaks."""
    on = results.on(backend).values()
    assert [one.reason for one in on if one.verdict == "harness-error"] == []
    return {number for one in on if one.verdict == "fail" for number in one.requirements}


@pytest.mark.slow
def test_the_sqlite_store_is_atomic_and_durable_and_trusts_its_callers() -> None:
    sqlite = f"{EXAMPLES}.sqlite_store:SqliteHarness"
    broken = failed(run([sqlite], [*SMOKE, "-k", "test_arguments or test_places or sharing"]), sqlite)
    assert "VAL-05" in broken
    assert not broken & {"API-02", "API-03", "ATOM-02", "DUR-01"}
