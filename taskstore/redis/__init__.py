"""Redis mode. `RedisTaskStore` is the store, `PartitionedTaskStore` several of them; `connect` names their server."""

from taskstore.redis.partitions import PartitionedTaskStore
from taskstore.redis.server import connect
from taskstore.redis.store import RedisTaskStore

__all__ = ["PartitionedTaskStore", "RedisTaskStore", "connect"]
