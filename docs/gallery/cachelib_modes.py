"""cachelib: SimpleCache and RedisCache."""

from urllib.parse import urlsplit

from cache import key_value
from cachelib import RedisCache, SimpleCache
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
MemoryMode, RedisMode = modes(OPERATIONS, memory=SimpleCache, redis=lambda url: RedisCache(port=urlsplit(url).port))
