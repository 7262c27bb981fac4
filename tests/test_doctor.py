"""`taskstore doctor`, in this process, on a private server."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from conformance.subjects.servers import EmbeddedServer
from taskstore.redis import RedisTaskStore
from taskstore.tools import main
from tests.operating import client, everything, fill, on_store

__all__ = ["client"]  # a fixture
pytestmark = pytest.mark.usefixtures("client")
BASE = "{taskstore:0}"
LEAST = (
    (Path(__file__).parents[1] / "docs/store.md").read_text("utf-8").partition("ACL SETUSER store")[2].split("```")[0]
)


def diagnose(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, str]]:
    """The exit status, and what is said of each subject, its level first."""
    capsys.readouterr()
    status = main(["doctor", *arguments])
    lines = (re.fullmatch(r"(\w+) +(\w+): (.*)", line) for line in capsys.readouterr().out.splitlines())
    said: dict[str, str] = {}
    for found in lines:
        assert found is not None
        said[found[2]] = f"{said[found[2]]} | {found[3]}" if found[2] in said else f"{found[1]}: {found[3]}"
    return status, said


def test_a_sound_store(server: EmbeddedServer, capsys: pytest.CaptureFixture[str]) -> None:
    on_store(server.url, fill)
    status, said = diagnose(capsys, server.url)
    assert status == 0
    assert set(said) == {
        "reachable",
        "version",
        "rights",
        "persistence",
        "eviction",
        "clock",
        "topology",
        "indexes",
    }
    assert {subject: text.partition(":")[0] for subject, text in said.items() if subject != "persistence"} == {
        subject: "ok" for subject in said if subject != "persistence"
    }
    assert said["indexes"] == "ok: 4 records, and the indexes agree"
    assert server.facts()["server"] in said["version"]


def test_an_empty_store_is_sound(server: EmbeddedServer, capsys: pytest.CaptureFixture[str]) -> None:
    status, said = diagnose(capsys, server.url, "--prefix", "nothing")
    assert (status, said["indexes"]) == (0, "ok: 0 records, and the indexes agree")


@pytest.mark.parametrize("index", ["created", "created:failed", "deadlines", "finished"])
def test_a_task_that_an_index_lacks(
    index: str, server: EmbeddedServer, client: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    tasks = on_store(server.url, fill)
    failed = next(task.task_id for task in tasks if task.status == "failed")
    assert client.zrem(f"{BASE}:{index}", failed) == 1
    status, said = diagnose(capsys, server.url)
    assert status == 1
    assert said["indexes"].startswith(f"wrong: 1 tasks are missing in an index: {failed}. --repair")
    assert diagnose(capsys, server.url, "--repair")[0] == 0
    assert client.zscore(f"{BASE}:{index}", failed) is not None
    assert on_store(server.url, everything) == tasks


def test_a_task_in_a_wrong_place(server: EmbeddedServer, client: Any, capsys: pytest.CaptureFixture[str]) -> None:
    tasks = on_store(server.url, fill)
    client.zadd(f"{BASE}:created", {tasks[0].task_id: 1})
    client.zadd(f"{BASE}:created:clipping", {tasks[1].task_id: 1})
    status, said = diagnose(capsys, server.url)
    assert status == 1
    assert f"1 tasks are missing in an index: {tasks[0].task_id}." in said["indexes"]
    assert f"1 entries of an index have no such task: created:clipping {tasks[1].task_id}." in said["indexes"]
    assert diagnose(capsys, server.url, "--repair")[0] == 0
    assert on_store(server.url, everything) == tasks


def test_a_record_that_was_removed(server: EmbeddedServer, client: Any, capsys: pytest.CaptureFixture[str]) -> None:
    tasks = on_store(server.url, fill)
    client.delete(f"{BASE}:task:{tasks[0].task_id}")
    status, said = diagnose(capsys, server.url)
    assert status == 1
    assert f"created {tasks[0].task_id}" in said["indexes"]
    assert f"deadlines {tasks[0].task_id}" in said["indexes"]
    assert diagnose(capsys, server.url, "--repair")[0] == 0
    assert client.zcard(f"{BASE}:deadlines") == 3
    assert on_store(server.url, everything) == tasks[1:]


def test_a_record_that_cannot_be_read_is_named_and_left(
    server: EmbeddedServer, client: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    tasks = on_store(server.url, fill)
    key = f"{BASE}:task:{tasks[0].task_id}"
    client.set(key, "no record", keepttl=True)
    for repair in ([], ["--repair"]):
        status, said = diagnose(capsys, server.url, *repair)
        assert status == 1
        assert said["records"].startswith("wrong: 1 records cannot be read")
        assert f"{key} (it is not a record of version 1)" in said["records"]
    assert client.get(key) == b"no record"


def test_rights_that_are_missing_are_named(
    server: EmbeddedServer, client: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    client.execute_command("ACL", "SETUSER", "poor", "on", ">secret", f"~{BASE}*", "+@all", "-zadd", "-unlink")
    try:
        status, said = diagnose(capsys, server.url.replace("//", "//poor:secret@"))
    finally:
        client.execute_command("ACL", "DELUSER", "poor")
    assert status == 1
    assert said["rights"].startswith(f"wrong: the user may not run unlink zadd on keys that begin with {BASE}")
    assert said["indexes"] == "warning: not examined, since rights are missing"


def test_the_right_to_wait_is_needed_where_writes_wait(
    server: EmbeddedServer, client: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    client.execute_command("ACL", "SETUSER", "poor", "on", ">secret", f"~{BASE}*", "+@all", "-wait")
    url = server.url.replace("//", "//poor:secret@")
    try:
        assert diagnose(capsys, url)[1]["rights"].startswith("ok")
        monkeypatch.setenv("REDIS_WAIT_REPLICAS", "1")
        status, said = diagnose(capsys, url)
    finally:
        client.execute_command("ACL", "DELUSER", "poor")
    assert status == 1
    assert said["rights"].startswith("wrong: the user may not run wait on keys")
    assert said["topology"].startswith("wrong: a master with 0 replicas. REDIS_WAIT_REPLICAS asks for more")


def test_the_least_rights_suffice(server: EmbeddedServer, client: Any, capsys: pytest.CaptureFixture[str]) -> None:
    rights = re.findall(r"\+[a-z|]+", LEAST)
    client.execute_command("ACL", "SETUSER", "least", "on", ">secret", f"~{BASE}*", "-@all", *rights)
    on_store(server.url, fill)
    try:
        status, said = diagnose(capsys, server.url.replace("//", "//least:secret@"))
    finally:
        client.execute_command("ACL", "DELUSER", "least")
    assert status == 0
    assert said["rights"].startswith("ok")
    assert said["indexes"] == "ok: 4 records, and the indexes agree"


def test_a_server_that_may_evict_or_keeps_nothing(
    server: EmbeddedServer, client: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    before = client.config_get("maxmemory-policy")["maxmemory-policy"], client.config_get("save")["save"]
    client.config_set("maxmemory-policy", "allkeys-lru")
    client.config_set("save", "")
    try:
        status, said = diagnose(capsys, server.url)
    finally:
        client.config_set("maxmemory-policy", before[0])
        client.config_set("save", before[1])
    assert status == 0
    assert said["eviction"].startswith("warning")
    assert "CONFIG SET maxmemory-policy noeviction" in said["eviction"]
    assert said["persistence"].startswith("warning: nothing is written to disk")


def test_a_replica(server: EmbeddedServer, client: Any, capsys: pytest.CaptureFixture[str]) -> None:
    client.execute_command("REPLICAOF", "127.0.0.1", "1")
    try:
        status, said = diagnose(capsys, server.url)
    finally:
        client.execute_command("REPLICAOF", "NO", "ONE")
    assert status == 1
    assert said["rights"].startswith("wrong: writes are refused: READONLY")
    assert said["topology"] == "wrong: the server is a replica and refuses writes"


def test_a_repair_that_broke_off_is_ended_by_the_next_listing(
    server: EmbeddedServer, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks = on_store(server.url, fill)
    client.zrem(f"{BASE}:created", tasks[0].task_id)
    run, begun = RedisTaskStore._run, []  # noqa: SLF001  where Ctrl-C comes

    async def interrupted(self: RedisTaskStore, script: Any, *arguments: Any, until: float | None = None) -> Any:
        if "add" in arguments:
            begun.append(client.exists(f"{BASE}:created"))
            raise KeyboardInterrupt
        return await run(self, script, *arguments, until=until)

    with monkeypatch.context() as patch:
        patch.setattr(RedisTaskStore, "_run", interrupted)
        assert main(["doctor", server.url, "--repair"]) == 130
    assert begun == [0]
    assert on_store(server.url, everything) == tasks
