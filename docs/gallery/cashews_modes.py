"""cashews: mem:// and redis://, set up with no more than their addresses."""

from cache import key_value
from modes import modes

LIBRARY = "cashews"
OPERATIONS = key_value(
    exists="exists",
    ttl="get_expire",
    increment="incr",
    get_many=lambda cache, keys: cache.get_many(*keys),
    set_many="set_many",
    delete_many=lambda cache, keys: cache.delete_many(*keys),
    lifetime="expire",
)
MemoryMode, RedisMode = modes(
    OPERATIONS,
    memory="""
    from cashews import Cache

    store = Cache()
    store.setup("mem://")
    """,
    redis="""
    from cashews import Cache

    store = Cache()
    store.setup(url)
    """,
)
SHOWN = {
    "set(value: negative integer) > get: int / NoneType": (
        "A negative integer that was set reads as None in Redis, and as itself in memory. The README shows "
        '`await cache.set(key="key", value=90, expire="2h", exist=None)`; of other integers it does not '
        "speak."
    ),
}
