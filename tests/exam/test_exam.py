from pathlib import Path

import lupa
import pytest

from conformance.tasks.spec.requirements import REQUIREMENTS
from tests.exam.entries import Entry, load
from tests.exam.pairs import __main__ as pairs


@pytest.mark.parametrize("entry", load().values(), ids=lambda entry: entry.name)
def test_an_entry_can_be_made(entry: Entry, tmp_path: Path) -> None:
    assert entry.requirement in {*REQUIREMENTS, ""}
    for path in entry.make(tmp_path):
        source = path.read_text("utf-8")
        if path.suffix == ".py":
            compile(source, str(path), "exec")
        else:
            lupa.LuaRuntime().compile(source)


@pytest.mark.parametrize("name", pairs.load())
def test_a_pair_can_be_made(name: str, tmp_path: Path) -> None:
    path = pairs.make(pairs.load()[name], tmp_path)

    compile(path.read_text("utf-8"), str(path), "exec")
