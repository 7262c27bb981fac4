"""The starting file."""

import re
from pathlib import Path

import pytest

from conformance.commands import main
from conformance.harness import Harness

BROKEN = "1 / 0\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a module of its own."""
    (tmp_path / "broken.py").write_text(BROKEN)
    monkeypatch.chdir(tmp_path)
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
    assert [file.name for file in folder.iterdir()] == ["broken.py"]
    assert (folder / "broken.py").read_text() == BROKEN
