"""`created_at` has a time zone in InMemoryStore and none in SqliteStore, so that the two cannot be compared.

The docstring of Item: "created_at: Timestamp of item creation".
"""

from langgraph.store.memory import InMemoryStore
from langgraph.store.sqlite import SqliteStore

with SqliteStore.from_conn_string(":memory:") as sqlite:
    sqlite.setup()
    for store in (InMemoryStore(), sqlite):
        store.put(("users",), "k", {"a": 1})
        print(store.get(("users",), "k").created_at.tzinfo)
