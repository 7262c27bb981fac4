"""The command: what it prints, what it leaves, and how it ends."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.once

WRONG = """
from conformance import Harness
from taskstore import MemoryTaskStore

class Forgetful(MemoryTaskStore):
    async def update_task_status(self, *arguments, **named):
        task = await super().update_task_status(*arguments, **named)
        return task.model_copy(update={"progress": 0.0})

class Mine(Harness):
    def open(self, namespace):
        return Forgetful()
"""


def verify(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "conformance", "verify", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_right_subjects_pass_and_the_counts_are_written(tmp_path: Path) -> None:
    chosen = (
        "--store",
        "memory",
        "--store",
        "memory-expiring",
        "--part",
        "search",
        "--part",
        "walk",
        "--part",
        "histories",
    )
    ran = verify(tmp_path, *chosen, "--json", "deep/verification.json")
    assert ran.returncode == 0, ran.stderr
    assert "search: 150 scenes" in ran.stdout
    told = json.loads((tmp_path / "deep" / "verification.json").read_text())
    assert told["schema"] == "conformance-verification/1"
    assert told["search"]["passed"]
    assert told["search"]["scenes"] == 150
    assert told["walk"]["chosen"] == told["walk"]["played"] > 100
    assert told["histories"]["subjects"].keys() == {"memory", "memory-expiring"}
    assert "faults" not in told
    assert sorted(path.name for path in tmp_path.iterdir()) == ["deep"]


@pytest.mark.parametrize("part", ["search", "walk"])
def test_what_is_found_is_left_as_a_file_that_plays_it_again(tmp_path: Path, part: str) -> None:
    (tmp_path / "wrong.py").write_text(WRONG)
    ran = verify(tmp_path, "--store", "wrong:Mine", "--part", part, "--seed", "1")
    assert ran.returncode == 1, ran.stderr
    assert "await store1.update_task_status" in ran.stdout
    file = next((tmp_path / "verify-failures").glob(f"{part}-1.json"))
    again = verify(tmp_path, "--store", "wrong:Mine", "--replay", str(file))
    assert again.returncode == 1, again.stderr
    assert "; expected progress=" in again.stdout
    right = verify(tmp_path, "--store", "memory", "--replay", str(file))
    assert (right.returncode, right.stdout) == (0, "nothing differs now\n")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--store", "postgres"), "unknown store 'postgres'"),
        (("--full", "--quick"), "not allowed with"),
        (("--replay", "none.json"), "none.json cannot be played again"),
    ],
)
def test_wrong_usage_is_told(tmp_path: Path, arguments: tuple[str, ...], told: str) -> None:
    ran = verify(tmp_path, *arguments)
    assert ran.returncode == 2
    assert told in ran.stderr
