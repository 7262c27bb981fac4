"""aiocache: SimpleMemoryCache and RedisCache, each with its own default serializer."""

from urllib.parse import urlsplit

from aiocache import RedisCache, SimpleMemoryCache
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
    OPERATIONS, memory=SimpleMemoryCache, redis=lambda url: RedisCache(port=urlsplit(url).port)
)
