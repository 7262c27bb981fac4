"""Django: the cache backends LocMemCache and RedisCache."""

from cache import key_value
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
MemoryMode, RedisMode = modes(
    OPERATIONS,
    memory="""
    from django.conf import settings
    from django.core.cache.backends.locmem import LocMemCache

    if not settings.configured:
        settings.configure()
    store = LocMemCache(object(), {})
    """,
    redis="""
    from django.core.cache.backends.redis import RedisCache

    store = RedisCache(url, {})
    """,
)
SHOWN = {
    "set(timeout: float) > get: str / NoneType": (
        "A value that is set for half a second is there in LocMemCache, and is not in RedisCache. [The "
        'documentation](https://docs.djangoproject.com/en/5.2/topics/cache/) of `timeout`: "the number of '
        'seconds the value should be stored in the cache".'
    ),
}
