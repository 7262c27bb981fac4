"""What every command says about a file that it cannot use: one line, naming the file, and exit status 2."""

import importlib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.report_inputs import GIVEN, conformance, requirement, write_inputs

DEEP = 100_000

COMMANDS: dict[str, tuple[str, list[str]]] = {
    "diff": ("conformance.commands", ["diff", "FILE"]),
    "compare --known": ("conformance.commands", ["compare", "memory", "memory", "--known", "FILE"]),
    "reports --conformance": ("reports.__main__", ["--conformance", "FILE"]),
    **{f"reports --{name}": ("reports.__main__", [*GIVEN, f"--{name}", "FILE"]) for name in ("benchmark", "studies")},
    "reports --from-json": ("reports.__main__", ["--from-json", "FILE"]),
}
CONTENTS: dict[str, bytes] = {
    "empty": b"",
    "list": b"[]",
    "object": b"{}",
    "truncated": b'{"schema": "taskstore-report/1", "cases": {"a": [',
    "no UTF-8": b'{"schema": "\xff"}',
    "lone surrogate": b'{"schema": "\\ud800", "part": "\\ud800"}',
    "deep lists": b"[" * DEEP,
    "deep TOML": b"known = " + b"[" * DEEP + b"]" * DEEP,
    "huge integer": b'{"seconds": ' + b"9" * 5_000 + b"}",
    "line breaks in a key": b'{"a\\nb": {"c\\nd": 1}}',
    "TOML of another form": b"known = 7\n",
}

GOOD = {("compare --known", content) for content in ("empty", "missing")}
"""An empty list of known differences is one, and a file that is not there yet is an empty list."""


def unusable(name: str, folder: Path) -> Path:
    """A file that no command can use."""
    file = folder / "damaged.json"
    if name == "directory":
        file.mkdir()
    elif name != "missing":
        file.write_bytes(CONTENTS[name])
    return file


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Path], int]:
    """Run a command on a file, in a folder that has the files that a report needs besides."""
    monkeypatch.chdir(tmp_path)
    write_inputs(conformance(requirement("A-1", "pass")))

    def run(command: str, file: Path) -> int:
        module, words = COMMANDS[command]
        main: Callable[[list[str]], int] = importlib.import_module(module).main
        return main([str(file) if word == "FILE" else word for word in words])

    return run


@pytest.mark.parametrize("content", [*CONTENTS, "missing", "directory"])
@pytest.mark.parametrize("command", COMMANDS)
def test_a_file_that_cannot_be_used_gives_one_line_and_status_2(
    command: str, content: str, run: Callable[[str, Path], int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = unusable("TOML of another form" if (command, content) in GOOD else content, tmp_path)
    before = {path.name for path in tmp_path.iterdir()}
    assert run(command, file) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1), err
    assert err.startswith(f"{file}: ")
    assert len(err) < len(str(file)) + 500
    assert {path.name for path in tmp_path.iterdir()} == before
