"""cashews: mem:// and redis://, set up with no more than their addresses."""

from cache import key_value
from cashews import Cache
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


def cache_at(url="mem://"):
    """An empty cache."""
    cache = Cache()
    cache.setup(url)
    return cache


MemoryMode, RedisMode = modes(OPERATIONS, memory=cache_at, redis=cache_at)
