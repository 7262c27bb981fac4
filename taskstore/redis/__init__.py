"""Redis mode. `RedisTaskStore` is the store; `connect` names the server that it uses."""

from taskstore.redis.server import connect
from taskstore.redis.store import RedisTaskStore

__all__ = ["RedisTaskStore", "connect"]
