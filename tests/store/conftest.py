from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import redis

from conformance.backends.servers import EmbeddedServer


@pytest.fixture
def client(server: EmbeddedServer, nowhere: None) -> Iterator[Any]:  # noqa: ARG001  a fixture
    """A client of a server that is empty before and after the test."""
    with redis.Redis.from_url(server.url) as client:
        yield client
        client.flushall()
