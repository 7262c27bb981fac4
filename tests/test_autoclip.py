"""docs/examples/autoclip: its README followed word for word, and what the service answers in each mode."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import httpx2
import pytest

from conformance.backends.proxy import reserved_port
from conformance.backends.servers import EmbeddedServer
from taskstore import TaskStoreSettings

pytestmark = pytest.mark.slow

EXAMPLE = Path(__file__).parents[1] / "docs/examples/autoclip"
Clients: TypeAlias = dict[str, httpx2.Client]
TASK: dict[str, Any] = {
    "video_ids": ["v1", "视频"],
    "webhook_url": "https://x",
    "config": {"whole": 1.0, "big": 2**64 - 1, "empty": [[], {}]},
}


def copy(folder: Path) -> Path:
    """Copy the example, without what its users leave in it."""
    left = shutil.ignore_patterns("__pycache__", ".*", "logs", "tasks.jsonl")
    return Path(shutil.copytree(EXAMPLE, folder / "autoclip", ignore=left))


@pytest.fixture(scope="module")
def redis_server() -> Iterator[EmbeddedServer]:
    """A server with the options that compose.yaml gives to its own.

    It is killed here, and stopped there: so each write is on the disk before its answer. Else one that was answered
    waits in the server while the disk is busy.
    """
    (options,) = re.findall("command: redis-server (.*)", (EXAMPLE / "compose.yaml").read_text())
    with EmbeddedServer(*options.split(), "--appendfsync", "always") as server:
        yield server


def environment(server: EmbeddedServer, **settings: str) -> dict[str, str]:
    """The environment of a shell in which the virtual environment of these tests is active."""
    names = {name.upper() for name in TaskStoreSettings.model_fields}
    kept = {name: value for name, value in os.environ.items() if name not in names and "PYTEST" not in name}
    path = f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}"
    quick = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # the example needs none of our plugins, which take a second
    return kept | quick | {"PATH": path, "REDIS_PORT": str(urlsplit(server.url).port)} | settings


@contextmanager
def service(folder: Path, environment: dict[str, str], command: str, port: int) -> Iterator[httpx2.Client]:
    """Run the service on a port that is reserved, and end it as Ctrl-C does."""
    process = subprocess.Popen(["/bin/sh", "-c", f"exec env {command} --port {port}"], cwd=folder, env=environment)
    try:
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=20, trust_env=False) as client:
            deadline = time.monotonic() + 30
            while process.poll() is None and time.monotonic() < deadline:
                with suppress(httpx2.ConnectError):
                    client.get("/health")
                    break
                time.sleep(0.02)
            yield client
        process.send_signal(signal.SIGINT)
        process.wait(20)
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def clients(redis_server: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clients]:
    """The service in each mode."""
    with ExitStack() as stack:
        found = {}
        for mode, value in (("memory", "false"), ("redis", "true")):
            folder = copy(tmp_path_factory.mktemp(mode))
            settings = environment(redis_server, USE_REDIS_FOR_TASKS=value)
            port = stack.enter_context(reserved_port())
            found[mode] = stack.enter_context(service(folder, settings, "uvicorn app.main:app", port))
        yield found


@pytest.mark.skipif(shutil.which("curl") is None, reason="the README calls curl, which is not on PATH")
def test_the_readme_is_right_word_for_word(tmp_path: Path, redis_server: EmbeddedServer) -> None:
    folder = copy(tmp_path)
    shell = environment(redis_server, REDIS_DB="1")
    parts = (EXAMPLE / "README.md").read_text("utf-8").split("\n# Auto-Clip's task service\n")
    chinese, english = ("".join(re.findall(r"^```sh\n(.*?)^```$", part, re.DOTALL | re.MULTILINE)) for part in parts)
    assert chinese == english
    _, _, commands = chinese.partition("\npip install ")  # what it installs is what runs this test
    output: dict[str, list[str]] = {}
    started: list[tuple[str, list[str]]] = []
    with reserved_port() as port, ExitStack() as running, ExitStack() as stopped:
        for command in commands.splitlines()[1:]:
            if command.endswith("uvicorn app.main:app"):
                running.close()
                client = running.enter_context(service(folder, shell, command, port))
                tasks = client.get("/tasks").json()["tasks"]
                started.append((client.get("/health").json()["storage_mode"], [task["task_id"] for task in tasks]))
            elif command == "docker compose stop redis":
                stopped.enter_context(redis_server.killed())
            elif command == "docker compose start redis":
                stopped.close()
            elif not command.startswith("docker compose up "):
                line = ["/bin/sh", "-c", command.replace(":8000", f":{port}")]
                ran = subprocess.run(line, cwd=folder, env=shell, capture_output=True, text=True, check=False)
                assert ran.returncode == 0, (command, ran.stdout, ran.stderr)
                output.setdefault(command.partition(" ")[0], []).append(ran.stdout)

    created, listed, exported, imported, away, back = output["curl"]
    task_id = json.loads(created)["task_id"]
    assert json.loads(listed)["tasks"] == [json.loads(created)]
    assert (exported, json.loads(imported)) == ("", {"restored": 1})
    assert started == [("memory", []), ("redis", []), ("memory", []), ("redis", [task_id])]
    assert away.startswith("HTTP/1.1 503 ")
    assert "\nretry-after: 5\n" in away.replace("\r", "")
    assert back.startswith("HTTP/1.1 200 ")
    assert output["grep"][0].endswith(" INFO task_service_initialized storage_mode=memory\n")
    assert " passed in " in output["python"][0]
    log = (folder / "logs/app.log").read_text("utf-8")
    assert re.findall("storage_mode=(.*)", log) == [mode for mode, _ in started]
    assert re.search(f"ERROR Redis at localhost:{shell['REDIS_PORT']}/1 cannot be reached", log)


DEEP = b'{"video_ids": ["v"], "config": %s1%s}'
REQUESTS: list[tuple[str, str, Any, int]] = [
    ("POST", "/tasks", TASK, 201),
    ("POST", "/tasks", {"video_ids": ["v2"]}, 201),
    ("POST", "/tasks", DEEP % (b'{"a":' * 100, b"}" * 100), 201),
    ("POST", "/tasks", {}, 422),
    ("POST", "/tasks", {"video_ids": ["v"], "config": {"a": "x" * 2**20}}, 422),
    ("POST", "/tasks", DEEP % (b'{"a":' * 101, b"}" * 101), 422),
    ("POST", "/tasks", b'{"video_ids": ["v"], "config": {"a": NaN}}', 422),
    ("GET", "/tasks/ID", None, 200),
    ("PATCH", "/tasks/ID", {"status": "clipping", "progress": 30, "current_step": "剪辑"}, 200),
    ("PATCH", "/tasks/ID", {"status": "clipping", "progress": 101}, 422),
    ("GET", "/tasks", None, 200),
    ("GET", "/tasks?status=clipping&limit=1&offset=0", None, 200),
    ("GET", "/tasks?after=x", None, 422),
    ("POST", "/tasks/ID/cancel", None, 200),
    ("PATCH", "/tasks/ID", {"status": "completed"}, 409),
    ("GET", "/tasks.jsonl", None, 200),
    ("PUT", "/tasks.jsonl", b"{}\n", 422),
    ("PUT", "/tasks.jsonl", b"", 200),
]


@pytest.mark.parametrize("mode", ["memory", "redis"])
def test_both_modes_answer_alike(mode: str, clients: Clients) -> None:
    statuses, task_id = [], ""
    for method, path, body, _ in REQUESTS:
        content = body if isinstance(body, bytes | None) else json.dumps(body)
        place = path.replace("ID", task_id)
        answer = clients[mode].request(method, place, content=content, headers={"Content-Type": "application/json"})
        statuses.append(answer.status_code)
        task_id = task_id or answer.json()["task_id"]
    assert statuses == [status for *_, status in REQUESTS]
    metadata = clients[mode].get(f"/tasks/{task_id}").json()["metadata"]
    assert metadata == {key: TASK[key] for key in ("webhook_url", "config")}
