"""The floors: what is left of a request when the store is taken away. This module alone uses redis-py itself.

On each way to a server: PING on a bare socket, PING through redis-py's blocking client and through its asyncio client,
and through the latter GET and EVALSHA of a record as long as a task's. On the bare socket also at every distance, which
says what the distance came to.
"""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager
from itertools import repeat
from typing import Any
from urllib.parse import urlsplit

import pytest
import redis
import redis.asyncio

from benchmarks.bench import CLOCK, Bench, Stores
from benchmarks.loop import Loop
from benchmarks.setting import SPARE_DATABASE, Setting
from benchmarks.subjects import SUBJECTS, Subject
from benchmarks.workload import Work

pytestmark = pytest.mark.benchmark(timer=CLOCK.read, disable_gc=False)

_OURS = {subject.place: subject for subject in SUBJECTS.values() if subject.place and subject.design == "ours"}
_KEY = "floor"
_ECHO = "return ARGV[1]"


def _at(subjects: list[Subject]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("subject", subjects, ids=[subject.place for subject in subjects])


near = _at([subject for subject in _OURS.values() if subject.distance_ms is None])
near_and_far = _at(list(_OURS.values()))


@pytest.fixture(scope="session")
def clients(loop: Loop, setting: Setting) -> Iterator[Callable[[str], Any]]:
    """Open redis-py's asyncio client at a place, once for the block; it has the key that is read."""
    opened: dict[str, Any] = {}

    def client_at(place: str) -> Any:
        if place not in opened:
            opened[place] = redis.asyncio.Redis.from_url(setting.places[place].at(SPARE_DATABASE))
        return opened[place]

    try:
        yield client_at
    finally:
        for client in opened.values():
            loop.run(client.aclose())


@near_and_far
def test_raw_ping(subject: Subject, setting: Setting, bench: Bench) -> None:
    """Write PING to a socket and read the answer, blocking: the network, the kernel and the server."""
    with _connected(setting.places[subject.place].url) as connection:

        async def ping() -> bytes:
            connection.sendall(b"PING\r\n")
            return connection.recv(64)

        _time(bench, setting, subject, "raw-ping", ping, b"+PONG\r\n")


@near
def test_sync_ping(subject: Subject, setting: Setting, bench: Bench) -> None:
    """PING through redis-py's blocking client."""
    with redis.Redis.from_url(setting.places[subject.place].at(SPARE_DATABASE)) as client:

        async def ping() -> Any:
            return client.ping()

        _time(bench, setting, subject, "sync-ping", ping, True)


@near
def test_async_ping(subject: Subject, setting: Setting, clients: Callable[[str], Any], bench: Bench) -> None:
    """PING through redis-py's asyncio client."""
    _time(bench, setting, subject, "async-ping", clients(subject.place).ping, True)


@near
def test_bare_get(
    subject: Subject, setting: Setting, stores: Stores, clients: Callable[[str], Any], bench: Bench
) -> None:
    """GET a value as long as a task's record."""
    client, value = clients(subject.place), _record(subject, stores, bench)
    bench.loop.run(client.set(_KEY, value))
    _time(bench, setting, subject, "bare-get", lambda: client.get(_KEY), value)


@near
def test_bare_evalsha(
    subject: Subject, setting: Setting, stores: Stores, clients: Callable[[str], Any], bench: Bench
) -> None:
    """Have a script return its argument, as long as a task's record: what a create sends and gets."""
    client, value = clients(subject.place), _record(subject, stores, bench)
    digest = bench.loop.run(client.script_load(_ECHO))
    _time(bench, setting, subject, "bare-evalsha", lambda: client.evalsha(digest, 1, _KEY, value), value)


def _record(subject: Subject, stores: Stores, bench: Bench) -> bytes:
    """Return the stored form of a task."""
    with stores.filled(subject, "get", bench.depth.tasks) as opened:
        record = opened.harness.inspector(opened.namespace).raw(opened.ids[0])
    assert record is not None  # noqa: S101  the driver filled it
    return record


def _time(
    bench: Bench, setting: Setting, subject: Subject, operation: str, call: Callable[[], Awaitable[Any]], answer: object
) -> None:
    bench.label(subject, operation, 0, setting.places[subject.place].facts)
    bench.time(Work(call, repeat(()), lambda answered: answered == answer), batched=False)


@contextmanager
def _connected(url: str) -> Iterator[socket.socket]:
    parts = urlsplit(url)
    if parts.scheme == "unix":
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(parts.path)
    else:
        connection = socket.create_connection((parts.hostname, parts.port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with closing(connection):
        yield connection
