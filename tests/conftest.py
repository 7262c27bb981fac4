from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.subjects.servers import EmbeddedServer

pytest_plugins = ["pytester"]

# Benchmarks and reports are not installed. Last, so that an installed taskstore is what the tests import.
sys.path.append(str(Path(__file__).parents[1]))


@pytest.fixture(scope="session")
def server() -> Iterator[EmbeddedServer]:
    with EmbeddedServer() as running:
        yield running
