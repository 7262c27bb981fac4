"""A value that is set for half a second is there in LocMemCache, and is not in RedisCache.

[The documentation](https://docs.djangoproject.com/en/5.2/topics/cache/) of `timeout`: "the number of seconds the
value should be stored in the cache".
"""

import os

from django.conf import settings
from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache

settings.configure()
for cache in (LocMemCache("", {}), RedisCache(os.environ["REDIS_URL"], {})):
    cache.set("k", "text", timeout=0.5)
    print(cache.get("k"))
