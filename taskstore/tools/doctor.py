"""`taskstore doctor`."""

from __future__ import annotations

import argparse
import asyncio
import re
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from taskstore.address import parse
from taskstore.errors import FailureKind, RecordUnreadable, StoreUnavailable, TaskNotFound
from taskstore.opening import open_redis
from taskstore.settings import TaskStoreSettings
from taskstore.status import TaskStatus
from taskstore.tools.place import batches, keys, settings_of
from taskstore.tools.printing import printable

if TYPE_CHECKING:
    from taskstore.redis import RedisTaskStore

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
_NEVER = "^$"
_OF_INFO = (
    ("version", "redis_version", "6.2 is the oldest that works", r" ([0-5]\.|6\.[01]\.)", _NEVER),
    ("policy", "maxmemory_policy evicted_keys", "noeviction is the safe policy", _NEVER, "policy (?!noeviction)"),
    ("persistence", "aof_enabled aof_last_write_status", "0: a crash may lose tasks", " err", "enabled 0"),
    ("snapshots", "rdb_last_bgsave_status", "ok, or the disk may be full", " err", _NEVER),
)
"""What INFO says: subject, fields, advice, and the patterns of what is wrong and of what is risky."""


@dataclass(frozen=True)
class Line:
    """A line of the report: what was looked at, what was seen, and whether that is wrong, or only risky."""

    subject: str
    text: str
    is_wrong: bool = False
    is_risky: bool = False

    def __str__(self) -> str:
        level = "ok"
        if self.is_risky:
            level = "warning"
        if self.is_wrong:
            level = "wrong"
        return printable(f"{level:7} {self.subject}: {self.text}")


async def doctor(options: argparse.Namespace) -> int:
    """Check a server and the store on it.

    Every record is read and compared with the indexes. Nothing is changed, except that --repair mends the indexes.
    A record that cannot be read is left as it is. Of each kind the first twenty are named.
    """
    settings = settings_of(options.url, options.prefix)
    told = set[str]()
    is_wrong = False
    async with open_redis(settings) as store:
        async for line in _examine(store, settings, options.repair):
            is_wrong |= line.is_wrong
            if str(line) not in told:  # partitions on one server have the same lines
                print(line, flush=True)
            told.add(str(line))
    return int(is_wrong)


async def _examine(store: RedisTaskStore, settings: TaskStoreSettings, repair: bool) -> AsyncIterator[Line]:
    """Yield each line as soon as it is known: what fails later does not hide it."""
    yield Line("reachable", f"{store.server.address} answers")
    for part in store.parts:
        refused = await _refused(part, settings)
        yield Line("rights", f"commands that the server refuses: {_some(refused)}", is_wrong=bool(refused))

        if "info" not in refused:
            info = (await part.server.read("INFO")).decode(errors="replace")
            for line in _of_server(info, settings):
                yield line

        if not refused:
            async for line in _of_records(part, f"{{{settings.task_key_prefix}:", repair):
                yield line


def _some(names: list[str]) -> str:
    return f"{len(names):,} ({', '.join(names[:20])})" if names else "none"


async def _refused(part: RedisTaskStore, settings: TaskStoreSettings) -> list[str]:
    """The needed commands that the server refuses. What else fails shows in the next request."""
    needed = _NEEDED.splitlines()
    if settings.redis_wait_replicas:
        needed.append("wait 0 0")
    refused = []
    for command in needed:
        name, *arguments = command.replace("KEY", f"{part.base}:doctor").split()
        try:
            await part.server.read(name, *arguments)
        except StoreUnavailable as error:
            if error.failure_kind in {FailureKind.REFUSED, FailureKind.READ_ONLY, FailureKind.OUT_OF_MEMORY}:
                refused.append(name)
    return refused


def _of_server(reply: str, settings: TaskStoreSettings) -> Iterator[Line]:
    info = dict(re.findall(r"^(\w+):(.*?)\r?$", reply, re.MULTILINE))
    for subject, names, advice, wrong, risky in _OF_INFO:
        seen = ", ".join(f"{name} {info.get(name, '?')}" for name in names.split())
        is_wrong, is_risky = re.search(wrong, seen), re.search(risky, seen)
        yield Line(subject, f"{seen}; {advice}", bool(is_wrong), bool(is_risky))

    role = info.get("role")
    replicas = int(info.get("connected_slaves", 0))
    wanted = settings.redis_wait_replicas
    text = f"{role} with {replicas} replicas; REDIS_WAIT_REPLICAS {wanted}"
    is_lossy = bool(parse(settings.url).service) and "min_slaves_good_slaves" not in info
    if is_lossy:
        text += "; without min-replicas-to-write a replaced master takes writes that are lost"
    yield Line("replicas", text, role != "master" or replicas < wanted, is_lossy)


async def _of_records(part: RedisTaskStore, begin: str, repair: bool) -> AsyncIterator[Line]:
    """Compare the records of a partition with its indexes. The keys of all partitions begin with `begin`."""
    found = await keys(part, begin)
    numbers = {number[1] for key in found if (number := re.match(r"[0-9]+/([0-9]+)\}", key.removeprefix(begin)))}
    own = re.split("[/}]", part.base)[-2]
    others = sorted(numbers - {own})
    yield Line("partitions", f"other numbers under this prefix: {_some(others)}", is_risky=bool(others))

    records = f"{part.base}:task:"
    ids = {key.removeprefix(records) for key in found if key.startswith(records)}
    no_indexes = []
    for index in _INDEXES:
        key = f"{part.base}:{index}"
        try:
            ids |= await _ids_in(part, key)
        except StoreUnavailable as error:
            if "WRONGTYPE" not in error.detail:
                raise
            no_indexes.append(key)
    unreadable = await _unreadable(part, ids)
    yield Line("records", f"unreadable: {_some(unreadable)}", is_wrong=bool(unreadable))

    if no_indexes:  # no script works with them
        text = f"not compared: move or delete these keys, which are no sorted sets: {_some(no_indexes)}"
        yield Line("indexes", text, is_wrong=True)
        return
    unlike = await _unlike(part, ids, repair)
    todo = "mended" if repair else "to be mended by --repair"
    yield Line("indexes", f"unlike the records, {todo}: {_some(unlike)}", is_wrong=bool(unlike) and not repair)


async def _ids_in(part: RedisTaskStore, index: str) -> set[str]:
    """The ids in an index, read a thousand at a time."""
    ids = set[str]()
    first = 0
    while entries := await part.server.read("ZREVRANGE", index, first, first + 999):
        ids.update(task_id.decode(errors="replace") for task_id in entries)
        first += len(entries)
    return ids


async def _unreadable(part: RedisTaskStore, ids: Iterable[str]) -> list[str]:
    """The keys of the records that cannot be read, each with the reason."""
    reasons = list[str]()
    for batch in batches(ids):
        reasons += filter(None, await asyncio.gather(*(_fault(part, task_id) for task_id in batch)))
    return reasons


async def _fault(part: RedisTaskStore, task_id: str) -> str:
    """The key of a record that cannot be read, and why; else an empty text."""
    try:
        await part.get_task(task_id)
    except TaskNotFound:
        pass
    except RecordUnreadable as fault:
        return f"{fault.key} ({fault.reason})"
    return ""


async def _unlike(part: RedisTaskStore, ids: Iterable[str], repair: bool) -> list[str]:
    """The ids whose index entries do not agree with the record, mended if that is asked for."""
    unlike = list[str]()
    for batch in batches(ids):
        if doubtful := await part.examine(batch):
            await part.list_tasks(limit=0)  # forgets what has expired
            unlike += await part.examine(doubtful, repair=repair)
    return unlike
