"""Clients by themselves: what stores are compared with, and how a study looks at the server behind them."""

from __future__ import annotations

import ast
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from itertools import cycle
from typing import Any
from urllib.parse import urlsplit

import redis
from glide import GlideClient, GlideClientConfiguration, Logger, LogLevel, NodeAddress
from redis.asyncio import BlockingConnectionPool, Redis

POOL = 64
"""Connections, as many as the store's own pool has."""

PATIENCE_MS = 60_000
"""valkey-glide raises after 250 ms otherwise, and redis-py waits: a slow answer is to be timed."""

Command = tuple[bytes, ...]
_END = b"overheard"


@contextmanager
def looking(url: str) -> Iterator[Any]:
    """Open a synchronous client, for what is done before and after a measurement."""
    with redis.Redis.from_url(url) as client:
        yield client


def single(url: str) -> Redis:
    """Make an asynchronous client as redis-py makes it, for one caller."""
    return Redis.from_url(url)


def pooled(url: str) -> Redis:
    """Make an asynchronous client with a pool that waits for a free connection."""
    return Redis.from_pool(BlockingConnectionPool.from_url(url, max_connections=POOL, timeout=None))


@asynccontextmanager
async def gliding(url: str) -> AsyncIterator[GlideClient]:
    """Open valkey-glide, which sends the commands of all callers over one connection."""
    parts = urlsplit(url)
    address = NodeAddress(parts.hostname or "localhost", parts.port or 6379)
    Logger.set_logger_config(LogLevel.ERROR)  # it would write each slow answer to the standard output
    configuration = GlideClientConfiguration(
        [address], database_id=int(parts.path[1:] or 0), request_timeout=PATIENCE_MS
    )
    client = await GlideClient.create(configuration)
    try:
        yield client
    finally:
        await client.close()


async def overhear(url: str, call: Callable[[], Awaitable[object]]) -> list[Command]:
    """Return the commands that a call sends to the server, so that others can send the same."""
    with redis.Redis.from_url(url) as client, redis.Redis.from_url(url) as marker:
        marker.ping()  # connects, so that its greeting is not overheard
        with client.monitor() as monitor:
            await call()
            marker.echo(_END)
            heard: list[Command] = []
            while True:
                # `Monitor.next_command` takes the quotes off and puts the words together; read the line itself.
                line: bytes = monitor.connection.read_response(disable_decoding=True)
                source, _, words = line.partition(b"] ")
                command = tuple(_read(word) for word in re.findall(rb'"(?:[^"\\]|\\.)*"', words))
                if command == (b"ECHO", _END):
                    return heard
                if not source.endswith(b" lua"):
                    heard.append(command)


def _read(word: bytes) -> bytes:
    value: bytes = ast.literal_eval(f"b{word.decode()}")  # MONITOR escapes as Python does
    return value


def repeating(
    send: Callable[[list[bytes]], Awaitable[object]], command: Command, ids: Sequence[str]
) -> Callable[[], Awaitable[object]]:
    """Make a call that sends a command which was overheard, each time for another task."""
    [named] = {task_id for task_id in ids if any(task_id.encode() in word for word in command)}
    commands = cycle([[word.replace(named.encode(), one.encode()) for word in command] for one in ids])
    return lambda: send(next(commands))
