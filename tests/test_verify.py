"""The command: what it prints, what it leaves, and how it ends."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from conformance.processes import process_pool
from conformance.verify.document import Verification

pytestmark = pytest.mark.once

WRONG = """
from conformance import Harness
from taskstore import MemoryTaskStore

class Miscounting(MemoryTaskStore):
    async def list_tasks(self, *arguments, **named):
        page = await super().list_tasks(*arguments, **named)
        return page.model_copy(update={"total": page.total + 1}) if page.total else page

class Mine(Harness):
    def open(self, namespace):
        return Miscounting()
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
    assert "await store1.list_tasks(" in ran.stdout
    file = f"verify-failures/{part}-1.json"
    command = next(line for line in ran.stdout.splitlines() if line.startswith("again: ") and line.endswith(file))
    assert command == f"again: conformance verify --store wrong:Mine --replay {file}"
    again = verify(tmp_path, *command.split()[3:])
    assert again.returncode == 1, again.stderr
    assert "; expected a page of " in again.stdout
    right = verify(tmp_path, "--store", "memory", "--replay", file)
    assert (right.returncode, right.stdout) == (0, "nothing differs now\n")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--store", "postgres"), "unknown store 'postgres'"),
        (("--full", "--quick"), "not allowed with"),
        (("--replay", "none.json"), "none.json: No such file"),
        (("--store", "redis://:a@localhost", "--store", "redis://:b@localhost"), "two stores have the same name"),
    ],
)
def test_wrong_usage_is_told(tmp_path: Path, arguments: tuple[str, ...], told: str) -> None:
    ran = verify(tmp_path, *arguments)
    assert ran.returncode == 2
    assert told in ran.stderr


BROKEN = """
from conformance import Harness
from taskstore import MemoryTaskStore

class Queued(MemoryTaskStore):
    async def create_task(self, *arguments, **named):
        task = await super().create_task(*arguments, **named)
        return task.model_copy(update={"current_step": "queued"})

class Unhashable(MemoryTaskStore):
    async def update_task_status(self, *arguments, **named):
        task = await super().update_task_status(*arguments, **named)
        return task.model_copy(update={"progress": [1], "current_step": {"a": 1}})

class Leaving(MemoryTaskStore):
    async def cancel_task(self, *arguments, **named):
        if len(self.calls) > 50:
            raise SystemExit(0)
        self.calls.append(1)
        return await super().cancel_task(*arguments, **named)

def harness(kind):
    class Mine(Harness):
        def open(self, namespace):
            store = kind()
            store.calls = calls
            return store
    return Mine

calls = []
QueuedHarness, UnhashableHarness, LeavingHarness = map(harness, (Queued, Unhashable, Leaving))
"""


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    (tmp_path / "broken.py").write_text(BROKEN)
    return tmp_path


def test_a_default_that_differs_is_said_at_once(broken: Path) -> None:
    ran = verify(broken, "--store", "broken:QueuedHarness", "--json", "v.json")
    assert ran.returncode == 1, ran.stderr
    assert "plain calls: LIFE-01, VAL-09 on broken:QueuedHarness: create_task gave current_step='queued'" in ran.stdout
    assert "Nearly every sequence does the same." in ran.stdout
    assert "done" not in ran.stderr
    told = Verification.model_validate_json((broken / "v.json").read_bytes())
    assert told.plain
    assert told.search is None


def test_a_part_that_ends_early_loses_no_other(broken: Path) -> None:
    names = ("--store", "memory", "--store", "broken:LeavingHarness")
    ran = verify(broken, *names, "--part", "histories", "--json", "v.json")
    assert ran.returncode == 3, ran.stderr
    assert "histories on broken:LeavingHarness ended early: SystemExit: 0\n" in ran.stdout
    told = Verification.model_validate_json((broken / "v.json").read_bytes())
    assert [crash.subjects for crash in told.crashes] == [("broken:LeavingHarness",)]
    assert told.histories is not None
    assert told.histories.subjects["memory"].explained > 0


def test_a_value_that_cannot_be_hashed_is_a_difference(broken: Path) -> None:
    ran = verify(broken, "--store", "broken:UnhashableHarness", "--part", "walk", "--seed", "1")
    assert ran.returncode == 1, ran.stderr
    assert "ended early" not in ran.stdout
    assert "gave progress=[1], current_step={'a': 1}; expected" in ran.stdout


def test_a_password_is_not_shown(tmp_path: Path) -> None:
    url = "redis://:secret@127.0.0.1:1/0"
    ran = verify(tmp_path, "--store", url, "--part", "walk", "--json", "v.json")
    assert ran.returncode == 3, ran.stderr
    assert "walk on redis://127.0.0.1:1/0 ended early: ServerError: no answer from the named server" in ran.stdout
    assert "secret" not in ran.stdout + ran.stderr + (tmp_path / "v.json").read_text()


def test_failures_that_cannot_be_written_are_shown(tmp_path: Path) -> None:
    (tmp_path / "wrong.py").write_text(WRONG)
    (tmp_path / "taken").write_text("")
    ran = verify(tmp_path, "--store", "wrong:Mine", "--part", "walk", "--failures", "taken")
    assert ran.returncode == 1, ran.stderr
    assert "await store1.list_tasks(" in ran.stdout
    assert "it cannot be played again: taken/walk-1.json: cannot be written: " in ran.stdout


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="there is no /proc")
@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("is_terminal", [True, False])
def test_an_interrupted_run_ends_at_once_and_leaves_nothing(tmp_path: Path, is_terminal: bool) -> None:
    command = [sys.executable, "-m", "conformance", "verify", "--full", "--store", "memory", "--store", "fakeredis"]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as running:
        while len(children_of(running.pid)) < 3:  # the resource tracker, and two that do the parts
            assert running.poll() is None
            time.sleep(0.01)
        begun = time.monotonic()
        (os.killpg if is_terminal else os.kill)(running.pid, signal.SIGINT)  # a terminal sends it to all
        out, err = running.communicate(timeout=60)  # its children have the same pipes: they are gone too
    assert (running.returncode, out, err) == (130, "", "interrupted\n")
    assert time.monotonic() - begun < 30


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="there is no /proc")
def test_only_the_main_thread_takes_an_interruption() -> None:
    """It waits for the processes: an interruption that another thread takes does not end this wait."""
    before = set(Path("/proc/self/task").iterdir())
    with process_pool(1) as pool:
        pool.submit(os.getpid).result()
        started = set(Path("/proc/self/task").iterdir()) - before
        blocked = [int(re.findall(r"SigBlk:\s*(\w+)", (one / "status").read_text())[0], 16) for one in started]
    assert blocked
    assert all(mask & 1 << signal.SIGINT - 1 for mask in blocked)


def children_of(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
