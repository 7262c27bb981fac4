"""What a process that was forked may do with the store that it inherited: nothing, once the store was used.

The parent notices nothing.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from conformance.backends.servers import EmbeddedServer


def forked(way: str, *url: str) -> list[str]:
    """Fork while a store is open, in a process without threads, and return what is printed."""
    command = [sys.executable, "-P", "-m", "tests.store.forking", way, *url]
    root = Path(__file__).parents[2]
    ran = subprocess.run(
        command, cwd=root, env={"PYTHONPATH": str(root)}, capture_output=True, text=True, timeout=60, check=False
    )
    assert not ran.stderr
    return ran.stdout.splitlines()


USED = ["child: StoreNotOpen StoreNotOpen done StoreNotOpen", "parent: A B", "same connection: True"]


@pytest.mark.parametrize("way", ["bare", "process", "pool"])
def test_a_child_cannot_use_a_store_in_memory(way: str) -> None:
    assert forked(way) == USED


@pytest.mark.parametrize("way", ["bare", "process", "pool"])
def test_a_child_cannot_use_a_connection_of_its_parent(way: str, server: EmbeddedServer, client: Any) -> None:  # noqa: ARG001  empties it
    assert forked(way, server.url) == USED


UNUSED = [f"{process}: TaskNotFound done done StoreNotOpen" for process in ("child", "parent")]


def test_each_process_can_use_a_store_in_memory_that_was_not_used_before() -> None:
    assert forked("unused") == UNUSED


def test_each_process_can_use_a_store_in_redis_that_was_not_used_before(server: EmbeddedServer, client: Any) -> None:  # noqa: ARG001  empties it
    assert forked("unused", server.url) == UNUSED


def test_a_child_keeps_no_connection_open(server: EmbeddedServer, client: Any) -> None:  # noqa: ARG001  empties it
    assert forked("held", server.url) == ["left open: 0"]
