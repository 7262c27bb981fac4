"""`taskstore doctor`."""

from __future__ import annotations

import argparse
import asyncio
import re
from typing import TYPE_CHECKING, TypeAlias

from taskstore.address import parse
from taskstore.errors import FailureKind, RecordUnreadable, StoreUnavailable, TaskNotFound
from taskstore.opening import open_redis
from taskstore.settings import TaskStoreSettings
from taskstore.status import TaskStatus
from taskstore.tools.place import batches, keys, settings_of

if TYPE_CHECKING:
    from taskstore.redis.partitions import Partition

_Lines: TypeAlias = list[tuple[str, str, object, object]]
"""What was looked at, what was seen, whether that is wrong, and whether it is risky."""
_INDEXES = ["created", *(f"created:{status}" for status in TaskStatus), "finished", "deadlines"]
_NEEDED = """\
hmget KEY -|hset KEY - - -|exists KEY|unlink KEY|pexpire KEY 1|pexpireat KEY 1|pttl KEY|zadd KEY xx 0 -|zrem KEY -|\
zcard KEY|zcount KEY 0 0|zscore KEY -|zrangebyscore KEY 0 0|zrevrange KEY 0 0|evalsha 0 1 KEY|\
eval return(1) 1 KEY|time|scan 0|info server"""
"""The commands that the store needs, in forms that change nothing: KEY is never there, and HSET lacks a value."""
_OF_INFO = (
    ("version", "redis_version", "6.2 is the oldest that works", r" ([0-5]\.|6\.[01]\.)", "^$"),
    ("policy", "maxmemory_policy evicted_keys", "noeviction is the safe policy", "^$", "policy (?!noeviction)"),
    ("persistence", "aof_enabled aof_last_write_status", "0: a crash may lose tasks", " err", "enabled 0"),
    ("snapshots", "rdb_last_bgsave_status", "ok, or the disk may be full", " err", "^$"),
)
"""What INFO says: subject, fields, advice, and the patterns of what is wrong and of what is risky."""


async def doctor(options: argparse.Namespace) -> int:
    """Check a server and the store on it.

    Every record is read and compared with the indexes. Nothing is changed, except that --repair mends the indexes.
    A record that cannot be read is left as it is. Of each kind the first twenty are named.
    """
    settings = settings_of(options.url, options.prefix)
    async with open_redis(settings) as store:
        lines: _Lines = [("reachable", f"{store.server.address} answers", False, False)]
        for part in store.parts:
            refused = await _refused(part, settings)
            lines.append(("rights", f"commands that the server refuses: {_some(refused)}", refused, False))
            if "info" not in refused:
                lines += _of_server((await part.server.read("INFO")).decode(errors="replace"), settings)
            if not refused:
                lines += await _of_records(part, f"{{{settings.task_key_prefix}:", options.repair)
    told = [f"{'wrong' if bad else 'warning' if risky else 'ok':7} {what}: {text}" for what, text, bad, risky in lines]
    print(*dict.fromkeys(told), sep="\n")  # partitions on one server have the same lines
    return int(any(bad for _, _, bad, _ in lines))


def _some(names: list[str]) -> str:
    return f"{len(names):,} ({', '.join(names[:20])})" if names else "none"


async def _refused(part: Partition, settings: TaskStoreSettings) -> list[str]:
    """The needed commands that the server refuses. What else fails shows in the next request."""
    refused = []
    for command in [*_NEEDED.split("|"), *["wait 0 0"] * bool(settings.redis_wait_replicas)]:
        try:
            await part.server.read(*command.replace("KEY", f"{part.base}:doctor").split())
        except StoreUnavailable as error:
            if error.failure_kind in {FailureKind.REFUSED, FailureKind.READ_ONLY, FailureKind.OUT_OF_MEMORY}:
                refused.append(command.split()[0])
    return refused


def _of_server(reply: str, settings: TaskStoreSettings) -> _Lines:
    info = dict(re.findall(r"^(\w+):(.*?)\r?$", reply, re.MULTILINE))
    lines: _Lines = []
    for subject, names, advice, wrong, risky in _OF_INFO:
        seen = ", ".join(f"{name} {info.get(name, '?')}" for name in names.split())
        lines.append((subject, f"{seen}; {advice}", re.search(wrong, seen), re.search(risky, seen)))
    role, replicas, wanted = info.get("role"), int(info.get("connected_slaves", 0)), settings.redis_wait_replicas
    text = f"{role} with {replicas} replicas; REDIS_WAIT_REPLICAS {wanted}"
    is_lossy = parse(settings.url).service and "min_slaves_good_slaves" not in info
    if is_lossy:
        text += "; without min-replicas-to-write a replaced master takes writes that are lost"
    return [*lines, ("replicas", text, role != "master" or replicas < wanted, is_lossy)]


async def _of_records(part: Partition, begin: str, repair: bool) -> _Lines:
    records, found = f"{part.base}:task:", await keys(part, begin)
    ids = {key.removeprefix(records) for key in found if key.startswith(records)}
    for index in _INDEXES:
        first = 0
        while entries := await part.server.read("ZREVRANGE", f"{part.base}:{index}", first, first + 999):
            ids.update(task_id.decode(errors="replace") for task_id in entries)
            first += len(entries)
    unreadable, unlike = list[str](), list[str]()
    for batch in batches(ids):
        unreadable += filter(None, await asyncio.gather(*(_unreadable(part, task_id) for task_id in batch)))
        if doubtful := await part.examine(batch):
            await part.page("", 0, 0)  # forgets what has expired
            unlike += await part.examine(doubtful, repair=repair)
    numbers = re.findall(rf"^{re.escape(begin)}[0-9]+/([0-9]+)}}", "\n".join(found), re.MULTILINE)
    others = {*numbers} - {re.split("[/}]", part.base)[-2]}
    todo = "mended" if repair else "to be mended by --repair"
    return [
        ("records", f"unreadable: {_some(unreadable)}", unreadable, False),
        ("partitions", f"other numbers under this prefix: {_some(sorted(others))}", False, others),
        ("indexes", f"unlike the records, {todo}: {_some(unlike)}", unlike and not repair, False),
    ]


async def _unreadable(part: Partition, task_id: str) -> str:
    """The key of a record that cannot be read, and why; else an empty text."""
    try:
        await part.get(task_id)
    except TaskNotFound:
        pass
    except RecordUnreadable as fault:
        return f"{fault.key} ({fault.reason})"
    return ""
