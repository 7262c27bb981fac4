"""Our Redis mode on other servers than one that is alone: behind a Sentinel, in a cluster, with the least rights."""

from contextlib import AbstractContextManager, ExitStack
from typing import Any

from redis.crc import key_slot

from conformance import Capability
from conformance.backends.redis import RedisHarness, bases_of
from conformance.backends.servers import EmbeddedServer
from statements.topologies import LONE_SLOTS, ClusterServers, SentinelServers

_RIGHTS = (
    "+select +ping +client|setname +exists +scan +info "
    "+evalsha +eval +time +hmget +hset +unlink +pttl +pexpire +pexpireat "
    "+zadd +zrem +zcard +zcount +zscore +zrangebyscore +zrevrange +zrevrank"
)
"""A case selects another database. The other commands a store sends, or its scripts call."""


class AclServer(EmbeddedServer):
    """A server with a user who may do what a store does, under the prefixes of the suite, and nothing else."""

    def __init__(self) -> None:
        super().__init__(config=f"user store on >least resetkeys ~{{conformance-* {_RIGHTS}")

    def _set_up(self, undo: ExitStack) -> None:
        super()._set_up(undo)
        self.store_url = self.url.replace("//", "//store:least@")


class AclHarness(RedisHarness):
    """The Redis store as the user with the least rights."""

    server_class = AclServer


class SentinelHarness(RedisHarness):
    """The Redis store on the master that a Sentinel names."""

    server_class = SentinelServers
    capabilities = RedisHarness.capabilities | {Capability.FAILOVER}


class ClusterHarness(RedisHarness):
    """The Redis store on a Redis Cluster, in three partitions."""

    server_class = ClusterServers
    partitions = 3
    capabilities = frozenset(Capability)
    _server: ClusterServers

    def _prefix(self, namespace: str) -> str:
        """A key prefix whose slots are none of the two that the first node does not have."""
        while not {*LONE_SLOTS}.isdisjoint(self._slots(namespace)):
            namespace += "~"
        return namespace

    def _slots(self, prefix: str) -> list[int]:
        return [key_slot(base.encode()) for base in bases_of(prefix, self.partitions)]

    def administer(self, *command: str) -> Any:
        """Send the command to all: each node has users of its own."""
        for node in self._server.all:
            node.call(*command)
        return super().administer(*command)

    def spare_database(self) -> int:
        return 0

    def slot_moved(self, namespace: str) -> AbstractContextManager[None]:
        return self._server.slots_moved(*self._slots(self._prefix(namespace)))
