"""`taskstore doctor`."""

from __future__ import annotations

import argparse
import asyncio
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from taskstore.address import parse
from taskstore.arguments import check_new_id
from taskstore.errors import FailureKind, InvalidArgument, RecordUnreadable, StoreUnavailable, TaskNotFound
from taskstore.opening import open_redis
from taskstore.settings import TaskStoreSettings
from taskstore.tools.place import batches, ids_of, keys, settings_of

if TYPE_CHECKING:
    from taskstore.redis import RedisTaskStore

_NEEDED = """\
hmget KEY -|hset KEY - - -|exists KEY|unlink KEY|pexpire KEY 1|pexpireat KEY 1|pttl KEY|zadd KEY xx 0 -|zrem KEY -|\
zcard KEY|zcount KEY 0 0|zscore KEY -|zrangebyscore KEY 0 0|zrevrange KEY 0 0|evalsha 0 1 KEY|\
eval return(1) 1 KEY|time|scan 0|info server"""
"""The commands that the store needs, in forms that change nothing: KEY is never there, and HSET lacks a value."""


async def doctor(options: argparse.Namespace) -> int:
    """Check a server and the store on it.

    Every record is read and compared with the indexes. Nothing is changed, except that --repair mends the indexes.
    A record that cannot be read is left as it is. Of each kind the first twenty are named.
    """
    settings = settings_of(options.url, options.prefix)
    async with open_redis(settings) as store:
        lines = [_line("reachable", f"{store.server.address} answers")]
        refused = {name for part in store.parts for name in await _refused(part, settings)}
        if "info" not in refused:
            for part in store.parts:
                lines += _of_server((await part.server.read("INFO")).decode(errors="replace"), settings)
        lines.append(_line("rights", f"commands that the server refuses: {_some(sorted(refused))}", wrong=refused))
        if not refused:
            lines += await _of_records(store, settings.task_key_prefix, repair=options.repair)
    print(*dict.fromkeys(lines), sep="\n")  # partitions on one server have the same lines
    return int(any(line.startswith("wrong") for line in lines))


def _line(subject: str, text: str, *, wrong: object = False, risky: object = False) -> str:
    return f"{'wrong' if wrong else 'warning' if risky else 'ok':7} {subject}: {text}"


async def _refused(part: RedisTaskStore, settings: TaskStoreSettings) -> list[str]:
    """The needed commands that the server refuses."""
    refused = []
    for command in [*_NEEDED.split("|"), *["wait 0 0"] * bool(settings.redis_wait_replicas)]:
        try:
            await part.server.read(*command.replace("KEY", f"{part.base}:doctor").split(" "))
        except StoreUnavailable as error:
            if error.failure_kind in {FailureKind.REFUSED, FailureKind.READ_ONLY, FailureKind.OUT_OF_MEMORY}:
                refused.append(command.split(" ")[0])
            elif not re.match("NOSCRIPT|ERR wrong number of arguments", error.detail):
                raise
    return refused


def _of_server(reply: str, settings: TaskStoreSettings) -> Iterator[str]:
    info = dict(re.findall(r"^(\w+):(.*?)\r?$", reply, re.MULTILINE))
    name = info.get("server_name", "redis")
    version = info.get(f"{name}_version", "?")
    is_old = [int(number) for number in re.findall("[0-9]+", version)[:2]] < [6, 2]
    yield _line("version", f"{name} {version}, and 6.2 is the oldest that works", wrong=is_old)

    policy, evicted = info.get("maxmemory_policy"), info.get("evicted_keys")
    text = f"maxmemory-policy {policy}, and it should be noeviction; evicted keys: {evicted}"
    evicts = policy != "noeviction"
    yield _line("policy", text, wrong=evicts and evicted != "0", risky=evicts)

    last = " ".join(info.get(name, "ok") for name in ("rdb_last_bgsave_status", "aof_last_write_status"))
    is_on = info.get("aof_enabled") == "1"
    text = f"appendonly {'yes' if is_on else 'no, so a crash may lose tasks'}; last writes: {last}"
    yield _line("persistence", text, wrong=last != "ok ok", risky=not is_on)

    role, replicas, wanted = info.get("role"), int(info.get("connected_slaves", 0)), settings.redis_wait_replicas
    text = f"{role} with {replicas} replicas; REDIS_WAIT_REPLICAS {wanted}"
    is_lossy = bool(parse(settings.url).service) and "min_slaves_good_slaves" not in info
    if is_lossy:
        text += "; without min-replicas-to-write a replaced master takes writes that are lost"
    yield _line("replicas", text, wrong=role != "master" or replicas < wanted, risky=is_lossy)


async def _of_records(store: RedisTaskStore, prefix: str, *, repair: bool) -> list[str]:
    unreadable, unlike, others = list[str](), list[str](), set[str]()
    begin = f"{{{prefix}:"
    for part in store.parts:
        for batch in batches(await ids_of(part)):
            unreadable += filter(None, await asyncio.gather(*(_unreadable(part, task_id) for task_id in batch)))
            if doubtful := await part.examine(batch):
                await part.list_tasks(limit=0)  # forgets what has expired
                unlike += await part.examine(doubtful, repair=repair)
        async for key in keys(part, begin):
            others.update(re.findall(r"^[0-9]+/([0-9]+)}:", key.removeprefix(begin)))
    others.discard(str(len(store.parts)))
    todo = "mended" if repair else "to be mended by --repair"
    return [
        _line("records", f"unreadable: {_some(unreadable)}", wrong=unreadable),
        _line("partitions", f"other numbers under this prefix: {_some(sorted(others))}", risky=others),
        _line("indexes", f"unlike the records, {todo}: {_some(unlike)}", wrong=unlike and not repair),
    ]


async def _unreadable(part: RedisTaskStore, task_id: str) -> str:
    """The key of a record that cannot be read, and why; else an empty text."""
    try:
        await part.get_task(check_new_id(task_id))
    except TaskNotFound:
        pass
    except (RecordUnreadable, InvalidArgument) as fault:
        return f"{part.base}:task:{task_id} ({fault.reason})"
    return ""


def _some(names: list[str]) -> str:
    return f"{len(names):,} ({', '.join(names[:20])})" if names else "none"
