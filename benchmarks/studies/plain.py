"""redis-py by itself: what stores are compared with, and how a study looks at the server behind them."""

from __future__ import annotations

import ast
import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle
from typing import Any

import redis
from redis.asyncio import BlockingConnectionPool, Redis

POOL = 64
"""Connections, as many as the store's own pool has."""

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


def repeating(client: Any, command: Command, ids: Sequence[str]) -> Callable[[], Awaitable[object]]:
    """Make a call that sends a command which was overheard, each time for another task."""
    [named] = {task_id for task_id in ids if any(task_id.encode() in word for word in command)}
    commands = cycle([[word.replace(named.encode(), one.encode()) for word in command] for one in ids])
    return lambda: client.execute_command(*next(commands))
