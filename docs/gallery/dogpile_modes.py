"""dogpile.cache: the backends dogpile.cache.memory and dogpile.cache.redis."""

from cache import key_value
from modes import modes

LIBRARY = "dogpile.cache"
OPERATIONS = key_value(get_many="get_multi", set_many="set_multi", delete_many="delete_multi")
MemoryMode, RedisMode = modes(
    OPERATIONS,
    memory="""
    from dogpile.cache import make_region

    store = make_region().configure("dogpile.cache.memory")
    """,
    redis="""
    from dogpile.cache import make_region

    store = make_region().configure("dogpile.cache.redis", arguments={"url": url})
    """,
)
SHOWN = {
    "set(value: empty list) > change what was passed in > get: length": (
        "What is done to a list after it was cached is done to the cached one in memory, and not in Redis. "
        'The docstring of MemoryPickleBackend, a third one: it behaves "the same way as other backends".'
    ),
}
