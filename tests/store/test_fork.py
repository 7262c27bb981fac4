"""What a process that was forked may do with the store that it inherited: nothing, once the store was used.

The parent notices nothing.
"""

import subprocess
import sys
from pathlib import Path

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


ONLY_THE_PARENT = ["child: StoreNotOpen StoreNotOpen done StoreNotOpen", "parent: A B", "same connection: True"]
BOTH = [f"{process}: TaskNotFound done done StoreNotOpen" for process in ("child", "parent")]
WAYS = [("used", ONLY_THE_PARENT), ("unused", BOTH)]


@pytest.mark.parametrize(("way", "outcome"), WAYS)
def test_a_store_in_memory_belongs_to_the_process_that_used_it_first(way: str, outcome: list[str]) -> None:
    assert forked(way) == outcome


@pytest.mark.usefixtures("client")  # empties the server
@pytest.mark.parametrize(("way", "outcome"), [*WAYS, ("held", ["left open: 0"])])
def test_a_connection_belongs_to_the_process_that_used_it_first(
    way: str, outcome: list[str], server: EmbeddedServer
) -> None:
    assert forked(way, server.url) == outcome
