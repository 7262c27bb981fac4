from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import redis

from conformance.backends.servers import EmbeddedServer
from taskstore.redis import RedisTaskStore, connect


@pytest.fixture
def client(server: EmbeddedServer, nowhere: None) -> Iterator[Any]:  # noqa: ARG001  a fixture
    """A client of a server that is empty before and after the test."""
    with redis.Redis.from_url(server.url) as client:
        yield client
        client.flushall()


@pytest.fixture
def partitions() -> int:
    return 1


@pytest.fixture
async def store(server: EmbeddedServer, client: Any, partitions: int) -> AsyncIterator[RedisTaskStore]:  # noqa: ARG001  empties the server
    async with RedisTaskStore(connect(server.url), prefix="taskstore", partitions=partitions) as store:
        yield store
