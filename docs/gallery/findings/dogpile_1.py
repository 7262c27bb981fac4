"""What is done to a list after it was cached is done to the cached one in memory, and not in Redis.

The docstring of MemoryPickleBackend, a third one: it behaves "the same way as other backends".
"""

import os

from dogpile.cache import make_region

for name, arguments in {"memory": {}, "redis": {"url": os.environ["REDIS_URL"]}}.items():
    region, value = make_region().configure(f"dogpile.cache.{name}", arguments=arguments), [1]
    region.set("k", value)
    value.append(2)
    print(region.get("k"))
