"""What a backend does not declare is not asked of it."""

from pathlib import Path

import pytest

from conformance.commands import main
from conformance.results.document import read

FIVE = """
from conformance.backends.memory import MemoryHarness
from taskstore import MemoryTaskStore


class FiveOperations:
    def __init__(self, store):
        self._store = store
        self.create_task, self.get_task = store.create_task, store.get_task
        self.update_task_status, self.cancel_task = store.update_task_status, store.cancel_task

    async def __aenter__(self):
        return self

    async def __aexit__(self, *raised):
        await self._store.aclose()

    async def list_tasks(self, status=None, limit=50, offset=0):
        return (await self._store.list_tasks(status, limit, offset)).model_copy(update={"next": None})


class Five(MemoryHarness):
    mode = opener = ""
    capabilities = frozenset()

    def open(self, namespace):
        return FiveOperations(MemoryTaskStore(clock=self._clock(namespace)))
"""


@pytest.mark.usefixtures("few_plugins")
def test_a_store_of_five_operations_is_green(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "five.py").write_text(FIVE)
    monkeypatch.chdir(tmp_path)
    assert main(["run", "--store=five:Five", "--level=SHOULD", "--json=results.json"]) == 0
    results = read(Path("results.json"))
    by_requirement = {number: one.verdict for one in results.results for number in one.requirements}
    assert set(by_requirement.values()) == {"pass", "not-applicable"}
    undeclared = ("MAINT-01", "MAINT-02", "LIST-12", "LIST-13", "ID-06")
    assert {by_requirement[number] for number in undeclared} == {"not-applicable"}
    (untried,) = [one.reason for one in results.results if one.test == "requirement_FAIL-01"]
    assert "remote" in untried
