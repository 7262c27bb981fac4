"""A namespace in which an item was looked for is listed by InMemoryStore, and not by SqliteStore.

The docstring of `list_namespaces`: "List and filter namespaces in the store."
"""

from langgraph.store.memory import InMemoryStore
from langgraph.store.sqlite import SqliteStore

with SqliteStore.from_conn_string(":memory:") as sqlite:
    sqlite.setup()
    for store in (InMemoryStore(), sqlite):
        store.get(("users",), "k")
        print(store.list_namespaces())
