"""cachelib: SimpleCache and RedisCache."""

from cache import key_value
from modes import modes

LIBRARY = "cachelib"
OPERATIONS = key_value(
    exists="has",
    add="add",
    increment="inc",
    get_many=lambda cache, keys: cache.get_many(*keys),
    set_many="set_many",
    delete_many=lambda cache, keys: cache.delete_many(*keys),
    lifetime="timeout",
)
MemoryMode, RedisMode = modes(
    OPERATIONS,
    memory="""
    from cachelib import SimpleCache

    store = SimpleCache()
    """,
    redis="""
    from urllib.parse import urlsplit

    from cachelib import RedisCache

    store = RedisCache(port=urlsplit(url).port)
    """,
)
SHOWN = {
    "set(timeout: negative integer) > get: NoneType / str": (
        "`set` with a negative timeout expires at once in SimpleCache, and never in RedisCache. The docstring "
        'of `set`: "A timeout of 0 indicates that the cache never expires"; of negative ones it does not '
        "speak."
    ),
}
