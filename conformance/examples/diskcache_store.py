r"""DiskCache as its documentation measures it: a cache, on short byte strings, for one caller.

    conformance measure --store conformance.examples.diskcache_store:DiskCache \
        --claims conformance/examples/diskcache.toml --entries 1000

It needs `diskcache`, which the suite itself does not.
"""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import diskcache
from hypothesis import strategies as st

from conformance import Harness
from conformance.compare import Operation

_KEY = {"key": st.binary(min_size=1, max_size=8)}


class DiskCache(Harness):
    """A new cache in a folder of its own, which goes with it."""

    @asynccontextmanager
    async def open(self, namespace: str) -> AsyncIterator[Any]:
        """Open it empty."""
        with tempfile.TemporaryDirectory(prefix="diskcache-") as folder, diskcache.Cache(folder) as cache:
            yield cache

    def operations(self) -> tuple[Operation, ...]:
        """Name what is measured; `set` comes first, so it fills the store."""
        return (
            Operation("set", "set", {**_KEY, "value": st.just(b"value")}, writes="key"),
            Operation("get", "get", _KEY, reads="key"),
        )
