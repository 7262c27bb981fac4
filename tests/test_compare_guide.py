"""docs/compare.md, in both languages, followed word for word, `conformance.parity` among it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from conformance.commands.compare import EPILOG
from conformance.compare.checks import operations_of

DOCS = Path(__file__).parents[1] / "docs"
GUIDES = [DOCS / "compare.md", DOCS / "compare.zh-CN.md"]


def blocks(guide: Path, language: str) -> list[str]:
    fenced = re.findall(r"^```(\w*)\n(.*?)^```$", guide.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    return [text for marked, text in fenced if marked == language]


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *command], cwd=folder, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.once
@pytest.mark.usefixtures("few_plugins")
def test_the_guide_leads_from_nothing_to_a_test_that_passes(tmp_path: Path) -> None:
    commands, shown, known, test = (blocks(GUIDES[0], language)[-1] for language in ("sh", "", "toml", "python"))
    install, *others = commands.splitlines()
    assert install == 'pip install ".[conformance-redis]"'
    for command in others:
        program, *arguments = command.split()
        assert program == "conformance"
        ended = run(tmp_path, "conformance", *arguments)
    assert ended.returncode == 1
    assert ended.stdout.startswith(shown)
    assert len((tmp_path / "mystores.py").read_text().splitlines()) <= 40

    (tmp_path / "test_modes.py").write_text(test)
    parity = ("pytest", "-q", "-p", "no:cacheprovider", "-W", "error", "-n", "0")
    out = run(tmp_path, *parity).stdout
    assert "FAILED test_modes.py::test_parity[put]" in out
    assert known.replace("JSON has no tuples", "TODO") in out
    assert "1 failed, 2 passed" in out

    (tmp_path / "known.toml").write_text(known)
    assert "3 passed" in run(tmp_path, *parity).stdout

    (tmp_path / "test_modes.py").write_text(test.replace("MemoryMode, RedisMode, k", "MemoryMode, MemoryMode, k"))
    out = run(tmp_path, *parity).stdout
    assert "1 failed, 2 passed" in out
    assert "put, type no longer shows" in out


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.name)
def test_the_operations_and_exit_statuses_of_the_guide_are_those_of_the_command(guide: Path) -> None:
    scope: dict[str, Any] = {}
    exec(next(block for block in blocks(guide, "python") if "OPERATIONS" in block), scope)  # noqa: S102

    class Harness:
        def operations(self) -> Any:
            return scope["OPERATIONS"]

    assert [*operations_of(Harness(), "A")] == ["add", "find", "rename", "rows"]
    statuses = re.findall(r"^  (\d+)  ?", EPILOG, re.MULTILINE)
    assert re.findall(r"^\| (\d+) \|", guide.read_text("utf-8"), re.MULTILINE) == statuses


def test_both_languages_show_the_same_code() -> None:
    one, other = (re.findall(r"^```.*?^```$", guide.read_text("utf-8"), re.DOTALL | re.MULTILINE) for guide in GUIDES)

    assert one == other
