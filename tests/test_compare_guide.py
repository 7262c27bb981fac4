"""docs/compare.md, in both languages, followed word for word."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from conformance.commands.compare import EPILOG
from conformance.compare.operations.check import operations_of

DOCS = Path(__file__).parents[1] / "docs"
GUIDES = [DOCS / "compare.md", DOCS / "compare.zh-CN.md"]


def blocks(guide: Path, language: str) -> list[str]:
    fenced = re.findall(r"^```(\w*)\n(.*?)^```$", guide.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    return [text for marked, text in fenced if marked == language]


@pytest.mark.once
def test_the_guide_leads_from_nothing_to_what_it_shows(tmp_path: Path) -> None:
    commands, shown, known, test = (blocks(GUIDES[0], language)[-1] for language in ("sh", "", "toml", "python"))
    install, *others = commands.splitlines()
    assert install == 'pip install ".[conformance]"'
    for command in others:
        program, *arguments = command.split()
        assert program == "conformance"
        ended = subprocess.run(
            [sys.executable, "-m", "conformance", *arguments], cwd=tmp_path, capture_output=True, check=False
        )
    assert ended.returncode == 1
    title, *script = shown.splitlines()
    out = ended.stdout.decode()
    assert title in out
    assert "    value1['changed by the caller'] = True" in script  # the search may come to another value to begin with
    assert "changed by the caller" in out.partition(title)[2]

    (tmp_path / "known.toml").write_text(known)
    (tmp_path / "test_modes.py").write_text(test.replace("known.toml", str(tmp_path / "known.toml")))
    collected = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    assert [line.rpartition("[")[2] for line in collected.splitlines()[:4]] == ["set]", "get]", "delete]", "coverage]"]


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.name)
def test_the_operations_of_the_guide_can_be_used(guide: Path) -> None:
    class Shelf:
        def add(self, label: str) -> Any: ...
        def find(self, id: str) -> Any: ...  # noqa: A002  the guide's name
        def rename(self, id: str, label: str) -> Any: ...  # noqa: A002
        def rows(self) -> Any: ...

    scope: dict[str, Any] = {"Shelf": Shelf}
    exec(next(block for block in blocks(guide, "python") if "OPERATIONS" in block), scope)  # noqa: S102

    class Harness:
        def operations(self) -> Any:
            return scope["OPERATIONS"]

    assert [*operations_of(Harness(), "A", is_task_store=False)] == ["add", "find", "rename", "rows"]


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.name)
def test_the_guide_has_the_exit_statuses_of_the_command(guide: Path) -> None:
    statuses = re.findall(r"^  (\d+)  ?", EPILOG, re.MULTILINE)

    assert re.findall(r"^\| (\d+) \|", guide.read_text("utf-8"), re.MULTILINE) == statuses


def test_both_languages_show_the_same_code() -> None:
    one, other = (re.findall(r"^```.*?^```$", guide.read_text("utf-8"), re.DOTALL | re.MULTILINE) for guide in GUIDES)

    assert one == other
