"""What every harness of a store in Redis has in common: a private server, and all the hooks that need one."""

# ruff: noqa: D102  `Harness` and `Inspector` say what each hook does

import json
import re
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager, suppress
from datetime import timedelta
from functools import cache
from typing import Any, ClassVar

import redis
import redis.utils

from conformance.backends.servers import EmbeddedServer, RedisServer
from conformance.harness import Capability, Harness, HookMissingError, Inspector
from taskstore import FailureKind

# redis-py reads its own metadata for each connection, which takes longer than to connect; the suite opens thousands.
setattr(redis.utils, "get_lib_version", cache(redis.utils.get_lib_version))  # noqa: B010  mypy refuses an assignment

_client_of = cache(redis.Redis.from_url)

_AGE = """
local by, deadlines, left = tonumber(ARGV[1]), ARGV[2], redis.call('PTTL', KEYS[1])
if deadlines ~= '' and string.sub(KEYS[1], -#deadlines) == deadlines then
  for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do redis.call('ZINCRBY', KEYS[1], -by, id) end
end
if left >= 0 then redis.call('PEXPIRE', KEYS[1], left - by) end
"""
_MENTIONS = """
local kind = redis.call('TYPE', KEYS[1]).ok
local command = ({zset = 'ZSCORE', list = 'LPOS', set = 'SISMEMBER', hash = 'HEXISTS'})[kind]
local found = command and redis.call(command, KEYS[1], ARGV[1])
return string.find(KEYS[1], ARGV[1], 1, true) or found and (kind == 'list' or found ~= 0)
"""


class RedisNamespace(Inspector):
    """The keys under one prefix, with a string or a hash as record, by an ordinary synchronous client.

    `record` is what the keys of records begin with. `raw` and `overwrite` take a hash for a JSON object. A field that
    holds an array or an object as JSON holds it there too.
    """

    deadlines = ""
    """How the key of an index of deadlines in milliseconds ends, if there is one."""

    def __init__(self, client: Any, prefix: str, record: str) -> None:
        self._client, self._record = client, record
        self._pattern = re.sub(r"([*?\[\]\\])", r"\\\1", prefix) + "*"

    def key(self, task_id: str) -> str:
        """The key of the record of a task."""
        return f"{self._record}{task_id}"

    def keys(self) -> set[str]:
        return {key.decode() for key in self._client.scan_iter(match=self._pattern, count=1_000)}

    def mentions(self, task_id: str) -> bool:
        return any(self._of_each_key("EVAL", _MENTIONS, 1, after=(task_id,)).values())

    def raw(self, task_id: str) -> bytes | None:
        if not self._is_hash(task_id):
            found: bytes | None = self._client.get(self.key(task_id))
            return found
        record = self._client.hgetall(self.key(task_id))
        return json.dumps({name.decode(): _decoded(text) for name, text in sorted(record.items())}).encode()

    def overwrite(self, task_id: str, raw: bytes) -> None:
        """Put a JSON object in the place of a hash as a hash, all else as a string."""
        record = _decoded(raw) if self._is_hash(task_id) else None
        self.delete(task_id)
        if record and isinstance(record, dict):
            fields = {name: value if isinstance(value, str) else json.dumps(value) for name, value in record.items()}
            self._client.hset(self.key(task_id), mapping=fields)
        else:
            self._client.set(self.key(task_id), raw)

    def _is_hash(self, task_id: str) -> bool:
        return bool(self._client.type(self.key(task_id)) == b"hash")

    def overwrite_with_another_type(self, task_id: str) -> None:
        self.delete(task_id)
        self._client.rpush(self.key(task_id), "not a record")

    def delete(self, task_id: str) -> None:
        self._client.delete(self.key(task_id))

    def lifetimes(self) -> Mapping[str, int]:
        return self._of_each_key("PTTL")

    def requests(self) -> int:
        try:
            return int(self._client.info("stats")["total_reads_processed"])
        except (KeyError, redis.ResponseError):  # a server that does not count them
            raise HookMissingError("inspector.requests") from None

    def advance(self, by: timedelta) -> None:
        """Make the deadline of every key earlier."""
        self._of_each_key("EVAL", _AGE, 1, after=(by // timedelta(milliseconds=1), self.deadlines))

    def discard(self) -> None:
        """Remove every key of this namespace."""
        self._of_each_key("UNLINK")

    def _of_each_key(self, *before: Any, after: Sequence[Any] = ()) -> dict[str, Any]:
        """Send a command for each key, with what stands before the key and after it, and return the replies."""
        keys = [*self.keys()]
        with self._client.pipeline(transaction=False) as pipeline:  # in a cluster each key may have another slot
            for key in keys:
                pipeline.execute_command(*before, key, *after)
            return dict(zip(keys, pipeline.execute(), strict=True))


class RedisServerHarness(Harness):
    """A store in Redis. Write `open_at`, and say what its keys begin with; the rest is here.

    It needs the extra `conformance-redis`. Without `server` it starts one of `server_class`: a private process.
    """

    capabilities = frozenset({Capability.PERSISTENT, Capability.SHARED, Capability.REMOTE})
    server_class: ClassVar[type[RedisServer]] = EmbeddedServer
    prefix = "{namespace}:"
    """What every key of a namespace begins with."""
    record = "{namespace}:"
    """What stands before the id in the key of a task's record."""

    def __init__(self, server: RedisServer | None = None) -> None:
        self._server = server or self.server_class()

    @abstractmethod
    def open_at(self, namespace: str, url: str, seconds: float) -> AbstractAsyncContextManager[Any]:
        """Open a store on the server at a URL, as `Harness.open_at` says."""

    def open(self, namespace: str) -> AbstractAsyncContextManager[Any]:
        return self.open_at(namespace, self._server.store_url, 5)

    @contextmanager
    def running(self) -> Iterator[None]:
        with self._server:
            try:
                yield
            finally:
                self._client().close()

    def facts(self) -> Mapping[str, str]:
        return self._server.facts()

    def discard(self, namespace: str) -> None:
        self._behind(namespace).discard()

    def advance(self, namespace: str, by: timedelta) -> None:
        self._behind(namespace).advance(by)

    def inspector(self, namespace: str) -> Inspector:
        return self._behind(namespace)

    def _behind(self, namespace: str) -> RedisNamespace:
        prefix, record = (text.format(namespace=namespace) for text in (self.prefix, self.record))
        return RedisNamespace(self._client(), prefix, record)

    def url(self) -> str:
        return self._server.url

    def administer(self, *command: str) -> Any:
        return self._client().execute_command(*command)

    def restart_server(self) -> None:
        self._server.restart()

    def fail_over(self, *, kill: bool) -> None:
        self._server.fail_over(kill=kill)

    def spare_database(self) -> int:
        return 12  # two digits: a store that reads only one of them opens another database

    @contextmanager
    def cause_failure(self, failure_kind: FailureKind) -> Iterator[None]:
        if failure_kind is not FailureKind.OUT_OF_MEMORY:
            raise HookMissingError(f"cause_failure({failure_kind})")
        _, before = self._server.call("CONFIG GET maxmemory")
        self._server.call("CONFIG SET maxmemory 1")
        try:
            yield
        finally:
            self._server.call("CONFIG SET maxmemory", before)

    def _client(self) -> Any:
        return _client_of(self._server.url)  # another one after a failover


def _decoded(text: bytes) -> Any:
    """The array or object that a text holds as JSON; any other text as it is."""
    with suppress(ValueError):
        if isinstance(value := json.loads(text), list | dict):
            return value
    return text.decode(errors="replace")
