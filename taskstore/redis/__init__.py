"""Redis mode. `RedisTaskStore` is the store; `connect` names its server."""

from taskstore.redis.server import connect
from taskstore.redis.store import RedisTaskStore

__all__ = ["RedisTaskStore", "connect"]
