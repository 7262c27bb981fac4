"""Six kinds of store, in memory and in Redis, that behave alike, and their harnesses.

Each call is one request, and done or not done. The entries of `pairs.toml` change this file.
`KIND=cache conformance compare stores:Memory stores:Redis` compares two of a kind.
"""

import json
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from math import inf
from typing import Any

import redis.asyncio
from hypothesis import strategies as st
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from conformance.backends.server_harness import RedisServerHarness
from conformance.compare import WHOLE, Operation, earlier_ids
from conformance.harness import Capability, Harness

NOW: dict[str, float] = {}
"""By namespace, the seconds by which its clock in memory was moved."""
MOST = 3
"""What a limiter lets pass in a window."""


class Entries:
    """Entries with ends, by the clock of a namespace."""

    def __init__(self, namespace: str) -> None:
        self._namespace = namespace
        self._rows: dict[str, tuple[Any, float]] = {}

    def now(self) -> float:
        return NOW.get(self._namespace, 0.0)

    def put(self, key: str, value: Any, seconds: float | None) -> None:
        end = inf if seconds is None else self.now() + seconds
        self._rows[key] = value, end

    def find(self, key: str, default: Any = None) -> Any:
        value, end = self._rows.get(key, (default, inf))
        return value if self.now() < end else default

    def end(self, key: str) -> float:
        return self._rows[key][1]

    def remove(self, key: str) -> bool:
        is_there = self.find(key, self) is not self
        self._rows.pop(key, None)
        return is_there


class Keys:
    """Keys with a prefix. No request is sent twice."""

    def __init__(self, client: Any, namespace: str) -> None:
        self._client = client
        self._prefix = f"{namespace}:"

    def key(self, name: str) -> str:
        return self._prefix + name

    async def script(self, text: str, name: str, *arguments: Any) -> Any:
        return await self._client.eval(text, 1, self.key(name), *arguments)


def ms(seconds: float) -> int:
    return int(seconds * 1000)


class MemoryCache(Entries):
    """Values as JSON, some with a lifetime."""

    async def set(self, key: str, value: Any, ttl: float | None = None) -> None:
        if ttl is not None and ttl <= 0:
            self.remove(key)
        else:
            self.put(key, json.dumps(value), ttl)

    async def add(self, key: str, value: Any) -> bool:
        if await self.exists(key):
            return False
        self.put(key, json.dumps(value), None)
        return True

    async def get(self, key: str) -> Any:
        return json.loads(self.find(key, "null"))

    async def get_many(self, keys: list[str]) -> list[Any]:
        return [await self.get(key) for key in keys]

    async def exists(self, key: str) -> bool:
        return self.find(key) is not None

    async def touch(self, key: str, ttl: float) -> bool:
        if not await self.exists(key):
            return False
        self.put(key, self.find(key), ttl)
        return True

    async def delete(self, key: str) -> bool:
        return self.remove(key)

    async def clear(self) -> None:
        self._rows.clear()


class ServerCache(Keys):
    """Strings of JSON."""

    async def set(self, key: str, value: Any, ttl: float | None = None) -> None:
        if ttl is not None and ttl <= 0:
            await self._client.delete(self.key(key))
        else:
            await self._client.set(self.key(key), json.dumps(value), px=None if ttl is None else ms(ttl))

    async def add(self, key: str, value: Any) -> bool:
        return bool(await self._client.set(self.key(key), json.dumps(value), nx=True))

    async def get(self, key: str) -> Any:
        return json.loads(await self._client.get(self.key(key)) or "null")

    async def get_many(self, keys: list[str]) -> list[Any]:
        return [await self.get(key) for key in keys]  # MGET would give None for a value of another type

    async def exists(self, key: str) -> bool:
        return bool(await self._client.exists(self.key(key)))

    async def touch(self, key: str, ttl: float) -> bool:
        return bool(await self._client.pexpire(self.key(key), ms(ttl)))

    async def delete(self, key: str) -> bool:
        return bool(await self._client.delete(self.key(key)))

    async def clear(self) -> None:
        keys = [key async for key in self._client.scan_iter(self.key("*"))]
        if keys:
            await self._client.delete(*keys)


class MemoryLimiter(Entries):
    """Lets three pass in a window, which begins with the first."""

    async def hit(self, key: str, window: float, cost: int = 1) -> bool:
        count = self.find(key, 0)
        if count + cost > MOST:
            return False
        if count:
            self._rows[key] = count + cost, self.end(key)
        else:
            self.put(key, cost, window)
        return True

    async def used(self, key: str) -> int:
        return int(self.find(key, 0))


class ServerLimiter(Keys):
    """Integers with a lifetime."""

    async def hit(self, key: str, window: float, cost: int = 1) -> bool:
        text = """
        local count = tonumber(redis.call('GET', KEYS[1]) or 0)
        if count + ARGV[1] > tonumber(ARGV[2]) then return 0 end
        redis.call('INCRBY', KEYS[1], ARGV[1])
        if count == 0 then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
        return 1
        """
        return bool(await self.script(text, key, cost, MOST, ms(window)))

    async def used(self, key: str) -> int:
        return int(await self._client.get(self.key(key)) or 0)


class MemoryQueue(Entries):
    """Items in their order. One that was taken comes again when its lease has ended."""

    def __init__(self, namespace: str) -> None:
        super().__init__(namespace)
        self._last = 0
        self._items: list[tuple[int, str]] = []
        self._taken: list[tuple[int, str]] = []

    def return_overdue(self) -> None:
        overdue = [item for item in self._taken if self.find(str(item[0])) is None]
        self._taken = [item for item in self._taken if item not in overdue]
        self._items = overdue + self._items

    async def put_item(self, item: str) -> int:
        self._last += 1
        self._items.append((self._last, item))
        return self._last

    async def take(self, lease: float) -> dict[str, Any] | None:
        self.return_overdue()
        if not self._items:
            return None
        number, item = self._items.pop(0)
        self._taken.append((number, item))
        self.put(str(number), "", lease)
        return {"id": number, "item": item}

    async def done(self, number: int) -> bool:
        self.return_overdue()
        is_taken = number in [taken for taken, _ in self._taken]
        self._taken = [item for item in self._taken if item[0] != number]
        self._rows.pop(str(number), None)
        return is_taken

    async def size(self) -> int:
        self.return_overdue()
        return len(self._items)


OVERDUE = """
local function lease(number) return KEYS[1] .. ':lease:' .. number end
local taken = redis.call('LRANGE', KEYS[1] .. ':taken', 0, -1)
for place = #taken, 1, -1 do
  if redis.call('EXISTS', lease(taken[place])) == 0 then
    redis.call('LREM', KEYS[1] .. ':taken', 1, taken[place])
    redis.call('LPUSH', KEYS[1], taken[place])
  end
end
"""


class ServerQueue(Keys):
    """Lists of numbers, a hash of items, and a key for each lease."""

    async def put_item(self, item: str) -> int:
        text = """
        local number = redis.call('INCR', KEYS[1] .. ':last')
        redis.call('HSET', KEYS[1] .. ':items', number, ARGV[1])
        redis.call('RPUSH', KEYS[1], number)
        return number
        """
        return int(await self.script(text, "queue", item))

    async def take(self, lease: float) -> dict[str, Any] | None:
        text = """
        local number = redis.call('LPOP', KEYS[1])
        if not number then return nil end
        redis.call('RPUSH', KEYS[1] .. ':taken', number)
        redis.call('SET', lease(number), '', 'PX', ARGV[1])
        return {number, redis.call('HGET', KEYS[1] .. ':items', number)}
        """
        found = await self.script(OVERDUE + text, "queue", ms(lease))
        return {"id": int(found[0]), "item": found[1]} if found else None

    async def done(self, number: int) -> bool:
        text = """
        local removed = redis.call('LREM', KEYS[1] .. ':taken', 1, ARGV[1])
        if removed == 1 then
          redis.call('DEL', lease(ARGV[1]))
          redis.call('HDEL', KEYS[1] .. ':items', ARGV[1])
        end
        return removed
        """
        return bool(await self.script(OVERDUE + text, "queue", number))

    async def size(self) -> int:
        return int(await self.script(OVERDUE + "return redis.call('LLEN', KEYS[1])", "queue"))


class MemorySession(Entries):
    """Fields of a session, which lives on with each change."""

    async def save(self, sid: str, data: dict[str, Any], ttl: float) -> None:
        self.put(sid, {**self.find(sid, {}), **data}, ttl)

    async def load(self, sid: str) -> dict[str, Any] | None:
        found = self.find(sid)
        return None if found is None else dict(found)

    async def drop(self, sid: str) -> bool:
        return self.remove(sid)


class ServerSession(Keys):
    """Hashes of JSON."""

    async def save(self, sid: str, data: dict[str, Any], ttl: float) -> None:
        async with self._client.pipeline() as pipeline:
            pipeline.hset(self.key(sid), mapping={name: json.dumps(value) for name, value in data.items()})
            pipeline.pexpire(self.key(sid), ms(ttl))
            await pipeline.execute()

    async def load(self, sid: str) -> dict[str, Any] | None:
        found = await self._client.hgetall(self.key(sid))
        return {name: json.loads(text) for name, text in found.items()} or None

    async def drop(self, sid: str) -> bool:
        return bool(await self._client.delete(self.key(sid)))


class MemoryCounter(Entries):
    """Integers."""

    async def count(self, key: str, by: int) -> int:
        self.put(key, self.find(key, 0) + by, None)
        return await self.value(key)

    async def value(self, key: str) -> int:
        return int(self.find(key, 0))

    async def reset(self, key: str) -> None:
        self.remove(key)


class ServerCounter(Keys):
    """Integers."""

    async def count(self, key: str, by: int) -> int:
        return int(await self._client.incrby(self.key(key), by))

    async def value(self, key: str) -> int:
        return int(await self._client.get(self.key(key)) or 0)

    async def reset(self, key: str) -> None:
        await self._client.delete(self.key(key))


class MemoryLock(Entries):
    """Locks that end by themselves."""

    async def acquire(self, name: str, owner: str, ttl: float) -> bool:
        if self.find(name) is not None:
            return False
        self.put(name, owner, ttl)
        return True

    async def release(self, name: str, owner: str) -> bool:
        return self.find(name) == owner and self.remove(name)

    async def owner(self, name: str) -> str | None:
        found: str | None = self.find(name)
        return found


class ServerLock(Keys):
    """Keys with the owner."""

    async def acquire(self, name: str, owner: str, ttl: float) -> bool:
        return bool(await self._client.set(self.key(name), owner, nx=True, px=ms(ttl)))

    async def release(self, name: str, owner: str) -> bool:
        text = "return redis.call('GET', KEYS[1]) == ARGV[1] and redis.call('DEL', KEYS[1])"
        return bool(await self.script(text, name, owner))

    async def owner(self, name: str) -> str | None:
        found: str | None = await self._client.get(self.key(name))
        return found


KEY = {"key": st.sampled_from(["a", "b"])}
VALUE = {"value": st.sampled_from(["text", 1, None, [1, 2], {"a": 1}])}
SECONDS = st.sampled_from([60, 1, 3600])
SID = {"sid": st.sampled_from(["a", "b"])}
NAME = {"name": st.sampled_from(["a", "b"])}
OWNER = {"owner": st.sampled_from(["me", "you"])}
DATA = {"data": st.dictionaries(st.sampled_from(["x", "y"]), st.sampled_from([1, "text", None]), min_size=1)}
OPERATIONS = {
    "Cache": (
        Operation(
            "set", "set", KEY | VALUE, {"ttl": st.sampled_from([60, 0.5, 3600, 0, -1])}, writes="key", lifetime="ttl"
        ),
        Operation("add", "add", KEY | VALUE, writes="key"),
        Operation("get", "get", KEY, reads="key"),
        Operation(
            "get_many", "get_many", {"keys": st.lists(KEY["key"], min_size=1, max_size=2, unique=True)}, reads="keys"
        ),
        Operation("exists", "exists", KEY, reads="key"),
        Operation("touch", "touch", {**KEY, "ttl": SECONDS}, writes="key", lifetime="ttl"),
        Operation("delete", "delete", KEY, writes="key"),
        Operation("clear", "clear", writes=WHOLE),
    ),
    "Limiter": (
        Operation(
            "hit", "hit", {**KEY, "window": SECONDS}, {"cost": st.integers(1, 3)}, writes="key", lifetime="window"
        ),
        Operation("used", "used", KEY, reads="key"),
    ),
    "Queue": (
        Operation("put_item", "put_item", {"item": st.sampled_from(["a", "b"])}, writes=WHOLE, ids=(WHOLE,)),
        Operation("take", "take", {"lease": SECONDS}, writes=WHOLE, ids=("id",), lifetime="lease"),
        Operation("done", "done", {"number": earlier_ids(st.just(99))}, writes=WHOLE),
        Operation("size", "size", reads=WHOLE),
    ),
    "Session": (
        Operation("save", "save", {**SID, **DATA, "ttl": SECONDS}, writes="sid", lifetime="ttl"),
        Operation("load", "load", SID, reads="sid"),
        Operation("drop", "drop", SID, writes="sid"),
    ),
    "Counter": (
        Operation("count", "count", {**KEY, "by": st.integers(-3, 3)}, writes="key"),
        Operation("value", "value", KEY, reads="key"),
        Operation("reset", "reset", KEY, writes="key"),
    ),
    "Lock": (
        Operation("acquire", "acquire", {**NAME, **OWNER, "ttl": SECONDS}, writes="name", lifetime="ttl"),
        Operation("release", "release", NAME | OWNER, writes="name"),
        Operation("owner", "owner", NAME, reads="name"),
    ),
}

KIND = os.environ.get("KIND", "cache").capitalize()


class Memory(Harness):
    """The store in memory."""

    capabilities = frozenset({Capability.EXPIRING})

    def operations(self) -> Sequence[Operation]:
        return OPERATIONS[KIND]

    def advance(self, namespace: str, by: timedelta) -> None:
        NOW[namespace] = NOW.get(namespace, 0.0) + by.total_seconds()

    @asynccontextmanager
    async def open(self, namespace: str) -> AsyncIterator[Any]:
        yield globals()[f"Memory{KIND}"](namespace)


class Redis(RedisServerHarness):
    """The store in Redis. No request is sent twice."""

    capabilities = RedisServerHarness.capabilities | {Capability.EXPIRING}

    def operations(self) -> Sequence[Operation]:
        return OPERATIONS[KIND]

    @asynccontextmanager
    async def open_at(self, namespace: str, url: str, seconds: float) -> AsyncIterator[Any]:
        once = Retry(NoBackoff(), 0)
        async with redis.asyncio.Redis.from_url(
            url, decode_responses=True, retry=once, socket_timeout=seconds
        ) as client:
            yield globals()[f"Server{KIND}"](client, namespace)
