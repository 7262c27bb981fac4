from __future__ import annotations

from collections.abc import Iterator

import pytest

from conformance.servers import EmbeddedServer

pytest_plugins = ["pytester"]


@pytest.fixture(scope="session")
def server() -> Iterator[EmbeddedServer]:
    with EmbeddedServer() as running:
        yield running
