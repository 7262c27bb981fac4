"""The command line: what it says of wrong words, and how it ends."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

RUN = (sys.executable, "-m", "conformance", "run")
HANGING = """
import asyncio
from pathlib import Path

from conformance import Harness
from taskstore import MemoryTaskStore

class Store(MemoryTaskStore):
    async def list_tasks(self, *arguments, **named):
        Path("begun").touch()
        await asyncio.sleep(1)
        return await super().list_tasks(*arguments, **named)

class Mine(Harness):
    def open(self, namespace):
        return Store()
"""


ODD = """
import asyncio
import os
from contextlib import nullcontext

from conformance import Harness
from taskstore import MemoryTaskStore

class Text(Harness):
    capabilities = "text"

    def open(self, namespace):
        return MemoryTaskStore()

class Five(Harness):
    def open(self, namespace):
        return 5

class Nothing(Harness):
    def open(self, namespace):
        return nullcontext(5)

class Huge(Harness):
    def open(self, namespace):
        raise OSError("x" * 50_000_000)

class Silent(MemoryTaskStore):
    async def list_tasks(self, *arguments, **named):
        await asyncio.Event().wait()

class Hanging(Harness):
    def open(self, namespace):
        return Silent()
"""


TOLD = {
    "Text": "`capabilities` of odd:Text is no set of conformance.Capability",
    "Five": "`open` of the harness gave 5, no async context manager",
    "Nothing": "`open` of the harness gave 5, which has no `create_task`",
    "Huge": "`open` of the harness raised OSError: xxx",
    "Hanging": "two calls did not return",
}


@pytest.mark.usefixtures("few_plugins")
def test_a_run_on_odd_stores_ends_and_says_why(tmp_path: Path) -> None:
    (tmp_path / "odd.py").write_text(ODD)
    stores = [f"--store=odd:{name}" for name in TOLD]
    # A case of a hanging store ends after a minute, a group after two calls.
    command = [*RUN, *stores, "--depth", "smoke", "--", "-p", "no:cacheprovider", "-k", "groups or event_loop"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert [told for told in TOLD.values() if told not in ran.stdout] == []
    assert len(ran.stdout) < 20_000


@pytest.mark.usefixtures("few_plugins")
@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (("run", "--store", "gone:Store"), 2, "gone:Store ends the process"),
        (("run", "--store", "nosuch"), 2, "'nosuch'"),
        (("run", "--known", "nosuch.toml"), 2, "nosuch.toml"),
        (("run", "--", "--nosuch"), 2, "--nosuch"),
        (("compare", "gone:Store", "memory"), 2, "gone:Store"),
        (("measure", "--store", "gone:Store"), 2, "gone:Store"),
        (("compare", "memory", "memory", "--full"), 2, "are for one store"),
        (("run", "--stor", "memory"), 2, "unrecognized arguments: --stor"),
        (("run", "--store", "memory", "--json", "/dev/full", "--", "-k", "test_races"), 3, ""),
        (("run", "--scripts", "/dev/null/x"), 2, "/dev/null/x: cannot be made: Not a directory"),
        (("run", "--store=documented-memory", "--write-known=/dev/full", "--", "-k", "test_races"), 3, ""),
    ],
)
def test_a_command_that_cannot_work_says_so(arguments: tuple[str, ...], status: int, told: str, tmp_path: Path) -> None:
    (tmp_path / "gone.py").write_text("import os\n\nos._exit(0)\n")
    command = [sys.executable, "-m", "conformance", *arguments]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == status
    assert told in ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.usefixtures("few_plugins")
@pytest.mark.parametrize("workers", [(), ("-n2",)])
def test_an_interrupted_run_ends_at_once_with_all_that_it_started(workers: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "hanging.py").write_text(HANGING)
    command = [*RUN, "--store", "hanging:Mine", "--store", "embedded", "--", "-p", "no:cacheprovider", *workers]
    with subprocess.Popen(
        command, cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        while not (tmp_path / "begun").exists():
            assert process.poll() is None
            time.sleep(0.05)
        interrupted = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
        assert time.monotonic() - interrupted < 5
        said = process.stdout.read() if process.stdout else ""  # it ends when nobody holds the other end
    assert "never awaited" not in said
    assert "was destroyed" not in said
    assert said.endswith("interrupted\n")
