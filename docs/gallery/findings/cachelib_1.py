"""`set` with a negative timeout expires at once in SimpleCache, and never in RedisCache.

The docstring of `set`: "A timeout of 0 indicates that the cache never expires"; of negative ones it does not speak.
"""

import os

from cachelib import RedisCache, SimpleCache

for cache in (SimpleCache(), RedisCache(port=int(os.environ["REDIS_PORT"]))):
    cache.set("k", "text", timeout=-1)
    print(cache.get("k"))
