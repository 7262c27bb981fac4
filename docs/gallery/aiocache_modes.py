"""aiocache: SimpleMemoryCache and RedisCache, each with its own default serializer."""

from cache import key_value
from modes import modes

LIBRARY = "aiocache"
OPERATIONS = key_value(
    exists="exists",
    add="add",
    increment="increment",
    get_many="multi_get",
    set_many=lambda cache, items: cache.multi_set([*items.items()]),
    lifetime="ttl",
)
MemoryMode, RedisMode = modes(
    OPERATIONS,
    memory="""
    from aiocache import SimpleMemoryCache

    store = SimpleMemoryCache()
    """,
    redis="""
    from urllib.parse import urlsplit

    from aiocache import RedisCache

    store = RedisCache(port=urlsplit(url).port)
    """,
)
SHOWN = {
    "set(value: tuple) > get: tuple / list": (
        "A tuple comes back as a tuple from memory, and as a list from Redis, each with its default "
        "serializer. The docstrings of the caches name their serializers, NullSerializer and JsonSerializer."
    ),
}
