"""The starting file, and the suite as a function."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

from conformance.commands import main
from conformance.harness import Harness
from conformance.suite import SuiteDidNotRunError, run

pytestmark = pytest.mark.usefixtures("few_plugins")

WORKS = "examples.test_a_task_can_be_created_read_listed_updated_and_cancelled"

BROKEN = "1 / 0\n"


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
