"""Redis mode. `RedisTaskStore` is the store; `connect` names its server."""

from taskstore.redis.server import Server
from taskstore.redis.store import RedisTaskStore

connect = Server

__all__ = ["RedisTaskStore", "connect"]
