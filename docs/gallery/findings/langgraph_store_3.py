"""A namespace is listed after its last item is deleted by InMemoryStore, and not by SqliteStore.

The docstring of `list_namespaces`: "List and filter namespaces in the store"; of empty ones it does not speak.
"""

from langgraph.store.memory import InMemoryStore
from langgraph.store.sqlite import SqliteStore

with SqliteStore.from_conn_string(":memory:") as sqlite:
    sqlite.setup()
    for store in (InMemoryStore(), sqlite):
        store.put(("users",), "k", {"a": 1})
        store.delete(("users",), "k")
        print(store.list_namespaces())
