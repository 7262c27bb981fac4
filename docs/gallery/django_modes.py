"""Django: the cache backends LocMemCache and RedisCache."""

from cache import key_value
from django.conf import settings
from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache
from hypothesis import strategies as st
from modes import modes

LIBRARY = "django"
OPERATIONS = key_value(
    exists="has_key",
    add="add",
    increment="incr",
    get_many="get_many",
    set_many="set_many",
    delete_many="delete_many",
    lifetime="timeout",
    optional={"version": st.sampled_from([1, 2, 0, -1])},
)
settings.configure()
MemoryMode, RedisMode = modes(
    OPERATIONS, memory=lambda: LocMemCache(object(), {}), redis=lambda url: RedisCache(url, {})
)
