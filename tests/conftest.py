from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.subjects.servers import EmbeddedServer
from taskstore import TaskStoreSettings

pytest_plugins = ["pytester"]

# Benchmarks and reports are not installed. Last, so that an installed taskstore is what the tests import.
sys.path.append(str(Path(__file__).parents[1]))


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No settings, in the environment or in a `.env`."""
    for name in TaskStoreSettings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def server() -> Iterator[EmbeddedServer]:
    with EmbeddedServer() as running:
        yield running
