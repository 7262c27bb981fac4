import pytest

from tests.exam.entries import Entry, load


@pytest.mark.parametrize("entry", load().values(), ids=lambda entry: entry.name)
def test_an_entry_can_be_made(entry: Entry, tmp_path):
    for path in entry.make(tmp_path):
        if path.suffix == ".py":
            compile(path.read_text("utf-8"), str(path), "exec")
