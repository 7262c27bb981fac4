"""The inspector of a store in Redis: its records, its keys and its clock, through a client of the suite's own."""

# ruff: noqa: D102  `Inspector` says what each hook does

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import redis

from conformance.harness import HookMissingError, Inspector
from conformance.spec.model import TEXTS
from taskstore.redis.partitions import partition_of

_AGE = """
local by, deadlines = tonumber(ARGV[1]), ARGV[2]
if deadlines ~= '' then
  for _, id in ipairs(redis.call('ZRANGE', deadlines, 0, -1)) do redis.call('ZINCRBY', deadlines, -by, id) end
end
for _, key in ipairs(KEYS) do
  local left = redis.call('PTTL', key)
  if left >= 0 then redis.call('PEXPIRE', key, left - by) end
end
"""
_TEXTS = {"task_id", "status", *TEXTS}
"""The fields of a hash that hold a text as it is. All others hold JSON."""


class RedisNamespace(Inspector):
    """The keys under one prefix, with a string as record, by an ordinary synchronous client.

    `record` is what the keys of records begin with, `deadlines` the key of an index of ends of lifetimes, if there is
    one.
    """

    def __init__(self, client: redis.Redis, prefix: str, record: str, deadlines: str = "") -> None:
        self._client: Any = client  # redis-py's annotations promise awaitables of its synchronous client too
        self._pattern = re.sub(r"([*?\[\]\\])", r"\\\1", prefix) + "*"
        self._record, self._deadlines = record, deadlines

    def key(self, task_id: str) -> str:
        """The key of the record of a task."""
        return self._record + task_id

    def found(self) -> list[bytes]:
        """The keys that there are."""
        return list(self._client.scan_iter(match=self._pattern, count=1_000))

    def keys(self) -> set[str]:
        return {key.decode() for key in self.found()}

    def mentions(self, task_id: str) -> bool:
        holds: dict[bytes, Callable[[bytes], bool]] = {
            b"zset": lambda key: self._client.zscore(key, task_id) is not None,
            b"set": lambda key: self._client.sismember(key, task_id),
            b"hash": lambda key: self._client.hexists(key, task_id),
            b"list": lambda key: self._client.lpos(key, task_id) is not None,
        }
        entries = ((holds.get(self._client.type(key)), key) for key in self.found())
        return super().mentions(task_id) or any(hold(key) for hold, key in entries if hold)

    def raw(self, task_id: str) -> bytes | None:
        found: bytes | None = self._client.get(self.key(task_id))
        return found

    def overwrite(self, task_id: str, raw: bytes) -> None:
        self._client.set(self.key(task_id), raw, keepttl=True)

    def overwrite_with_another_type(self, task_id: str) -> None:
        self.delete(task_id)
        self._client.rpush(self.key(task_id), "not a record")
        self._client.expire(self.key(task_id), 3600)

    def delete(self, task_id: str) -> None:
        self._client.delete(self.key(task_id))

    def lifetime_ms(self, task_id: str) -> int:
        return int(self._client.pttl(self.key(task_id)))

    def requests(self) -> int:
        try:
            return int(self._client.info("stats")["total_reads_processed"])
        except (KeyError, redis.exceptions.ResponseError):
            raise HookMissingError("inspector.requests") from None

    def advance(self, by: timedelta) -> None:
        """Make every deadline earlier, at one instant: that of each key, and each entry of the index of deadlines."""
        keys = self.found()
        self._client.eval(_AGE, len(keys), *keys, by // timedelta(milliseconds=1), self._deadlines)

    def discard(self) -> None:
        """Remove every key of this namespace."""
        with self._client.pipeline(transaction=False) as pipeline:  # in a cluster each key may have another slot
            for key in self.found():
                pipeline.unlink(key)
            pipeline.execute()


class TaskNamespace(RedisNamespace):
    """The keys of our own store: a hash for each task, and indexes, under a hash tag for each partition.

    `raw` and `overwrite` take a hash for a JSON object, in which the fields that hold JSON are values.
    """

    def __init__(self, client: redis.Redis, bases: Sequence[str]) -> None:
        super().__init__(client, "", "")
        self._parts = [RedisNamespace(client, base, f"{base}:task:", f"{base}:deadlines") for base in bases]

    def key(self, task_id: str) -> str:
        return self._parts[partition_of(task_id, len(self._parts))].key(task_id)

    def found(self) -> list[bytes]:
        return [key for part in self._parts for key in part.found()]

    def raw(self, task_id: str) -> bytes | None:
        key = self.key(task_id)
        if self._client.type(key) != b"hash":
            return super().raw(task_id)
        fields = ((name.decode(), text.decode()) for name, text in sorted(self._client.hgetall(key).items()))
        return _json({name: text if name in _TEXTS else _value(text) for name, text in fields}).encode()

    def overwrite(self, task_id: str, raw: bytes) -> None:
        """Put a JSON object as a hash; what is none as a string, which is no record."""
        super().overwrite(task_id, raw)
        record = _value(raw)
        if isinstance(record, dict) and record:
            key, left = self.key(task_id), self.lifetime_ms(task_id)
            fields = {
                name: value if name in _TEXTS and isinstance(value, str) else _json(value)
                for name, value in record.items()
                if value is not None
            }
            self._client.delete(key)
            self._client.hset(key, mapping=fields)
            if left > 0:
                self._client.pexpire(key, left)

    def advance(self, by: timedelta) -> None:
        for part in self._parts:
            part.advance(by)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _value(text: str | bytes) -> Any:
    """The value that JSON stands for; what is no JSON stands for itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text
