"""The inspector of a store in Redis: its records, its keys and its clock, through a client of the suite's own."""

# ruff: noqa: D102  `Inspector` says what each hook does

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import chain
from typing import Any

import redis

from conformance.harness import HookMissingError, Inspector
from conformance.spec.model import TEXTS
from taskstore.redis.partitions import partition_of

_AGE = """
local by, deadlines, pattern = tonumber(ARGV[1]), ARGV[2], ARGV[3]
if deadlines ~= '' then
  for _, id in ipairs(redis.call('ZRANGE', deadlines, 0, -1)) do redis.call('ZINCRBY', deadlines, -by, id) end
end
for _, key in ipairs(pattern == '' and KEYS or redis.call('KEYS', pattern)) do
  local left = redis.call('PTTL', key)
  if left >= 0 then redis.call('PEXPIRE', key, left - by) end
end
"""


class RedisNamespace(Inspector):
    """The keys under one prefix, with a string as record, by an ordinary synchronous client.

    `record` is what the keys of records begin with, `deadlines` the key of an index of ends of lifetimes, if there is
    one. Where others ask the server too, `monitor` gives what counts the requests.
    """

    def __init__(
        self,
        client: redis.Redis,
        prefix: str,
        record: str,
        deadlines: str = "",
        monitor: Callable[[], Monitor] | None = None,
    ) -> None:
        self._client: Any = client  # redis-py's annotations promise awaitables of its synchronous client too
        self._pattern = re.sub(r"([*?\[\]\\])", r"\\\1", prefix) + "*"
        self._record = record
        self._deadlines = deadlines
        self._monitor = monitor

    def _key(self, task_id: str) -> str:
        return self._record + task_id

    def _keys(self) -> Iterator[bytes]:
        yield from self._client.scan_iter(match=self._pattern, count=1_000)

    def keys(self) -> set[str]:
        return {key.decode() for key in self._keys()}

    def mentions(self, task_id: str) -> bool:
        holds: dict[bytes, Callable[[bytes], bool]] = {
            b"zset": lambda key: self._client.zscore(key, task_id) is not None,
            b"set": lambda key: self._client.sismember(key, task_id),
            b"hash": lambda key: self._client.hexists(key, task_id),
            b"list": lambda key: self._client.lpos(key, task_id) is not None,
        }
        entries = ((holds.get(self._client.type(key)), key) for key in self._keys())
        return super().mentions(task_id) or any(hold(key) for hold, key in entries if hold)

    def raw(self, task_id: str) -> bytes | None:
        found: bytes | None = self._client.get(self._key(task_id))
        return found

    def overwrite(self, task_id: str, raw: bytes) -> None:
        self._client.set(self._key(task_id), raw, keepttl=True)

    def overwrite_with_another_type(self, task_id: str) -> None:
        self.delete(task_id)
        self._client.rpush(self._key(task_id), "not a record")
        self._client.expire(self._key(task_id), 3600)

    def delete(self, task_id: str) -> None:
        self._client.delete(self._key(task_id))

    def lifetime_ms(self, task_id: str) -> int:
        return int(self._client.pttl(self._key(task_id)))

    def requests(self) -> int:
        if self._monitor is not None:
            return self._monitor().count()
        try:
            return int(self._client.info("stats")["total_reads_processed"])
        except (KeyError, redis.exceptions.ResponseError):
            raise HookMissingError("inspector.requests") from None

    def advance(self, by: timedelta) -> None:
        """Make every deadline earlier, at one instant: that of each key, and each entry of the index of deadlines."""
        self.age(by, self._pattern)

    def age(self, by: timedelta, pattern: str, *keys: bytes) -> None:
        """Make the deadlines of these keys earlier, or of all that match the pattern."""
        self._client.eval(_AGE, len(keys), *keys, by // timedelta(milliseconds=1), self._deadlines, pattern)

    def discard(self) -> None:
        """Remove every key of this namespace."""
        with self._client.pipeline(transaction=False) as pipeline:  # in a cluster each key may have another slot
            for key in self._keys():
                pipeline.unlink(key)
            pipeline.execute()


class Monitor:
    """Counts the requests of a server that others ask too: its replicas, and what watches it."""

    _OTHERS = frozenset({"CLIENT", "CLUSTER", "HELLO", "INFO", "PING", "PUBLISH", "REPLCONF", "ROLE", "SUBSCRIBE"})

    def __init__(self, url: str) -> None:
        self._client: Any = redis.Redis.from_url(url)
        monitor: Any = self._client.monitor()  # type: ignore[no-untyped-call]  # redis-py leaves it open
        self._monitor = monitor.__enter__()
        self._seen = 0

    def count(self) -> int:
        """How many requests there were, this one included."""
        own = secrets.token_hex()
        self._client.echo(own)
        for one in self._monitor.listen():
            self._seen += one["client_type"] != "lua" and one["command"].split()[0].upper() not in self._OTHERS
            if own in one["command"]:
                break
        return self._seen

    def close(self) -> None:
        """Count no further."""
        self._monitor.__exit__(None, None, None)
        self._client.close()


class TaskNamespace(RedisNamespace):
    """The keys of our own store: a hash for each task, and indexes, under a hash tag for each partition.

    `raw` and `overwrite` take a hash for a JSON object, in which the fields that hold JSON are values.
    """

    def __init__(
        self, client: redis.Redis, prefix: str, partitions: int = 1, monitor: Callable[[], Monitor] | None = None
    ) -> None:
        super().__init__(client, "", "", monitor=monitor)
        self._parts = [
            RedisNamespace(client, base, f"{base}:task:", f"{base}:deadlines") for base in bases(prefix, partitions)
        ]

    def _key(self, task_id: str) -> str:
        return self._parts[partition_of(task_id, len(self._parts))]._key(task_id)  # noqa: SLF001  of the same kind

    def _keys(self) -> Iterator[bytes]:
        return chain.from_iterable(part._keys() for part in self._parts)  # noqa: SLF001  of the same kind

    def raw(self, task_id: str) -> bytes | None:
        if self._client.type(self._key(task_id)) != b"hash":
            return super().raw(task_id)
        fields = {
            name.decode(): value.decode() for name, value in sorted(self._client.hgetall(self._key(task_id)).items())
        }
        return _json({name: text if name in _TEXTS else _value(text) for name, text in fields.items()}).encode()

    def overwrite(self, task_id: str, raw: bytes) -> None:
        """Put a JSON object as a hash; what is none as a string, which is no record."""
        super().overwrite(task_id, raw)
        record = _value(raw)
        if not isinstance(record, dict) or not record:
            return
        key, left = self._key(task_id), self.lifetime_ms(task_id)
        given = {name: value for name, value in record.items() if value is not None}
        fields = {
            name: value if name in _TEXTS and isinstance(value, str) else _json(value) for name, value in given.items()
        }
        with self._client.pipeline() as pipeline:
            pipeline.delete(key).hset(key, mapping=fields)
            if left > 0:
                pipeline.pexpire(key, left)
            pipeline.execute()

    def advance(self, by: timedelta) -> None:
        for part in self._parts:
            part.advance(by)


_TEXTS = {"task_id", "status", *TEXTS}
"""The fields that hold a text as it is. All others hold JSON."""


def bases(prefix: str, partitions: int) -> list[str]:
    """What the keys of each partition begin with."""
    return [f"{{{prefix}:{number}/{partitions}}}" for number in range(partitions)]


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _value(text: str | bytes) -> Any:
    """The value that JSON stands for; what is no JSON stands for itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text


class SharedNamespace(TaskNamespace):
    """A prefix on a server that others use too."""

    def advance(self, by: timedelta) -> None:
        for part in self._parts:
            part.age(by, "", *part._keys())  # noqa: SLF001  to look for them in the script would hold up the others

    def requests(self) -> int:
        raise HookMissingError("inspector.requests")
