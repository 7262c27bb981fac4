"""The table of faults: on which server, how each is caused, what shows that it happened, and what it may lose."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from conformance.subjects.redis import ClusterHarness, RedisHarness, SentinelHarness
from conformance.subjects.servers import EmbeddedServer
from conformance.subjects.topologies import ClusterServers, SentinelServers
from taskstore import FailureKind

TIMEOUT = 1.0
"""That of a store, to connect and for a reply, in seconds."""
_STALLED = 2.5
"""Seconds for which a server does not answer: longer than both timeouts."""
SLICE = 5.0
"""Seconds of one round of a soak."""
_PARTED = 0.2
"""Seconds that a master goes on without its replica before it is killed."""
_WAIT = {"REDIS_WAIT_REPLICAS": "1", "REDIS_WAIT_MILLISECONDS": "500"}


class NotShownError(Exception):
    """The fault did not happen, or nothing shows that it did."""


class CannotBeCausedError(Exception):
    """This machine does not let the fault be caused; the message says what is missing."""


@dataclass(frozen=True)
class Site:
    """A server, or several that are one subject, and how a store on it is opened."""

    harness: RedisHarness
    server: Any
    namespace: str = "production"

    def administer(self, *command: str) -> Any:
        """Send a command to the server that has the tasks."""
        return self.harness.administer(*command)

    def errors(self, code: str) -> int:
        """How many commands the server has refused with this code."""
        return int(self.administer("INFO", "errorstats").get(f"errorstat_{code}", {}).get("count", 0))


@dataclass(frozen=True)
class Fault:
    """One row: the fault lasts until the block of `cause` begins, which gives what shows that it happened."""

    name: str
    sentence: str
    cause: Callable[[Site], AbstractContextManager[str]]
    make: Callable[[], Site]
    rounds: int = 3
    may_lose: bool = False
    """Whether acknowledged writes may be lost."""
    may_forget: bool = False
    """Whether a write may be lost that was seen and not acknowledged."""
    settings: Mapping[str, str] = field(default_factory=dict)


def _alone(*options: str) -> Callable[[], Site]:
    def make() -> Site:
        server = EmbeddedServer(*options)
        return Site(RedisHarness(server), server)

    return make


def _watched() -> Site:
    servers = SentinelServers(min_replicas=0)
    return Site(SentinelHarness(servers), servers)


def _cluster() -> Site:
    servers = ClusterServers()
    return Site(ClusterHarness(servers), servers)


def _show(value: int, what: str) -> str:
    if value < 1:
        raise NotShownError(f"{what}: 0")
    return f"{what}: {value:,}"


@contextmanager
def _killed(site: Site) -> Iterator[str]:
    before, process = site.administer("INFO", "server")["run_id"], site.server.pid
    site.server.kill()
    after = site.administer("INFO", "server")["run_id"]
    if after == before or site.server.pid == process:
        raise NotShownError("the same server goes on")
    yield f"run_id {before[:8]} is {after[:8]}"


@contextmanager
def _stopped(site: Site) -> Iterator[str]:
    os.kill(site.server.pid, signal.SIGSTOP)
    try:
        _, status = os.waitpid(site.server.pid, os.WUNTRACED)
        if not os.WIFSTOPPED(status):
            raise NotShownError("the server ended")
        time.sleep(_STALLED)
    finally:
        os.kill(site.server.pid, signal.SIGCONT)
    yield f"stopped by signal {os.WSTOPSIG(status)}"


@contextmanager
def _disconnected(site: Site) -> Iterator[str]:
    yield _show(int(site.administer("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")), "connections closed")


@contextmanager
def _flushed(site: Site) -> Iterator[str]:
    before = site.errors("NOSCRIPT")
    site.administer("SCRIPT", "FLUSH")
    _await(lambda: site.errors("NOSCRIPT") > before, "no script was missing")
    yield _show(site.errors("NOSCRIPT") - before, "NOSCRIPT")


@contextmanager
def _asleep(site: Site) -> Iterator[str]:
    begun = time.monotonic()
    site.administer("DEBUG", "SLEEP", str(_STALLED))
    slept = time.monotonic() - begun
    if slept < _STALLED:
        raise NotShownError(f"DEBUG SLEEP returned after {slept:.1f} s")
    yield f"DEBUG SLEEP took {slept:.1f} s"


def _refusing(failure_kind: FailureKind, code: str) -> Callable[[Site], AbstractContextManager[str]]:
    @contextmanager
    def cause(site: Site) -> Iterator[str]:
        before = site.errors(code)
        with site.harness.cause_failure(failure_kind):
            time.sleep(1.0)
        yield _show(site.errors(code) - before, code)

    return cause


@contextmanager
def _full(site: Site) -> Iterator[str]:
    """One file takes all that is left of the disk."""
    before = site.errors("MISCONF")
    filler = Path(f"/proc/{site.server.pid}/root{site.administer('CONFIG GET', 'dir')['dir']}", "filler")
    try:
        try:
            with filler.open("wb", buffering=0) as file:
                while True:
                    file.write(bytes(2**16))
        except OSError as fault:
            if fault.errno != errno.ENOSPC:
                raise
        _await(lambda: site.administer("INFO", "persistence")["aof_last_write_status"] == "err", "no write failed")
        time.sleep(1.0)
    finally:
        filler.unlink(missing_ok=True)
    _await(lambda: site.administer("INFO", "persistence")["aof_last_write_status"] == "ok", "no write succeeded")
    yield _show(site.errors("MISCONF") - before, "MISCONF")


@contextmanager
def _crowded(site: Site) -> Iterator[str]:
    """No connection but the one of the suite is let in."""
    before = site.administer("INFO", "stats")["rejected_connections"]
    limit = site.administer("CONFIG GET", "maxclients")["maxclients"]
    site.administer("CONFIG", "SET", "maxclients", "1")
    try:
        site.administer("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        time.sleep(1.0)
        rejected = site.administer("INFO", "stats")["rejected_connections"] - before
    finally:
        site.administer("CONFIG", "SET", "maxclients", limit)
    yield _show(rejected, "connections rejected")


@contextmanager
def _emptied(site: Site) -> Iterator[str]:
    there = site.administer("DBSIZE")
    site.administer("FLUSHALL")
    yield _show(there, "keys removed")


def _replaced(*, kill: bool, whole: bool = False) -> Callable[[Site], AbstractContextManager[str]]:
    """Another server takes over. With `whole` the fault lasts until the one that was replaced follows it."""

    @contextmanager
    def cause(site: Site) -> Iterator[str]:
        before = site.harness.url()
        if kill:
            site.server.part()
            time.sleep(_PARTED)
        with site.server.replaced(kill=kill, demote=False):
            if not whole:
                yield "another server is the master"
        if site.harness.url() == before:
            raise NotShownError("the same server is the master")
        if whole:
            yield "another server is the master"

    return cause


@contextmanager
def _moved(site: Site) -> Iterator[str]:
    before = site.errors("MOVED")
    with site.harness.slot_moved(site.namespace):
        _await(lambda: site.errors("MOVED") > before, "nobody was sent to another node")
        yield _show(site.errors("MOVED") - before, "MOVED")


def _await(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        if time.monotonic() > deadline:
            raise NotShownError(f"{what} within 10 s")
        time.sleep(0.01)


class _SmallDisk(EmbeddedServer):
    """A private server whose data is on a small file system in memory, which goes with its process."""

    def prepare(self, folder: Path) -> Sequence[str]:
        """Mount it where no other process sees it."""
        unshare = ["--mount"] if os.geteuid() == 0 else ["--mount", "--map-root-user"]
        found = shutil.which("unshare")
        if found is None or subprocess.run([found, *unshare, "true"], capture_output=True, check=False).returncode:
            raise CannotBeCausedError("unshare --mount, with which a small disk is made, does not work here")
        disk, script = folder / "disk", folder / "server"
        disk.mkdir()
        script.write_text(f'mount -t tmpfs -o size=16m tmpfs "{disk}" && exec "{self._binary}" "$@" --dir "{disk}"\n')
        self._binary = Path(found)
        return *unshare, "/bin/sh", str(script)


def _small() -> Site:
    server = _SmallDisk("--appendonly", "yes", "--appendfsync", "everysec")
    return Site(RedisHarness(server), server)


FAULTS = (
    Fault("SIGSTOP", "The server is stopped for longer than both timeouts, and goes on.", _stopped, _alone()),
    Fault("CLIENT KILL", "The server closes every connection.", _disconnected, _alone()),
    Fault(
        "kill -9, appendfsync always",
        "The server is killed, and started again with its log, which is on disk before a reply leaves.",
        _killed,
        _alone("--appendonly", "yes", "--appendfsync", "always"),
        rounds=20,
    ),
    Fault(
        "kill -9, appendfsync everysec",
        "The same with a log that is on disk after a second. The kernel has it before, so this is no power cut.",
        _killed,
        _alone("--appendonly", "yes", "--appendfsync", "everysec"),
        rounds=20,
        may_lose=True,
    ),
    Fault("SCRIPT FLUSH", "The server loses its scripts.", _flushed, _alone()),
    Fault(
        "DEBUG SLEEP",
        "One command holds the server up for longer than both timeouts.",
        _asleep,
        _alone("--enable-debug-command", "yes"),
    ),
    Fault(
        "busy script",
        "Somebody's script does not end; the server refuses everything else.",
        _refusing(FailureKind.BUSY, "BUSY"),
        _alone(),
    ),
    Fault("disk full", "The server cannot write its log, and refuses writes.", _full, _small),
    Fault(
        "maxmemory",
        "The server has no memory for a write, and may evict nothing.",
        _refusing(FailureKind.OUT_OF_MEMORY, "OOM"),
        _alone(),
    ),
    Fault("maxclients", "Every connection is closed, and no new one is let in.", _crowded, _alone()),
    Fault(
        "REPLICAOF",
        "The server becomes a replica with its own data, and the master again.",
        _refusing(FailureKind.READ_ONLY, "READONLY"),
        _alone(),
    ),
    Fault("FLUSHALL", "Somebody removes every key.", _emptied, _alone(), may_lose=True),
    Fault(
        "Sentinel, kill",
        "The master is killed when its replica has been away for a moment; the replica takes over.",
        _replaced(kill=True),
        _watched,
        may_lose=True,
    ),
    Fault(
        "Sentinel, kill, with WAIT",
        "The same; a write is acknowledged when the replica has it, so until there is one again none is.",
        _replaced(kill=True, whole=True),
        _watched,
        may_forget=True,
        settings=_WAIT,
    ),
    Fault(
        "Sentinel, command",
        "The replica takes over by SENTINEL FAILOVER; the old master takes writes until it hears of it.",
        _replaced(kill=False),
        _watched,
        rounds=2,
        may_lose=True,
    ),
    Fault(
        "Sentinel, command, with WAIT",
        "The same; a write is acknowledged when the replica has it.",
        _replaced(kill=False, whole=True),
        _watched,
        rounds=2,
        may_forget=True,
        settings=_WAIT,
    ),
    Fault(
        "cluster node killed",
        "The node with the tasks is killed, and its replica takes over.",
        _replaced(kill=True),
        _cluster,
        may_lose=True,
    ),
    Fault("slot migrated", "The slot of the tasks goes to another node, key by key, and back.", _moved, _cluster),
)
SHARE = {"SIGSTOP": 1, "CLIENT KILL": 1, "kill -9, appendfsync always": 2, "SCRIPT FLUSH": 1, "maxmemory": 1}
"""What runs on every change, and how many rounds of it."""


@contextmanager
def _nothing(_: Site) -> Iterator[str]:
    begun = time.monotonic()
    time.sleep(SLICE)
    yield f"{time.monotonic() - begun:.0f} s of calls"


def soak(seconds: float) -> Fault:
    """No fault: callers at work for so long, in rounds of `SLICE` seconds."""
    sentence = f"Nothing goes wrong for {seconds:.0f} s."
    return Fault("soak", sentence, _nothing, _alone(), rounds=round(seconds / SLICE))
