"""The command `conformance compare`: what it says of wrong words and stores that break it, and what it writes."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from math import inf
from pathlib import Path
from typing import Any

import pytest

from conformance.backends.servers import wait_until
from conformance.commands import main
from conformance.commands.scripts import read_scripts
from conformance.compare import Operation
from conformance.compare.scripts import from_data
from conformance.engine.scenario import Scenario
from conformance.harness import Harness
from tests.shelves import SHELF, Harnessed, Listing, Losing, Miscounting, Shelf
from tests.test_servers import is_running

HERE = __name__
ENVIRONMENT = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}


class Dying(Shelf):
    def count(self) -> int:
        if self.boxes:
            os.kill(os.getpid(), signal.SIGKILL)
        return 0


class Looping(Shelf):
    def count(self) -> int:
        while self.boxes:
            try:
                asyncio.run(asyncio.sleep(1))
            except BaseException:  # noqa: BLE001, S112  as hard as can be
                continue
        return 0


class Stuck(Harnessed):
    """A store that is never closed."""

    def __init__(self) -> None:
        super().__init__(Shelf)

    @asynccontextmanager
    async def open(self, namespace: str) -> AsyncIterator[Any]:
        yield Shelf()
        await asyncio.sleep(inf)


class Unclosable(Harnessed):
    """Its loops cannot be closed, as with a library that patches them."""

    def __init__(self) -> None:
        super().__init__(Miscounting)

    @asynccontextmanager
    async def open(self, namespace: str) -> AsyncIterator[Any]:
        def close() -> None:
            raise RecursionError("loop.close, patched by a library")

        asyncio.get_running_loop().close = close  # type: ignore[method-assign]
        yield Miscounting()


STORES = Shelf, Miscounting, Listing, Losing, Dying, Looping
right, miscounting, listing, losing, dying, looping = (partial(Harnessed, one) for one in STORES)


def unopenable() -> Harness:
    def fail() -> None:
        raise OSError("unopenable")

    return Harnessed(fail)


empty = partial(Harnessed, Shelf, [])
misnamed = partial(Harnessed, Shelf, [Operation("put", "add")])
misspelt = partial(Harnessed, Shelf, [Operation("put", "putt"), *SHELF[1:]])
texted = partial(Harnessed, Shelf, ["put"])
storeless = partial(Harnessed, lambda: None)
MISTYPED = replace(SHELF[1], ids=("box_ids",), ignored={"tag": "random"})
mistyped = partial(Harnessed, Shelf, [SHELF[0], MISTYPED, *SHELF[2:]])


class Crashing(Harnessed):
    def __init__(self) -> None:
        super().__init__(Shelf)

    def discard(self, namespace: str) -> None:
        if len(self._opened) > 3:
            raise ZeroDivisionError("harness")


@pytest.mark.parametrize(
    ("one", "other", "status", "told"),
    [
        ("right", "nonsense", 2, "'nonsense'"),
        ("right", "empty", 2, "operations() is empty"),
        ("right", "misnamed", 2, "misnamed names ['put']"),
        ("right", "misspelt", 2, "put: Shelf has no method putt"),
        ("right", "texted", 2, "texted: operations() gives 'put', which is no Operation"),
        ("right", "storeless", 2, "storeless: `open` gives None, and no store"),
        ("mistyped", "mistyped", 2, "look: no result has a field 'box_ids', 'tag'"),
        ("right", "unopenable", 7, "`open` of the harness raised OSError: unopenable"),
        ("right", "Crashing", 7, "`discard` of the harness raised ZeroDivisionError: harness"),
    ],
)
def test_what_keeps_it_from_comparing_is_one_line_with_a_status(
    one: str, other: str, status: int, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", f"{HERE}:{one}", f"{HERE}:{other}"]) == status
    err = capsys.readouterr().err
    assert told in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ("dying", "the process ended (status -9) in dying: store.count()"),
        ("looping", "looping: store.count() did not return within 1 s"),
        ("Stuck", "Stuck: closing the store that `open` gave did not return within 1 s"),
    ],
)
def test_what_ends_or_blocks_the_process_is_reported_with_what_was_done_last(
    other: str, told: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("conformance.compare.play.CALL_SECONDS", 1)
    monkeypatch.setattr("conformance.process.LIMIT", 5)  # of the races
    monkeypatch.setattr("conformance.process._END_SECONDS", 1)

    assert main(["compare", f"{HERE}:right", f"{HERE}:{other}"]) == 8
    assert told in capsys.readouterr().out


def test_the_report_does_not_depend_on_a_loop_that_can_be_closed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", f"{HERE}:right", f"{HERE}:Unclosable"]) == 1
    assert "count has another value" in capsys.readouterr().out


def test_the_search_ends_with_the_command(tmp_path: Path) -> None:
    file = tmp_path / "waiting.py"
    file.write_text(WAITING)
    command = [sys.executable, "-m", "conformance", "compare", "waiting:Waiting", "waiting:Waiting"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        child = tmp_path / "child"
        wait_until(child.exists, "no store was opened")
        process.kill()
        process.wait()

    wait_until((tmp_path / "stopped").exists, "the server was not stopped")
    wait_until(lambda: not is_running(int(child.read_text())), "the search goes on")


WAITING = """
import asyncio, os
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from conformance import Harness
from conformance.compare import Operation

class Waiting(Harness):
    @contextmanager
    def running(self):
        try:
            yield
        finally:
            Path("stopped").touch()

    def operations(self):
        return [Operation("wait", lambda store: asyncio.sleep(60))]

    @asynccontextmanager
    async def open(self, namespace):
        Path("pid").write_text(str(os.getpid()))
        Path("pid").rename("child")
        yield self
"""


def test_known_lines_are_accepted_and_hide_nothing_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    known = tmp_path / "known.toml"
    command = ["compare", f"{HERE}:right"]
    report = tmp_path / "report.json"
    write = ["--write-known", str(known), "--json", str(report)]
    assert main([*command, f"{HERE}:listing", "--known", str(known), *write]) == 1
    found, *_ = json.loads(report.read_text())["findings"]
    assert (found["kind"], found["shows"]) == ("type", ["put(label: integer + list) > look['label']: list / tuple"])
    assert main([*command, f"{HERE}:listing", "--known", str(known)]) == 2
    assert "needs a reason" in capsys.readouterr().err

    known.write_text(known.read_text().replace("TODO: say why", "it keeps tuples"))
    assert main([*command, f"{HERE}:listing", "--known", str(known)]) == 0
    out = capsys.readouterr().out
    assert "known: it keeps tuples" in out
    assert "await" not in out
    assert main([*command, f"{HERE}:losing", "--known", str(known)]) == 1
    assert main([*command, f"{HERE}:right", "--known", str(known)]) == 6
    assert "known: put, type no longer shows" in capsys.readouterr().out


COUNTING = [*SHELF[:-1], replace(SHELF[-1], call=lambda store: store.count())]
counting, counting_wrong = (partial(Harnessed, one, COUNTING) for one in STORES[:2])


@pytest.mark.parametrize(
    ("one", "other", "printed"),
    [
        ("right", "miscounting", ["3", "2"]),
        ("counting", "counting_wrong", [f"    # {HERE}:counting: 3", f"    # {HERE}:counting_wrong: 2"]),
    ],
)
def test_scripts_are_written_run_alone_and_are_played_first(
    one: str, other: str, printed: list[str], tmp_path: Path
) -> None:
    options = [f"{HERE}:{one}", f"{HERE}:{other}", "--write-scripts", str(tmp_path), "--all"]
    assert main(["compare", *options]) == 1
    (program,) = tmp_path.glob("*.py")

    ran = subprocess.run([sys.executable, program], env=ENVIRONMENT, capture_output=True, text=True, check=True)

    assert ran.stdout.splitlines()[-2:] == printed
    (steps,) = read_scripts(tmp_path)
    assert [call.operation for call in Scenario(steps).calls] == ["put", "put", "put", "count"]
    with pytest.raises(KeyError, match="count"):
        from_data(steps[-1:], {})
    assert main(["compare", *options]) == 1


def test_a_reader_of_the_output_may_leave_before_its_end() -> None:
    command = [sys.executable, "-m", "conformance", "compare", f"{HERE}:right", f"{HERE}:losing"]
    with subprocess.Popen(
        command, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr
        assert process.stderr.read() == ""
        assert process.wait(20) == 141
