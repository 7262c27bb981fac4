"""langgraph: InMemoryStore and SqliteStore."""

from contextlib import asynccontextmanager

from hypothesis import strategies as st
from langgraph.store.memory import InMemoryStore
from langgraph.store.sqlite import SqliteStore

from conformance import Harness
from conformance.compare import WHOLE, Operation, hostile

LIBRARY = "langgraph-checkpoint-sqlite"
NAMESPACE = ("users", "1")
NAMESPACES = st.sampled_from([("users", "2"), ("users",), ("admins",)])
PREFIXES = st.sampled_from([("users",), (), ("users", "1"), ("user",), ("users", "2"), ("users", "%"), ("users.1",)])
VALUES = st.builds(lambda value: {"a": value}, hostile.values())
FILTERS = st.sampled_from([{"a": 1}, {"a": "text"}, {"a": None}, {"a": {"$gt": 0}}, {"a": {"$ne": 1}}, {"b": None}])
TIMES = {"times": ("created_at", "updated_at")}


class MemoryMode(Harness):
    """The store in memory."""

    @asynccontextmanager
    async def open(self, namespace):
        """An empty store."""
        yield InMemoryStore()

    def operations(self):
        """The operations of `BaseStore`."""
        key = {"key": hostile.keys()}
        pages = {"limit": st.integers(0, 20), "offset": st.integers(0, 3), "filter": FILTERS, "prefix": PREFIXES}
        return (
            Operation("put", put, {**key, "value": VALUES}, {"namespace": NAMESPACES}, writes="key"),
            Operation("get", lambda store, key: store.get(NAMESPACE, key), key, reads="key", **TIMES),
            Operation("delete", lambda store, key: store.delete(NAMESPACE, key), key, writes="key"),
            Operation("search", search, {}, pages, reads=WHOLE, **TIMES),
            Operation("list_namespaces", lambda store: store.list_namespaces(), reads=WHOLE),
        )


def put(store, key, value, namespace=NAMESPACE):
    """Put an item."""
    return store.put(namespace, key, value)


def search(store, prefix=("users",), **arguments):
    """Search below a prefix; the order of items is not specified."""
    return sorted(store.search(prefix, **arguments), key=lambda item: (item.namespace, item.key))


class SqliteMode(MemoryMode):
    """The store in SQLite."""

    @asynccontextmanager
    async def open(self, namespace):
        """An empty database in memory."""
        with SqliteStore.from_conn_string(":memory:") as store:
            store.setup()
            yield store


STORES = MemoryMode, SqliteMode
