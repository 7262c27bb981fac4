"""The command `taskstore`, in this process, on a private server."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import UTC, datetime, timedelta
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

from conformance.subjects.documented_design import open_documented
from conformance.subjects.servers import EmbeddedServer, unused_port
from taskstore import Task, TaskStatus
from taskstore.tools import COMMANDS, main, migrate, targets
from taskstore.tools.scan import batches
from tests.operating import REQUEST, client, everything, fill, on_store

__all__ = ["client"]  # a fixture
pytestmark = pytest.mark.usefixtures("client")


def digest(out: str) -> str:
    (found,) = re.findall("digest ([0-9a-f]{64})", out)
    return str(found)


def test_the_console_script_is_this_command() -> None:
    (script,) = entry_points(group="console_scripts", name="taskstore")
    assert script.load() is main


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize(("language", "statuses"), [("en", "exit status:"), ("zh", "退出状态：")])
def test_the_help_of_a_command_has_its_exit_statuses(
    name: str, language: str, statuses: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([name, "--help", "--lang", language])
    out = capsys.readouterr().out
    assert ended.value.code == 0
    assert re.search(rf"{statuses}\n  0    .*\n  1    .*\n  2    .*\n  3    .*\n  130  ", out)
    assert f"\n  taskstore {name} " in out


class TestErrors:
    def test_no_server(self, capsys: pytest.CaptureFixture[str]) -> None:
        port = unused_port()
        assert main(["doctor", f"redis://127.0.0.1:{port}/0"]) == 3
        err = capsys.readouterr().err
        assert err.startswith(f"error: Redis at 127.0.0.1:{port}/0 cannot be reached")
        assert f"redis-cli -h 127.0.0.1 -p {port} ping" in err
        assert "请" not in err

    def test_in_chinese_by_the_environment(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("LANG", "zh_CN.UTF-8")
        assert main(["doctor", f"redis://127.0.0.1:{unused_port()}/0"]) == 3
        err = capsys.readouterr().err
        assert err.startswith("错误：")
        assert "请确认" in err
        assert "Check that" not in err

    def test_a_wrong_password(
        self, server: EmbeddedServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("REDIS_PASSWORD", "not-the-password")
        assert main(["purge", server.url, "--days", "1"]) == 3
        err = capsys.readouterr().err
        assert "refused the credentials" in err
        assert "not-the-password" not in err

    @pytest.mark.parametrize(
        ("arguments", "told"),
        [
            (["doctor"], "The settings select memory mode"),
            (["doctor", "http://x"], "REDIS_URL: must look like redis://"),
            (["purge", "redis://h", "--days", "nan"], "--days must be a number"),
            (["purge", "redis://h", "--days", "-1"], "--days must be a number"),
            (["migrate", "missing.jsonl", "redis://h"], "SOURCE is neither a URL nor a file: missing.jsonl"),
            (["migrate", "redis://h", "redis://h:6379/0"], "SOURCE and TARGET are the same store"),
            (["migrate", "missing.jsonl", "redis://h", "--documented"], "--documented needs a server"),
            (["migrate", "redis://h", "x.jsonl", "--zone", "UTC"], "--zone goes with --documented"),
            (["migrate", "redis://h", "x", "--documented", "--zone", "Nowhere/X"], "no such time zone: Nowhere/X"),
            (["migrate", "redis+cluster://h", "x", "--documented"], "run it for each node of the cluster"),
        ],
    )
    def test_what_cannot_be_done_is_one_error(
        self, arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(arguments) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("error: ")
        assert told in err


def test_the_documented_design_is_carried_over(
    server: EmbeddedServer, client: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    moments = iter(datetime(2026, 1, 2, 12, 0, second) for second in range(60))  # noqa: DTZ001  the design's own

    async def leave() -> list[str]:
        async with open_documented(server.url) as design:
            design.now = lambda: next(moments)
            ids = [(await design.create_task(REQUEST)).task_id for _ in range(4)]
            await design.update_task_status(ids[0], TaskStatus.FAILED, 12.5, "步骤", None, "坏了", "Traceback")
            await design.cancel_task(ids[1])
            await design.update_task_status(ids[2], TaskStatus.FAILED, error_message="once")
            await design.update_task_status(ids[2], TaskStatus.CLIPPING)
            return ids

    ids = asyncio.run(leave())
    client.expire(f"task:{ids[3]}", 500)
    client.persist(f"task:{ids[0]}")
    client.set("task:broken", '{"task_id": "broken"')
    client.copy(f"task:{ids[0]}", "task:other")
    client.rpush("task:list", "x")

    assert main(["migrate", server.url, server.url, "--documented", "--zone", "Asia/Shanghai"]) == 1
    out, err = capsys.readouterr()
    assert "4 tasks read, 4 copied, 0 there already, 3 left" in out
    assert "left: task:broken: it is not JSON\n" in err
    assert "left: task:other: task_id: it is that of another task\n" in err
    assert "left: task:list: it is not a string\n" in err
    assert f"copied without completed_at, error_message: {ids[2]}\n" in err
    failed, cancelled, going, waiting = on_store(server.url, lambda store: asyncio.gather(*map(store.get_task, ids)))

    noon = datetime(2026, 1, 2, 4, 0, 0, tzinfo=UTC)
    assert failed == Task(
        task_id=ids[0],
        status=TaskStatus.FAILED,
        progress=12.5,
        current_step="步骤",
        video_ids=("v1", "视频"),
        error_message="坏了",
        error_traceback="Traceback",
        metadata={"webhook_url": "https://x", "config": {"f": 1.0, "big": 10**30}},
        created_at=noon,
        updated_at=noon + timedelta(seconds=4),
        completed_at=noon + timedelta(seconds=4),
    )
    assert cancelled.completed_at == cancelled.updated_at == noon + timedelta(seconds=5)
    assert (going.status, going.completed_at, going.error_message) == (TaskStatus.CLIPPING, None, None)
    assert waiting.created_at == noon + timedelta(seconds=3)
    lives = [client.pttl(f"{{taskstore:0}}:task:{one}") for one in ids]
    assert 440_000 < lives[3] <= 500_000
    assert all(604_000_000 < life <= 604_800_000 for life in lives[:3])
    assert client.exists("task:broken", f"task:{ids[0]}") == 2


def test_a_file_and_back_keep_everything(
    server: EmbeddedServer, client: Any, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    tasks = on_store(server.url, fill)
    for task in tasks:
        client.pexpire(f"{{taskstore:0}}:task:{task.task_id}", 1_000_000)
    assert main(["migrate", server.url, "tasks.jsonl"]) == 0
    written = digest(capsys.readouterr().out)
    lines = (tmp_path / "tasks.jsonl").read_text("utf-8").split("\n")
    assert [json.loads(line)["task_id"] for line in lines[:-1]] == [task.task_id for task in tasks]
    assert not list(tmp_path.glob("*.part"))

    assert main(["migrate", "tasks.jsonl", server.url, "--target-prefix", "new"]) == 0
    out, err = capsys.readouterr()
    assert "4 tasks read, 4 copied, 0 there already, 0 left" in out
    assert err == ""
    assert digest(out) == written
    assert on_store(server.url, everything, "new") == tasks
    lives = [client.pttl(f"{{new:0}}:task:{task.task_id}") for task in tasks]
    assert all(940_000 < life <= 1_000_000 for life in lives)
    assert main(["migrate", server.url, "unused", "--source-prefix", "new", "--dry-run"]) == 0
    assert digest(capsys.readouterr().out) == written
    assert not Path("unused").exists()
    client.delete(f"{{new:0}}:task:{tasks[0].task_id}")
    assert main(["migrate", server.url, "unused", "--source-prefix", "new", "--dry-run"]) == 0
    assert digest(capsys.readouterr().out) != written


def test_a_file_is_never_written_over(
    server: EmbeddedServer, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "kept").write_text("mine")
    assert main(["migrate", server.url, "kept"]) == 2
    assert "kept exists" in capsys.readouterr().err
    assert (tmp_path / "kept").read_text() == "mine"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"\xff\x00", "it is not JSON"),
        (b"[" * 100_000, "it is not JSON"),
        (b"[1]", "it is not a JSON object"),
        (b"{}", "task_id: Field required"),
        (b" " * 9_000_000 + b"{}", "it is longer than a task can be"),
        ({"status": "done"}, "status: Input should be 'pending'"),
        ({"progress": 101}, "progress: Input should be less than or equal to 100"),
        ({"task_id": "a b"}, "task_id: must have from 1 to 256 visible ASCII characters"),
        ({"video_ids": []}, "video_ids: must be a tuple of at least one text"),
        ({"metadata": {"n": float("nan")}}, "NaN is not JSON"),
        ({"metadata": [1]}, "metadata: must be a JSON object"),
        ({"created_at": "2026-01-02T03:04:05"}, "created_at: Input should have timezone info"),
        ({"updated_at": "2001-01-02T03:04:05Z"}, "updated_at: must not be before created_at"),
        ({"completed_at": "2026-01-02T03:04:05Z"}, "completed_at: goes with a final status only"),
        ({"left_ms": "1"}, "left_ms: must be a whole number"),
        ({"left_ms": -1}, "left_ms: must be a whole number"),
        ({"left_ms": 10**13}, "left_ms: must be a whole number"),
        ({"left_ms": True}, "left_ms: must be a whole number"),
    ],
)
def test_a_line_that_is_no_task_is_named_and_left(
    line: bytes | dict[str, object],
    reason: str,
    server: EmbeddedServer,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    good = {
        "task_id": "good",
        "status": "pending",
        "progress": 0,
        "current_step": "",
        "video_ids": ["v"],
        "metadata": {},
        "created_at": "2026-01-02T03:04:05Z",
        "updated_at": "2026-01-02T03:04:05Z",
    }
    bad = line if isinstance(line, bytes) else json.dumps({**good, "task_id": "bad", **line}).encode()
    (tmp_path / "f").write_bytes(bad + b"\n\n" + json.dumps(good).encode())
    assert main(["migrate", "f", server.url]) == 1
    out, err = capsys.readouterr()
    assert "1 tasks read, 1 copied, 0 there already, 1 left" in out
    assert err.startswith(f"left: f:1: {reason}")
    assert [task.task_id for task in on_store(server.url, everything)] == ["good"]


def test_a_dry_run_writes_nothing_and_says_what_a_run_would(
    server: EmbeddedServer, client: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    tasks = on_store(server.url, fill)
    on_store(server.url, lambda store: store.restore(tasks[0]), "new")
    keys = client.dbsize()
    arguments = ["migrate", server.url, server.url, "--target-prefix", "new"]
    assert main([*arguments, "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert "4 tasks read, 3 copied, 1 there already, 0 left" in out
    assert client.dbsize() == keys
    assert main(arguments) == 0
    assert capsys.readouterr().out in out


def test_a_migration_that_broke_off_goes_on(
    server: EmbeddedServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks = on_store(server.url, fill)
    arguments = ["migrate", server.url, server.url, "--target-prefix", "new"]
    with monkeypatch.context() as patch:
        patch.setattr("taskstore.tools.lines.BATCH", 3)
        patch.setattr(migrate, "_REPORTED_EVERY", 0)
        take, calls = targets.Store.take, iter([False, True])  # where Ctrl-C comes

        async def interrupted(self: Any, batch: Any) -> Any:
            if next(calls):
                raise KeyboardInterrupt
            return await take(self, batch)

        patch.setattr(targets.Store, "take", interrupted)
        assert main(arguments) == 130
    err = capsys.readouterr().err
    assert err.startswith("3 tasks read, 3 copied")
    assert "Not complete: 3 tasks read, 3 copied" in err
    assert err.endswith("Run the same command again to go on.\nerror: Interrupted.\n")
    assert main(arguments) == 0
    assert "4 tasks read, 1 copied, 3 there already, 0 left" in capsys.readouterr().out
    assert on_store(server.url, everything, "new") == tasks


def test_an_interrupted_file_leaves_nothing(
    server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    on_store(server.url, fill)

    async def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(targets.File, "take", interrupted)
    assert main(["migrate", server.url, "f"]) == 130
    assert not list(tmp_path.iterdir())


def test_another_task_of_the_target_is_left(
    server: EmbeddedServer, client: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    tasks = on_store(server.url, fill)
    theirs = tasks[0].model_copy(update={"current_step": "theirs"})
    on_store(server.url, lambda store: store.restore(theirs), "new")
    client.set(f"{{new:0}}:task:{tasks[1].task_id}", "no record")
    assert main(["migrate", server.url, server.url, "--target-prefix", "new"]) == 1
    out, err = capsys.readouterr()
    assert "4 tasks read, 2 copied, 0 there already, 2 left" in out
    assert f"left: {tasks[0].task_id}: TARGET has another task under this id\n" in err
    assert f"left: {tasks[1].task_id}: TARGET has a record under this id that cannot be read" in err
    assert on_store(server.url, lambda store: store.get_task(theirs.task_id), "new") == theirs


def test_a_record_that_cannot_be_read_is_named(
    server: EmbeddedServer, client: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    tasks = on_store(server.url, fill)
    key = f"{{taskstore:0}}:task:{tasks[0].task_id}"
    client.set(key, "no record")
    assert main(["migrate", server.url, "f"]) == 1
    out, err = capsys.readouterr()
    assert "3 tasks read, 3 copied, 0 there already, 1 left" in out
    assert err == f"left: {key}: it is not a record of version 1\n"


def test_purge_removes_what_is_old_and_finished(server: EmbeddedServer, capsys: pytest.CaptureFixture[str]) -> None:
    on_store(server.url, fill)
    assert main(["purge", server.url, "--days", "1"]) == 0
    assert capsys.readouterr().out == "0 tasks removed\n"
    assert main(["purge", server.url, "--days", "0", "--dry-run"]) == 0
    assert capsys.readouterr().out == "3 tasks would be removed\n"
    assert main(["purge", server.url, "--days", "0", "--lang", "zh"]) == 0
    assert capsys.readouterr().out == "已清除 3 个任务\n"
    assert [task.status for task in on_store(server.url, everything)] == [TaskStatus.PENDING]


def test_a_key_that_a_scan_gives_twice_is_read_once() -> None:
    class Server:
        replies = iter([(b"7", [b"a", b"a", b"b"]), (b"0", [b"a", b"c"])])

        async def scan(self, *_: object) -> object:
            return next(self.replies)

    async def run() -> list[bytes]:
        server: Any = Server()
        return [key async for keys in batches(server, "") for key in keys]

    assert asyncio.run(run()) == [b"a", b"b", b"c"]
