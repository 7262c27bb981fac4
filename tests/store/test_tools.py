"""The command `taskstore` on a server of its own."""

import asyncio
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import product
from typing import Any

import pytest

from conformance.backends.documented_design import open_documented
from conformance.backends.proxy import unused_port
from conformance.backends.servers import EmbeddedServer
from statements.topologies import ClusterServers, SentinelServers
from taskstore import Task, TaskStatus
from taskstore.redis import RedisTaskStore
from taskstore.tools import main
from tests.store.operating import BASE, NO_MOMENTS, REQUEST, on_store
from tests.store.speaking import speaking

Run = Callable[..., tuple[int, str, str]]
Doctor = Callable[..., tuple[int, dict[str, str]]]
Stored = Callable[..., Any]
ACL = "ACL", "SETUSER", "poor", "on", ">secret", f"~{BASE}*"


@pytest.fixture
def poor(server: EmbeddedServer, client: Any) -> Iterator[str]:
    """The URL of a user without rights, who is gone at the end."""
    client.execute_command(*ACL, "-@all", "+ping", "+client|setname", "+client|setinfo")  # opening needs these
    yield server.url.replace("//", "//poor:secret@")
    client.execute_command("ACL", "DELUSER", "poor")


async def fill(store: RedisTaskStore) -> list[Task]:
    """Four tasks, the oldest with everything that a task can have."""
    tasks = [await store.create_task(REQUEST) for _ in range(4)]
    texts = "步骤", "https://r", "坏了\n", "Traceback\u2028"
    await store.update_task_status(tasks[0].task_id, TaskStatus.FAILED, 12.5, *texts)
    await store.update_task_status(tasks[1].task_id, TaskStatus.COMPLETED)
    await store.cancel_task(tasks[2].task_id)
    return await everything(store)


async def everything(store: RedisTaskStore) -> list[Task]:
    return [*(await store.list_tasks(limit=1_000)).tasks]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command, and return its exit status, its output and its errors."""

    def run(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        try:
            status = main(arguments)
        except SystemExit as ended:  # from argparse
            status = int(ended.code or 0)
        return status, *capsys.readouterr()

    return run


@pytest.fixture
def migrate(server: EmbeddedServer, client: Any, run: Run) -> Run:  # noqa: ARG001  empties the server
    """Run `migrate` within the server."""
    return partial(run, "migrate", server.url, server.url)


@pytest.fixture
def stored(server: EmbeddedServer, client: Any) -> Stored:  # noqa: ARG001  empties the server
    """Run a body on a store of the server."""
    return partial(on_store, server.url)


def diagnose(run: Run, *arguments: str) -> tuple[int, dict[str, str]]:
    """The exit status of `doctor`, and what it says of each backend, the level first."""
    status, out, _ = run("doctor", *arguments)
    lines = [re.fullmatch("(ok|warning|wrong) +([a-z]+): (.*)", line) for line in out.splitlines()]
    return status, {line[2]: f"{line[1]}: {line[3]}" for line in lines if line}


@pytest.fixture
def doctor(server: EmbeddedServer, run: Run) -> Doctor:
    """Diagnose the server."""
    return partial(diagnose, run, server.url)


class TestErrors:
    @pytest.mark.parametrize(("language", "first"), [("en_GB", "\n1. Check that"), ("zh_CN", "\n1. 请确认")])
    def test_no_server(
        self, language: str, first: str, nowhere: None, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("locale.getlocale", lambda: (language, "UTF-8"))  # few machines have a Chinese one
        port = unused_port()
        status, out, err = run("doctor", f"redis://127.0.0.1:{port}/0")
        assert (status, out) == (3, "")
        assert err.startswith(f"error: Redis at 127.0.0.1:{port}/0 cannot be reached")
        assert first in err
        assert err.count(f"redis-cli -h 127.0.0.1 -p {port} ping") == 1

    @pytest.mark.parametrize(
        ("arguments", "told"),
        [
            ("doctor http://x", "REDIS_URL: must look like redis://"),
            ("migrate redis://h redis://h --target-partitions 0", "TASK_PARTITIONS: "),
            ("migrate redis+cluster://h redis://h --documented", "name each node of the cluster"),
        ],
    )
    def test_wrong_usage(self, arguments: str, told: str, nowhere: None, run: Run) -> None:
        status, _, err = run(*arguments.split())
        assert status == 2
        assert told in err


@pytest.mark.anyio
async def test_an_error_of_the_server_forges_no_line(run: Run) -> None:
    def refuse(heard: bytes) -> bytes:
        return b"-ERR \x1b[2Jerror: nothing is wrong\xc2\x85\r\n" * heard.count(b"*")

    async with speaking(refuse) as address:
        status, _, err = await asyncio.to_thread(run, "doctor", f"redis://{address}/0")
    assert status == 3
    assert r"(\x1b[2Jerror: nothing is wrong\x85)" in err


class TestMigrate:
    def test_everything_is_kept_in_another_number_of_partitions(
        self, client: Any, stored: Stored, migrate: Run
    ) -> None:
        tasks = stored(fill)
        client.persist(f"{BASE}:task:{tasks[0].task_id}")
        client.pexpire(f"{BASE}:task:{tasks[1].task_id}", 1_000_000)
        client.zrem(f"{BASE}:created", tasks[0].task_id)  # it is not listed
        client.delete(f"{BASE}:created:failed")
        arguments = "--target-prefix", "new", "--target-partitions", "3"
        assert migrate(*arguments) == (0, "4 copied, 0 there already, 0 not copied\n", "")
        assert migrate(*arguments) == (0, "0 copied, 4 there already, 0 not copied\n", "")
        assert stored(everything, "new", 3) == tasks
        for task, life in zip(tasks, (604_800_000, 1_000_000, 604_800_000, 604_800_000), strict=True):
            (key,) = client.keys(f"{{new:*:task:{task.task_id}")
            assert life - 60_000 < client.pttl(key) <= life
        back = "--source-prefix", "new", "--source-partitions", "3", "--target-prefix", "back"
        assert migrate(*back)[0] == 0
        assert stored(everything, "back") == tasks

    def test_a_prefix_is_no_pattern(self, stored: Stored, migrate: Run) -> None:
        for prefix in ("a[*", "a[*-", "a["):
            stored(fill, prefix)
        told = migrate("--source-prefix", "a[*", "--target-prefix", r"b\?")
        assert told == (0, "4 copied, 0 there already, 0 not copied\n", "")

    def test_what_is_not_copied_is_named(self, client: Any, stored: Stored, migrate: Run) -> None:
        tasks = stored(fill)
        theirs = tasks[0].model_copy(update={"current_step": "theirs"})
        stored(lambda store: store.restore(theirs), "new")
        client.set(f"{{new:0/1}}:task:{tasks[1].task_id}", "no record")
        client.hdel(f"{BASE}:task:{tasks[2].task_id}", "video_ids")
        client.set(f"{BASE}:task:".encode() + b"\xff", "no task has this id")
        status, out, err = migrate("--target-prefix", "new")
        assert (status, out) == (1, "1 copied, 0 there already, 4 not copied\n")
        assert f"not copied: {BASE}:task:{tasks[0].task_id}: task '{tasks[0].task_id}' exists already" in err
        assert f"the record under '{{new:0/1}}:task:{tasks[1].task_id}' cannot be read" in err
        assert f"the record under '{BASE}:task:{tasks[2].task_id}' cannot be read" in err
        assert err.count("not copied: ") == 4
        assert stored(lambda store: store.get_task(theirs.task_id), "new") == theirs

    @pytest.mark.usefixtures("interruptible")
    def test_an_interrupted_run_is_repeated(
        self, server: EmbeddedServer, client: Any, stored: Stored, migrate: Run
    ) -> None:
        async def create(store: RedisTaskStore) -> None:
            await asyncio.gather(*(store.create_task(REQUEST) for _ in range(3_000)))

        stored(create)
        command = [sys.executable, "-m", "taskstore", "migrate", server.url, server.url, "--target-prefix", "new"]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            while not client.exists("{new:0/1}:created"):
                assert process.poll() is None
                time.sleep(0.01)
            process.send_signal(signal.SIGINT)
            assert process.wait() == 130
        done = client.zcard("{new:0/1}:created")
        client.delete(*(key for key in client.keys(f"{BASE}:*") if b":task:" not in key))  # the records say it all
        assert 0 < done < 3_000
        told = migrate("--target-prefix", "new")
        assert told == (0, f"{3_000 - done:,} copied, {done:,} there already, 0 not copied\n", "")

    def test_the_documented_design(
        self, server: EmbeddedServer, client: Any, stored: Stored, migrate: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        moments = iter(datetime(2026, 1, 2, 12, 0, second) for second in range(60))  # noqa: DTZ001  the design's own

        async def leave() -> list[str]:
            async with open_documented(server.url, prefix="old:") as design:
                design.now = lambda: next(moments)
                ids = [(await design.create_task(REQUEST)).task_id for _ in range(4)]
                texts = {"current_step": "步骤", "error_message": "坏了", "error_traceback": "Traceback"}
                await design.update_task_status(ids[0], TaskStatus.FAILED, 12.5, **texts)
                await design.cancel_task(ids[1])
                await design.update_task_status(ids[2], TaskStatus.FAILED, error_message="once")
                await design.update_task_status(ids[2], TaskStatus.CLIPPING)
                return ids

        ids = asyncio.run(leave())
        client.expire(f"old:{ids[3]}", 500)
        client.persist(f"old:{ids[0]}")
        waiting = json.loads(client.get(f"old:{ids[3]}"))
        client.set(f"old:{ids[3]}", json.dumps({**waiting, "colour": "red"}), keepttl=True)
        wrong: dict[str, Any] = {"status": "done", "progress": 101, "video_ids": [], "created_at": "yesterday"}
        refused = {name: json.dumps({**waiting, "task_id": name, name: value}) for name, value in wrong.items()}
        refused |= {"no-json": '{"task_id"', "array": "[1]", "deep": "[" * 100_000, "another": json.dumps(waiting)}
        client.mset({f"old:{name}": text for name, text in refused.items()})
        client.rpush("old:list", "x")
        monkeypatch.setenv("TZ", "Asia/Shanghai")
        time.tzset()
        status, out, err = migrate("--documented", "--source-prefix", "old:")
        assert (status, out) == (1, "4 copied, 0 there already, 9 not copied\n")
        assert all(f"not copied: old:{name}: " in err for name in [*refused, "list"])
        assert f"left out of old:{ids[2]}: completed_at, error_message\n" in err
        assert f"left out of old:{ids[3]}: colour\n" in err

        failed, cancelled, going, new = stored(lambda store: asyncio.gather(*map(store.get_task, ids)))
        noon = datetime(2026, 1, 2, 4, 0, 0, tzinfo=UTC)
        assert (failed.progress, failed.current_step, failed.error_traceback) == (12.5, "步骤", "Traceback")
        assert (failed.video_ids, failed.metadata["config"]) == (REQUEST.video_ids, REQUEST.config)
        assert (failed.created_at, failed.completed_at) == (noon, noon + timedelta(seconds=4))
        assert cancelled.completed_at == cancelled.updated_at == noon + timedelta(seconds=5)
        assert (going.status, going.completed_at, going.error_message) == (TaskStatus.CLIPPING, None, None)
        assert new.created_at == noon + timedelta(seconds=3)
        assert 440_000 < client.pttl(f"{BASE}:task:{ids[3]}") <= 500_000
        assert client.pttl(f"{BASE}:task:{ids[0]}") > 604_000_000

    def test_what_a_documented_record_may_leave_out(self, client: Any, stored: Stored, migrate: Run) -> None:
        moment = "2026-01-02T12:00:00"
        least = {"task_id": "a", "video_ids": ["v"], "created_at": moment, "updated_at": moment}
        client.set("task:a", json.dumps(least))
        client.set("task:b", json.dumps({**least, "task_id": "b", "progress": 50, "sign\nleft out of": 1}))
        status, out, err = migrate("--documented")
        assert (status, out) == (0, "2 copied, 0 there already, 0 not copied\n")
        assert err == "left out of task:b: sign\\nleft out of\n"
        bare, half = stored(lambda store: asyncio.gather(store.get_task("a"), store.get_task("b")))
        assert (bare.status, bare.progress, bare.current_step) == (TaskStatus.PENDING, 0.0, "")
        assert (half.progress, type(half.progress)) == (50.0, float)


class TestDoctor:
    def test_a_sound_store(self, client: Any, stored: Stored, doctor: Doctor) -> None:
        tasks = stored(fill)
        client.persist(f"{BASE}:task:{tasks[1].task_id}")
        client.pexpireat(f"{BASE}:task:{tasks[0].task_id}", 1)  # neither this nor that is a fault
        client.zadd(f"{BASE}:deadlines", {tasks[0].task_id: 1})
        status, said = doctor()
        assert status == 0
        backends = ["reachable", "rights", "version", "policy", "replicas", "records", "indexes"]
        assert {*backends, "snapshots", "persistence"} == {*said}
        assert all(said[backend].startswith("ok") for backend in backends)

    @pytest.mark.parametrize("index", ["created", "created:failed", "deadlines", "finished"])
    def test_an_entry_that_is_missing_misplaced_or_left(
        self, index: str, client: Any, stored: Stored, doctor: Doctor
    ) -> None:
        tasks = stored(fill)
        failed = next(task.task_id for task in tasks if task.status == "failed")
        pending = next(task.task_id for task in tasks if task.status == "pending")
        gap = 1_000 if index == "deadlines" else 0.5  # no page with half a microsecond can be read
        near = client.zscore(f"{BASE}:{index}", failed) + gap
        for task_id, score in ((failed, None), (failed, 2e15), (failed, near), (pending, 2e15), ("ghost", 2e15)):
            if score is None:
                client.zrem(f"{BASE}:{index}", task_id)
            else:
                client.zadd(f"{BASE}:{index}", {task_id: score})
            status, said = doctor()
            assert status == 1
            assert re.match(rf"wrong: .*--repair: 1 \({task_id}\)$", said["indexes"])
            assert doctor("--repair")[0] == 0
            assert doctor()[0] == 0
            assert stored(everything) == tasks
            assert client.zscore(f"{BASE}:{index}", "ghost") is None

    @pytest.mark.parametrize(
        ("field", "value"),
        [("status", b"done"), *product(["created_at", "updated_at", "completed_at"], NO_MOMENTS)],
    )
    def test_an_unreadable_record_is_named_and_left_and_stops_no_repair(
        self, field: str, value: bytes, client: Any, stored: Stored, doctor: Doctor
    ) -> None:
        tasks = stored(fill)
        damaged = next(task.task_id for task in tasks if task.status == "failed")
        key = f"{BASE}:task:{damaged}"
        client.hset(key, field, value)
        client.zadd(f"{BASE}:created", {"a ghost": 1, "the ghost": 1})
        client.zrem(f"{BASE}:created", tasks[0].task_id)
        before = client.dump(key)
        for arguments in ((), ("--repair",), ()):
            status, said = doctor(*arguments)
            assert status == 1
            assert said["records"].startswith(f"wrong: unreadable: 1 ({key} (")
        assert said["indexes"].startswith("ok")
        assert client.dump(key) == before
        assert set(client.zrange(f"{BASE}:created", 0, -1)) == {task.task_id.encode() for task in tasks}
        page = stored(lambda store: store.list_tasks())
        assert (page.unreadable, page.total) == ((key,), 4)

    def test_an_index_of_another_type_is_named_and_left(self, client: Any, stored: Stored, doctor: Doctor) -> None:
        tasks = stored(fill)
        index = f"{BASE}:created:failed"
        client.delete(index)
        client.set(index, "no index")
        client.hset(f"{BASE}:task:{tasks[0].task_id}", "status", "done")
        for arguments in ((), ("--repair",)):
            status, said = doctor(*arguments)
            assert (status, said["records"][:20]) == (1, "wrong: unreadable: 1")
            assert said["indexes"].startswith("wrong: not compared")
            assert index in said["indexes"]
            assert client.get(index) == b"no index"

    def test_what_is_known_is_said_before_the_server_fails(self, poor: str, client: Any, run: Run) -> None:
        keys = (f"~{BASE}{rest}" for rest in ("", ":doctor", ":task:*"))  # but no index
        client.execute_command("ACL", "SETUSER", "poor", "resetkeys", *keys, "+@all")
        status, out, err = run("doctor", poor)
        assert status == 3
        assert "ok      rights: commands that the server refuses: none\n" in out
        assert "records" not in out
        assert err.startswith("error: Redis at ")

    def test_missing_rights_are_named(self, poor: str, client: Any, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        client.execute_command(*ACL, "+@all", "-hset", "-unlink", "-wait")
        assert diagnose(run, poor)[1]["rights"] == "wrong: commands that the server refuses: 2 (hset, unlink)"
        monkeypatch.setenv("REDIS_WAIT_REPLICAS", "1")
        _, said = diagnose(run, poor)
        assert said["rights"].endswith("(hset, unlink, wait)")
        assert said["replicas"] == "wrong: master with 0 replicas; REDIS_WAIT_REPLICAS 1"

    def test_the_rights_that_it_asks_for_suffice(self, poor: str, client: Any, run: Run) -> None:
        named = diagnose(run, poor)[1]["rights"]
        client.execute_command(*ACL, *(f"+{name}" for name in re.split(r"\W+", named.partition("(")[2]) if name))
        assert len(on_store(poor, fill)) == 4
        status, said = diagnose(run, poor, "--repair")
        assert (status, said["rights"]) == (0, "ok: commands that the server refuses: none")
        assert on_store(poor, lambda store: store.purge(datetime.now(UTC) + timedelta(days=1))) == 3

    def test_a_server_that_may_evict(self, client: Any, doctor: Doctor) -> None:
        client.config_set("maxmemory-policy", "allkeys-lru")
        try:
            status, said = doctor()
        finally:
            client.config_set("maxmemory-policy", "noeviction")
        assert (status, said["policy"].partition(",")[0]) == (0, "warning: maxmemory_policy allkeys-lru")

    def test_a_replica(self, client: Any, doctor: Doctor) -> None:
        client.execute_command("REPLICAOF", "127.0.0.1", "1")
        try:
            status, said = doctor()
        finally:
            client.execute_command("REPLICAOF", "NO", "ONE")
        assert (status, said["replicas"][:12]) == (1, "wrong: slave")
        assert "hset" in said["rights"]

    def test_behind_sentinels(self, nowhere: None, run: Run) -> None:
        """A replaced master may take writes, and a Sentinel is not named, whatever the name of the other is."""
        with SentinelServers(min_replicas=0, sentinels=2) as servers:
            _, said = diagnose(run, servers.store_url.replace("127.0.0.1", "localhost"))
            unnamed = servers.sentinels[1].port
        assert said["replicas"].startswith("warning: master with 1 replicas;")
        assert said["sentinels"] == f"warning: missing from the URL: 1 (127.0.0.1:{unnamed})"


@pytest.mark.usefixtures("nowhere")
@pytest.mark.parametrize("partitions", [1, 6])
def test_a_cluster(partitions: int, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TASK_PARTITIONS", str(partitions))
    with ClusterServers() as servers:
        url = servers.store_url
        tasks = on_store(url, fill, partitions=partitions)
        assert diagnose(run, url)[1]["indexes"].startswith("ok")
        assert run("migrate", url, url, "--target-prefix", "x") == (0, "4 copied, 0 there already, 0 not copied\n", "")
        assert on_store(url, everything, "x", partitions) == tasks
