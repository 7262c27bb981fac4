"""py-key-value-aio: MemoryStore and RedisStore."""

from cache import key_value
from hypothesis import strategies as st
from modes import modes

from conformance.compare import Operation, hostile

LIBRARY = "py-key-value-aio"
VALUES = st.builds(lambda value: {"a": value}, hostile.values())
OTHER = {"collection": st.sampled_from(["other", "", "a:b"])}
TWO = {
    "keys": st.lists(hostile.keys(), min_size=2, max_size=2, unique=True),
    "values": st.lists(VALUES, min_size=2, max_size=2),
}
OPERATIONS = (
    *key_value(
        set="put",
        ttl="ttl",
        get_many="get_many",
        delete_many="delete_many",
        lifetime="ttl",
        values=VALUES,
        optional=OTHER,
    ),
    Operation("put_many", "put_many", TWO, OTHER, writes="keys", positional=[*TWO]),
)
MemoryMode, RedisMode = modes(
    OPERATIONS,
    memory="""
    from key_value.aio.stores.memory import MemoryStore

    store = MemoryStore()
    """,
    redis="""
    from key_value.aio.stores.redis import RedisStore

    store = RedisStore(url=url)
    """,
)
SHOWN = {
    "put_many(values: timedelta) > get(key: another value): dict / NoneType": (
        "`put_many` of which one value cannot be stored stores those before it in MemoryStore, and none in "
        'RedisStore. The docstring of `put_many`: "Store multiple key-value pairs in the specified '
        'collection."'
    ),
}
