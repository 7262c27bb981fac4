"""A server that says what a test wants, and stores on one server without a task store on top."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing, suppress
from hashlib import sha1
from typing import Any

from taskstore.redis import connect
from taskstore.redis.scripts import Script
from taskstore.redis.server import Server


def script(text: str, *, writes: bool = True) -> Script:
    return Script(text, sha1(text.encode(), usedforsecurity=False).hexdigest(), writes)


SET = script("redis.call('SET', KEYS[1] .. ARGV[1], '') return 'set'")


def greet(heard: bytes) -> bytes:
    """Agree to each command."""
    return b"+OK\r\n" * heard.count(b"*")


@asynccontextmanager
async def speaking(answer: Callable[[bytes], bytes | None]) -> AsyncIterator[str]:
    """The address of a server that answers what it hears; `None` closes the connection. In the end all have left."""
    serving: list[asyncio.Task[Any]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.append(asyncio.current_task())  # type: ignore[arg-type]  # there is one
        with suppress(ConnectionError):
            while (heard := await reader.read(100_000)) and (reply := answer(heard)) is not None:
                writer.write(reply)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listener:
        yield "{}:{}".format(*listener.sockets[0].getsockname())
        async with asyncio.timeout(10):
            await asyncio.gather(*serving)


@asynccontextmanager
async def server_that(answer: Callable[[bytes], bytes | None], **limits: Any) -> AsyncIterator[Server]:
    """A server that greets, and then answers in this way."""
    async with speaking(lambda heard: greet(heard) if b"CLIENT\r\n" in heard else answer(heard)) as address:
        with closing(connect(f"redis://{address}", **limits)) as server:
            yield server
