"""langgraph: InMemoryStore and SqliteStore."""

from hypothesis import strategies as st
from modes import modes

from conformance.compare import WHOLE, Operation, hostile

LIBRARY = "langgraph-checkpoint-sqlite"
NAMESPACES = [("users", "1"), ("users", "2"), ("users",), ("admins",)]
ITEM = {"namespace": st.sampled_from(NAMESPACES), "key": hostile.keys()}
VALUE = {"value": st.builds(lambda value: {"a": value}, hostile.values())}
PREFIX = {"prefix": st.sampled_from([*NAMESPACES, (), ("user",), ("users", "%"), ("users.1",)])}
FILTERS = [{"a": 1}, {"a": "text"}, {"a": None}, {"a": {"$gt": 0}}, {"a": {"$ne": 1}}, {"b": None}]
PAGES = {"limit": st.integers(-1, 20), "offset": st.integers(-1, 3), "filter": st.sampled_from(FILTERS)}
ONE, TIMES = ("namespace", "key"), {"times": ("created_at", "updated_at")}

OPERATIONS = (
    Operation("put", "put", ITEM | VALUE, writes=ONE),
    Operation("get", "get", ITEM, reads=ONE, **TIMES),
    Operation("delete", "delete", ITEM, writes=ONE),
    Operation("search", "search", PREFIX, PAGES, reads=WHOLE, positional=("prefix",), **TIMES),
    Operation("list_namespaces", "list_namespaces", reads=WHOLE),
)
MemoryMode, SqliteMode = modes(
    OPERATIONS,
    memory="""
    from langgraph.store.memory import InMemoryStore

    store = InMemoryStore()
    """,
    sqlite="""
    import sqlite3

    from langgraph.store.sqlite import SqliteStore

    store = SqliteStore(sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None))
    store.setup()
    """,
)
SHOWN = {
    "get > list_namespaces: length": (
        "A namespace in which an item was looked for is listed by InMemoryStore, and not by SqliteStore. The "
        'docstring of `list_namespaces`: "List and filter namespaces in the store."'
    ),
}
