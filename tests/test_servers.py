import gc
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.backends.proxy import reserved_port
from conformance.backends.servers import ContainerServer, EmbeddedServer, ServerError, find_binary


@pytest.fixture
def no_engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nothing.sock")
    yield
    gc.collect()  # what is left open is a warning now, and so an error


@pytest.mark.usefixtures("no_engine")
def test_a_container_without_an_engine_is_refused_with_what_to_do_and_leaves_nothing_open() -> None:
    with pytest.raises(ServerError, match="no Docker engine answers: start one"), ContainerServer():
        pass


def test_a_server_that_does_not_start_is_refused_with_its_own_word(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = tmp_path / "redis-server"
    broken.write_text("#!/bin/sh\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    with pytest.raises(ServerError, match="redis-server did not start: it ended with status 3"), EmbeddedServer():
        pass


def test_without_a_server_on_the_path_the_packaged_one_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert find_binary().name == "valkey-server"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a server listen on a port that is kept")
def test_the_port_of_a_private_server_is_its_own_while_the_server_is_away() -> None:
    with EmbeddedServer() as server:
        with server.killed(), socket.socket() as another, pytest.raises(OSError, match="in use"):
            another.bind(("127.0.0.1", server.port))
        assert server.call("PING") == b"PONG"
    with reserved_port() as port, pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


_HOLDER = """
import sys
from conformance.backends.servers import EmbeddedServer
with EmbeddedServer() as server:
    server.restart()
    print(server.process.pid, server._folder, flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGKILL])
def test_a_private_server_ends_with_its_parent(ending: signal.Signals) -> None:
    command = [sys.executable, "-c", _HOLDER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid, folder = parent.stdout.readline().split()
        assert is_running(int(pid))
        parent.send_signal(ending)
        assert parent.wait(10) == -ending
    deadline = time.monotonic() + 10
    while is_running(int(pid)) or Path(folder).exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def is_running(pid: int) -> bool:
    """Whether a process exists and is no zombie, which a container without an init process may keep."""
    command = ["ps", "-o", "stat=", "-p", str(pid)]
    state = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    return bool(state.strip()) and not state.startswith("Z")
