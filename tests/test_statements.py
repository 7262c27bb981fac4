"""The statements of the document: what their checks find, on right stores, on wrong ones, and without a server."""

import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from conformance.backends import servers
from conformance.backends.documented import DocumentedMemoryHarness
from conformance.backends.documented_design import DocumentedTask, TaskService
from conformance.backends.registry import find_backend
from conformance.backends.servers import ServerError
from conformance.guard import guarded
from conformance.tasks import interpreter
from statements.__main__ import main
from statements.check import CHECKS
from statements.document import Behaviour, StatementResults, read_document
from statements.play import play_store

CLAIMS = read_document()
BEHAVIOURS = [claim for claim in (*CLAIMS.claim, *CLAIMS.reading) if isinstance(claim, Behaviour)]


def test_every_statement_has_its_words_and_every_check_says_what_it_expects() -> None:
    for claim in BEHAVIOURS:
        for texts in (*claim.checks.values(), *([claim.corrected] if claim.corrected else [])):
            assert texts.keys() == {"en", "zh"}, claim.id
    assert {name for claim in BEHAVIOURS for name in claim.checks} == CHECKS.keys()


@pytest.mark.parametrize(
    ("store", "name", "came"),
    [
        ("documented-memory", "kept_by_a_restart", "the task is not found"),
        ("documented-memory", "seen_by_another_instance", "the created task is not found"),
        ("documented-memory", "expires_after_seven_days", "a minute after, the task is found"),
        ("documented-memory", "fixed_until_a_restart", "the harness has no hook administer"),
        ("documented-redis", "lost_by_a_restart", "the task is found"),
        ("documented-redis", "unseen_by_another_instance", "the task is found"),
        ("documented-redis", "never_expires", "the task is not found"),
    ],
)
def test_what_is_true_of_one_mode_is_not_of_the_other(store: str, name: str, came: str) -> None:
    harness = guarded(find_backend(store)())
    with harness.running():
        result = CHECKS[name].play(name, store, harness)
    assert (result.verdict, result.came) == ("not-testable" if "hook" in came else "fail", came)


class Hoarding(TaskService):
    """It keeps what was removed from its storage."""

    async def _save(self, task: DocumentedTask) -> None:
        await super()._save(task)
        vars(self).setdefault("kept", []).append(task)


class Bounded(TaskService):
    """It keeps five thousand tasks."""

    async def _save(self, task: DocumentedTask) -> None:
        await super()._save(task)
        if len(self.memory_storage) > 5_000:
            del self.memory_storage[next(iter(self.memory_storage))]


@pytest.mark.parametrize(
    ("service", "name", "came"),
    [
        (Hoarding, "cleaned_up_by_hand", r"\d+% of the memory is still in use"),
        (Bounded, "holds_ten_thousand", "5000 of them are not found"),
    ],
)
def test_a_wrong_memory_mode_is_found(service: type[TaskService], name: str, came: str) -> None:
    class Wrong(DocumentedMemoryHarness):
        @asynccontextmanager
        async def open(self, namespace: str) -> AsyncIterator[TaskService]:
            yield service()

    result = CHECKS[name].play(name, "wrong", guarded(Wrong()))
    assert result.verdict == "fail"
    assert re.fullmatch(came, result.came)


def test_the_document_does_not_say_that_redis_is_not_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Eager(DocumentedMemoryHarness):
        opener = "eager:open_from_environment"

    text = "import redis.asyncio\nfrom conformance.backends.documented_design import open_from_environment\n"
    (tmp_path / "eager.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(interpreter, "PATH", os.pathsep.join((str(tmp_path), interpreter.PATH)))
    assert CHECKS["needs_no_redis"].play("needs_no_redis", "eager", guarded(Eager())).verdict == "pass"
    result = CHECKS["opens_nothing"].play("opens_nothing", "eager", guarded(Eager()))
    assert result.verdict == "fail"
    assert "redis is not installed here" in result.came


def test_without_a_server_nothing_is_said_of_redis_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    def find_none() -> Any:
        raise ServerError("no redis-server or valkey-server on PATH")

    monkeypatch.setattr(servers, "find_binary", find_none)
    _, results = play_store([*CHECKS], "documented-redis")
    assert {(result.verdict, result.came) for result in results} == {
        ("not-testable", "no redis-server or valkey-server on PATH")
    }


def test_the_command_shows_quotation_expected_and_came(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "statements.json"
    assert main(["D38", "--store", "documented-memory", "--json", str(file)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "D38 async def create_task … 所有任务操作方法"
    assert lines[2:] == [
        "  ✓ documented-memory: five_coroutines",
        "      expected  The five methods are there, and each is a coroutine function.",
        "      came      as expected",
    ]
    results = StatementResults.model_validate_json(file.read_text())
    assert [(row.check, row.verdict) for row in results.results] == [("five_coroutines", "pass")]


@pytest.mark.parametrize("number", ["D33", "D41", "nothing"])
def test_what_no_check_decides_is_refused(number: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([number]) == 2
    assert capsys.readouterr().err == f"no check decides {number}\n"


@pytest.mark.slow
def test_what_the_document_says_of_its_own_design() -> None:
    failed: dict[str, str] = {}
    for store in ("documented-memory", "documented-redis"):
        _, results = play_store([*CHECKS], store)
        assert {result.verdict for result in results} <= {"pass", "fail"}
        failed |= {result.check: result.came for result in results if result.verdict == "fail"}
    assert failed.keys() == {"works_on_a_cluster", "says_that_it_failed"}
    assert "create: MovedError" in failed["works_on_a_cluster"]
    assert "get: not found" in failed["works_on_a_cluster"]
