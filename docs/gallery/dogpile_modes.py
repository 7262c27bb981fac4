"""dogpile.cache: the backends dogpile.cache.memory and dogpile.cache.redis."""

from cache import key_value
from dogpile.cache import make_region
from modes import modes

LIBRARY = "dogpile.cache"
OPERATIONS = key_value(get_many="get_multi", set_many="set_multi", delete_many="delete_multi")
MemoryMode, RedisMode = modes(
    OPERATIONS,
    memory=lambda: make_region().configure("dogpile.cache.memory"),
    redis=lambda url: make_region().configure("dogpile.cache.redis", arguments={"url": url}),
)
