from pathlib import Path

import lupa
import pytest

from conformance.tasks.spec.requirements import REQUIREMENTS
from tests.exam.entries import Entry, load


@pytest.mark.parametrize("entry", load().values(), ids=lambda entry: entry.name)
def test_an_entry_can_be_made(entry: Entry, tmp_path: Path) -> None:
    assert entry.requirement in {*REQUIREMENTS, ""}
    for path in entry.make(tmp_path):
        source = path.read_text("utf-8")
        if path.suffix == ".py":
            compile(source, str(path), "exec")
        else:
            lupa.LuaRuntime().compile(source)
