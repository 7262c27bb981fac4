r"""DiskCache as its documentation measures it: one cache and one of four shards, on short byte strings, for one caller.

    conformance measure --store conformance.examples.diskcache_store:DiskCache \
        --claims conformance/examples/diskcache.toml --entries 1000

It needs `diskcache`, which the suite itself does not.
"""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from typing import Any

import diskcache
from hypothesis import strategies as st

from conformance import Harness
from conformance.compare import Operation

_KEY = st.binary(min_size=1, max_size=8)


class Caches:
    """Both kinds of cache, in one folder."""

    def __init__(self, folder: str) -> None:
        self.cache = diskcache.Cache(f"{folder}/cache")
        self.fanout = diskcache.FanoutCache(f"{folder}/fanout", shards=4, timeout=1.0)

    def fill(self, key: bytes, value: bytes) -> None:
        """Set a key in both."""
        self.cache.set(key, value)
        self.fanout.set(key, value)

    def close(self) -> None:
        """Close both."""
        self.cache.close()
        self.fanout.close()


class DiskCache(Harness):
    """New caches in a folder of their own, which goes with them."""

    @asynccontextmanager
    async def open(self, namespace: str) -> AsyncIterator[Any]:
        """Open them empty."""
        with tempfile.TemporaryDirectory(prefix="diskcache-") as folder, closing(Caches(folder)) as caches:
            yield caches

    def operations(self) -> tuple[Operation, ...]:
        """Name what is measured; `fill` comes first, so it fills the store."""
        key, value = {"key": _KEY}, {"key": _KEY, "value": st.just(b"value")}
        return (
            Operation("fill", "fill", value, writes="key"),
            Operation("get", lambda caches, key: caches.cache.get(key), key, reads="key"),
            Operation("set", lambda caches, key, value: caches.cache.set(key, value), value, writes="key"),
            Operation("fanout_get", lambda caches, key: caches.fanout.get(key), key, reads="key"),
            Operation("fanout_set", lambda caches, key, value: caches.fanout.set(key, value), value, writes="key"),
        )
