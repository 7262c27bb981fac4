"""`search` with `$gt` raises ValueError in InMemoryStore where an item holds a text, and skips it in SqliteStore.

The docstring of SearchOp lists "`$gt`: Greater than" among the operators of a filter, and no exception.
"""

from langgraph.store.memory import InMemoryStore
from langgraph.store.sqlite import SqliteStore

with SqliteStore.from_conn_string(":memory:") as sqlite:
    sqlite.setup()
    for store in (InMemoryStore(), sqlite):
        store.put(("users",), "k", {"score": "none yet"})
        try:
            print(store.search(("users",), filter={"score": {"$gt": 0}}))
        except ValueError as error:
            print(repr(error))
