"""`inc` of a float works in SimpleCache, and raises ResponseError in RedisCache.

The docstring of `inc`: "Increments the value of a key by ``delta``"; it does not name the types of value.
"""

import os
from urllib.parse import urlsplit

from cachelib import RedisCache, SimpleCache

for cache in (SimpleCache(), RedisCache(port=urlsplit(os.environ["REDIS_URL"]).port)):
    cache.set("k", 1.0)
    try:
        print(cache.inc("k"))
    except Exception as error:
        print(f"raises {type(error).__name__}: {error}")
