"""What the suite gives to the hooks of a harness, how long it waits for a store, and what it says of a wrong one."""

from __future__ import annotations

import asyncio
import re
import time
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from conformance.case import Namespace, in_a_namespace
from conformance.cases import find_cases
from conformance.cases.table.bench import ends
from conformance.cases.table.seen import check_hidden
from conformance.engine.arguments import as_task
from conformance.mutants.trial import run as run_case
from conformance.subjects.memory import MemoryHarness
from conformance.subjects.redis import RedisHarness
from conformance.subjects.servers import EmbeddedServer
from conformance.verify.faults.operations import OPERATIONS
from conformance.verify.faults.run import FAULTS, run_fault
from taskstore import FailureKind, MemoryTaskStore, Task, TaskCreateRequest, TaskStore

CASES = (
    "failure.test_nothing_listening_is_not_not_found",
    "failure.test_a_silent_server_is_not_not_found",
    "failure.test_a_busy_server_is_said",
    "failure.test_a_late_answer_denies_no_write",
    "connection.test_a_connection_that_the_server_has_just_ended_costs_no_call",
    "identity.test_a_failed_create_names_its_id",
)
SCENARIOS = ("reply-cut", "without-scripts", "killed", "disconnected", "out-of-memory", "loading")
URL = re.compile(r"redis://(conformance-[\w-]+:[\w-]+@|:[\w-]+@|)127\.0\.0\.1:\d+/\d+(\?max_connections=[12])?")
COMMANDS = ("ACL SETUSER", "ACL DELUSER", "CLIENT KILL", "SCRIPT FLUSH", "CONFIG SET", "INFO persistence")


class Recording(RedisHarness):
    def __init__(self) -> None:
        super().__init__(EmbeddedServer())
        self.urls: set[str] = set()
        self.seconds: set[float] = set()
        self.commands: set[str] = set()
        self.kinds: set[FailureKind] = set()

    def open(self, namespace: str) -> AbstractAsyncContextManager[TaskStore]:
        return super().open_at(namespace, self.url(), 5)

    def open_at(self, namespace: str, url: str, seconds: float) -> AbstractAsyncContextManager[TaskStore]:
        self.urls.add(url)
        self.seconds.add(seconds)
        return super().open_at(namespace, url, seconds)

    def administer(self, *command: str) -> Any:
        self.commands.add(" ".join(command[:2]))
        return super().administer(*command)

    def cause_failure(self, failure_kind: FailureKind) -> Any:
        self.kinds.add(failure_kind)
        return super().cause_failure(failure_kind)


def test_hooks_that_need_a_server_get_what_they_say() -> None:
    harness = Recording()
    with harness.running():
        for name in CASES:
            assert run_case(find_cases()[name], harness).verdict == "pass", name
        faults = [one for one in FAULTS if one.name in SCENARIOS]
        for fault in faults:
            verdict = asyncio.run(run_fault(harness, "recording", fault, OPERATIONS[0]))
            assert verdict.verdict == "pass", verdict
    assert [url for url in harness.urls if URL.fullmatch(url) is None] == []
    assert {"max_connections" in url for url in harness.urls} == {True, False}
    assert 0.25 <= min(harness.seconds) <= max(harness.seconds) <= 10
    assert harness.commands <= {*COMMANDS}
    assert (
        FailureKind.BUSY
        in harness.kinds
        <= {
            FailureKind.BUSY,
            FailureKind.OUT_OF_MEMORY,
            FailureKind.READ_ONLY,
            FailureKind.LOADING,
        }
    )


def test_a_case_that_does_not_end_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its verdict is read by people, who have to see that it is about time and about nothing else."""
    monkeypatch.setattr("conformance.case._SECONDS", 0.01)

    async def waits(namespace: Namespace) -> None:
        async with namespace.open():
            await asyncio.Event().wait()

    with pytest.raises(TimeoutError, match=r"^the case has not ended after 0\.01 s$"):
        asyncio.run(in_a_namespace(waits, MemoryHarness()))


def test_a_machine_that_stands_still_makes_no_call_late() -> None:
    """A pause of the process fails no case that waits for a call."""

    async def call() -> None:
        await asyncio.sleep(0.05)
        for _ in range(5):  # what there is to do when the answer has come
            await asyncio.sleep(0)

    async def wait() -> bool:
        asyncio.get_running_loop().call_later(0.01, time.sleep, 0.3)
        return await ends(asyncio.ensure_future(call()), seconds=0.2)

    assert asyncio.run(wait())


def test_a_call_that_does_not_end_is_not_waited_for() -> None:
    async def wait() -> bool:
        return await ends(asyncio.get_running_loop().create_future(), seconds=0.02)

    assert not asyncio.run(wait())


async def _a_task() -> Task:
    async with MemoryTaskStore() as store:
        return await store.create_task(TaskCreateRequest(video_ids=("v",)))


def test_a_result_that_is_no_task_is_a_failure_of_the_store() -> None:
    task = asyncio.run(_a_task())
    assert as_task(task, task_id="task_1") == task.model_copy(update={"task_id": "task_1"})
    with pytest.raises(AssertionError, match="contract describes one: 1 validation error"):
        as_task(task.model_copy(update={"created_at": task.created_at.replace(tzinfo=None)}))


@pytest.mark.parametrize("form", ["p@ss w\u00f6rd", "p%40ss%20w%C3%B6rd"])
def test_where_a_password_stands_is_told(form: str) -> None:
    check_hidden("p@ss w\u00f6rd", ["p@ss"], "the log")
    with pytest.raises(AssertionError, match=f"shown by the log: …no route to {re.escape(form)} at"):
        check_hidden("p@ss w\u00f6rd", ["one", f"no route to {form} at 10.0.0.1"], "the log")
