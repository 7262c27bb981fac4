"""`conformance.parity` in a suite of one's own, the profiles, and the files that `conformance new --compare` writes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from conformance.commands import main
from conformance.compare.document import Report

PLAIN = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error")


def new(folder: Path, profile: str) -> None:
    assert main(["new", "mystores.py", "--compare", profile]) == 0
    assert (folder / "mystores.py").exists()


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*PLAIN, *arguments], cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.once
@pytest.mark.parametrize(
    ("profile", "expected"),
    [
        ("key-value", {("set", "aliasing"), ("get", "aliasing"), ("set", "type"), ("set", "exception")}),
        ("tasks", {("submit", "aliasing"), ("finish", "type"), ("submit", "exception"), ("submit", "value")}),
    ],
)
def test_a_new_file_runs_at_once_and_finds_what_json_does(
    profile: str, expected: set[tuple[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    new(tmp_path, profile)
    command = [sys.executable, "-m", "conformance", "compare", "mystores:MemoryMode", "mystores:RedisMode"]

    ended = subprocess.run([*command, "--json", "report.json"], capture_output=True, check=False)

    assert ended.returncode == 1
    report = Report.model_validate_json(Path("report.json").read_bytes())
    assert {(one.operation, one.kind) for one in report.findings} >= expected
    assert report.not_exercised == ()


PARITY = """
import sys

def test_first():
    assert "taskstore" not in sys.modules

import conformance
from mystores import MemoryMode, RedisMode

test_parity = conformance.parity(MemoryMode, {other}, known={known})

def test_last():
    assert "taskstore" not in sys.modules
"""


@pytest.mark.once
@pytest.mark.usefixtures("few_plugins")
@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_a_parity_test_fails_where_something_was_found(
    workers: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    new(tmp_path, "key-value")
    Path("test_modes.py").write_text(PARITY.format(other="RedisMode", known=None))

    out = run(tmp_path, *workers).stdout

    assert "FAILED test_modes.py::test_parity[set]" in out
    assert "get is of another type" in out
    assert "await store.set('k', " in out
    assert "2 failed, 4 passed" in out
    assert '[[known]]\noperation = "set"\nargument = "value"\nkind = "type"\n' in out
    assert "FAILED test_modes.py::test_parity[delete]" not in out
    assert "FAILED test_modes.py::test_parity[coverage]" not in out


ASYNCHRONOUS = """
import pytest

pytest.importorskip("anyio")

@pytest.fixture
def anyio_backend():
    return "asyncio"

@pytest.mark.anyio
async def test_async():
    pass
"""


@pytest.mark.once
def test_a_parity_test_of_stores_that_are_alike_passes_beside_asynchronous_tests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    new(tmp_path, "key-value")
    Path("test_modes.py").write_text(PARITY.format(other="MemoryMode", known=None) + ASYNCHRONOUS)
    assert "7 passed" in run(tmp_path).stdout

    Path("known.toml").write_text('[[known]]\noperation = "set"\nreason = "was so once"\n')
    Path("test_modes.py").write_text(PARITY.format(other="MemoryMode", known='"known.toml"'))
    out = run(tmp_path).stdout
    assert "1 failed, 5 passed" in out
    assert "not exercised" not in out
    assert "did not occur (remove them from the file):\noperation set\n" in out


@pytest.mark.once
@pytest.mark.usefixtures("few_plugins")
def test_known_differences_that_compare_writes_serve_parity_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    new(tmp_path, "key-value")
    command = [sys.executable, "-m", "conformance", "compare", "mystores:MemoryMode", "mystores:RedisMode"]
    subprocess.run([*command, "--write-known", "known.toml"], capture_output=True, check=False)
    known = Path("known.toml")
    known.write_text(known.read_text().replace('reason = ""', 'reason = "so it is"'))
    Path("test_modes.py").write_text(PARITY.format(other="RedisMode", known='"known.toml"'))

    assert "6 passed" in run(tmp_path).stdout
