"""`taskstore doctor`."""

from __future__ import annotations

import argparse
import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import TYPE_CHECKING, TypeAlias

from taskstore.address import parse
from taskstore.errors import FailureKind, RecordUnreadable, StoreUnavailable, TaskNotFound
from taskstore.opening import open_redis
from taskstore.settings import TaskStoreSettings
from taskstore.status import TaskStatus
from taskstore.tools.place import batches, keys, settings_of
from taskstore.tools.printing import on_one_line
from taskstore.values import Task

if TYPE_CHECKING:
    from taskstore.redis import RedisTaskStore
    from taskstore.redis.partitions import Partition

_INDEXES = ["created", *(f"created:{status}" for status in TaskStatus), "finished", "deadlines"]
_NEEDED = """\
hmget KEY -
hset KEY - - -
exists KEY
unlink KEY
pexpire KEY 1
pexpireat KEY 1
pttl KEY
zadd KEY xx 0 -
zrem KEY -
zcard KEY
zcount KEY 0 0
zscore KEY -
zrangebyscore KEY 0 0
zrevrange KEY 0 0
evalsha 0 1 KEY
eval return(1) 1 KEY
time
scan 0
info server"""
"""The commands that the store needs, in forms that change nothing: KEY is never there, and HSET lacks a value."""
_OF_INFO = (
    ("version", "redis_version", "6.2 is the oldest that works", {"wrong": r" ([0-5]\.|6\.[01]\.)"}),
    ("policy", "maxmemory_policy evicted_keys", "noeviction is the safe policy", {"warning": "policy (?!noeviction)"}),
    (
        "persistence",
        "aof_enabled aof_last_write_status",
        "0: a crash may lose tasks",
        {"wrong": " err", "warning": "enabled 0"},
    ),
    ("snapshots", "rdb_last_bgsave_status", "ok, or the disk may be full", {"wrong": " err"}),
)
"""What INFO says: backend, fields, advice, and the signs of what is not `ok`, the worst first."""

Line: TypeAlias = tuple[str, str, str]
"""A line of the report: how bad it is (`ok`, `warning` or `wrong`), what was looked at, and what was seen."""


async def doctor(options: argparse.Namespace) -> int:
    """Check a server and the store on it.

    Every record is read and compared with the indexes. Nothing is changed, except that --repair mends the indexes.
    A record that cannot be read is left as it is. Of each kind the first twenty are named.
    """
    settings = settings_of(options.url, options.prefix)
    told = set[Line]()
    async with open_redis(settings) as store:
        async for line in _examine(store, settings, options.repair):
            if line not in told:  # partitions on one server have the same lines
                print(on_one_line("{:7} {}: {}".format(*line)), flush=True)
            told.add(line)
    return int(any(level == "wrong" for level, *_ in told))


async def _examine(store: RedisTaskStore, settings: TaskStoreSettings, repair: bool) -> AsyncIterator[Line]:
    """Yield each line as soon as it is known: what fails later does not hide it."""
    yield "ok", "reachable", f"{store.server.address} answers"
    address = parse(settings.url)
    for part in store.parts:
        refused = await _refused(part)
        yield _naming("wrong", "rights", "commands that the server refuses", refused)

        if address.service:
            unnamed = map("{0[0]}:{0[1]}".format, part.server.opener.sentinels.difference(address.nodes))
            yield _naming("warning", "sentinels", "missing from the URL", sorted(unnamed))

        if "info" not in refused:
            info = await part.server.read("INFO")
            for line in _of_server(info.decode(errors="replace"), settings.redis_wait_replicas, bool(address.service)):
                yield line

        if not refused:
            async for line in _of_records(part, repair):
                yield line


def _naming(level: str, backend: str, text: str, names: Sequence[str]) -> Line:
    """A line that names what was found; if there is nothing, it is `ok`."""
    if not names:
        return "ok", backend, f"{text}: none"
    return level, backend, f"{text}: {len(names):,} ({', '.join(names[:20])})"


async def _refused(part: Partition) -> list[str]:
    """The needed commands that the server refuses. What else fails shows in the next request."""
    refused = []
    for command in [*_NEEDED.splitlines(), *["wait 0 0"] * part.server.waits]:
        try:
            await part.server.read(*command.replace("KEY", f"{part.base}:doctor").split())
        except StoreUnavailable as error:
            if error.failure_kind in {FailureKind.REFUSED, FailureKind.READ_ONLY, FailureKind.OUT_OF_MEMORY}:
                refused.append(command.split()[0])
    return refused


def _of_server(reply: str, wanted: int, has_sentinels: bool) -> Iterator[Line]:
    info = dict(re.findall(r"^(\w+):(.*?)\r?$", reply, re.MULTILINE))
    for backend, names, advice, signs in _OF_INFO:
        seen = ", ".join(f"{name} {info.get(name, '?')}" for name in names.split())
        level = next((level for level, sign in signs.items() if re.search(sign, seen)), "ok")
        yield level, backend, f"{seen}; {advice}"

    role = info.get("role")
    replicas = int(info.get("connected_slaves", 0))
    level = "ok"
    text = f"{role} with {replicas} replicas; REDIS_WAIT_REPLICAS {wanted}"
    if has_sentinels and "min_slaves_good_slaves" not in info:
        level = "warning"
        text += "; without min-replicas-to-write a replaced master takes writes that are lost"
    if role != "master" or replicas < wanted:
        level = "wrong"
    yield level, "replicas", text


async def _of_records(part: Partition, repair: bool) -> AsyncIterator[Line]:
    records = part.key("")
    ids = {key.removeprefix(records) for key in await keys(part, records)}
    no_indexes = []
    for index in _INDEXES:
        try:
            ids |= await _ids_in(part, f"{part.base}:{index}")
        except RecordUnreadable as fault:
            no_indexes.append(fault.key)

    unreadable = list[str]()
    unlike = list[str]()
    for batch in batches(ids):
        for found in await asyncio.gather(*map(part.get, batch), return_exceptions=True):
            if isinstance(found, RecordUnreadable):
                unreadable.append(f"{found.key} ({found.reason})")
            elif not isinstance(found, Task | TaskNotFound):
                raise found
    yield _naming("wrong", "records", "unreadable", unreadable)

    if no_indexes:  # no script works with them
        yield _naming("wrong", "indexes", "not compared: move or delete keys that are no sorted sets", no_indexes)
        return
    for batch in batches(ids):
        if doubtful := await part.examine(batch):
            await part.page("", 0, 0)  # forgets what has expired
            unlike += await part.examine(doubtful, repair=repair)
    remedy = "mended" if repair else "to be mended by --repair"
    yield _naming("ok" if repair else "wrong", "indexes", f"unlike the records, {remedy}", unlike)


async def _ids_in(part: Partition, index: str) -> set[str]:
    """The ids in an index, read a thousand at a time. It raises `RecordUnreadable` if this is of another type."""
    ids = set[str]()
    first = 0
    while entries := await part.of_type("sorted set", index, part.server.read("ZREVRANGE", index, first, first + 999)):
        ids.update(task_id.decode(errors="replace") for task_id in entries)
        first += len(entries)
    return ids
