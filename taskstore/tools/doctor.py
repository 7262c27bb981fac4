"""`taskstore doctor`."""

from __future__ import annotations

import argparse
import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING

from taskstore.address import parse
from taskstore.arguments import check_new_id
from taskstore.errors import FailureKind, InvalidArgument, RecordUnreadable, StoreUnavailable, TaskNotFound
from taskstore.opening import open_redis
from taskstore.settings import TaskStoreSettings
from taskstore.tools.place import batches, ids_of, keys, settings_of

if TYPE_CHECKING:
    from taskstore.redis import RedisTaskStore

_OK, _WARNING, _WRONG = "ok", "warning", "wrong"
_Finding = tuple[str, str, str]
"""A level, a subject and what is said of it."""
_NEEDED = """
hmget KEY -|hset KEY - - -|exists KEY|unlink KEY|pexpire KEY 1|pexpireat KEY 1|pttl KEY
zadd KEY xx 0 -|zrem KEY -|zcard KEY|zcount KEY 0 0|zscore KEY -|zrangebyscore KEY 0 0|zrevrange KEY 0 0|zrevrank KEY -
evalsha 0 1 KEY|eval return 1 KEY|time|ping|scan 0|info server"""
"""The commands that the store needs, in forms that change nothing: KEY never exists, and HSET lacks a value."""
_NAMED = 20


async def doctor(options: argparse.Namespace) -> int:
    """Check a server and the store on it.

    Every record is read and compared with the indexes. Nothing is changed, except that --repair mends the indexes.
    A record that cannot be read is named, and left as it is. The exit status is 1 if anything is wrong.
    """
    settings = settings_of(options.url, options.prefix)
    told = set[_Finding]()
    async with open_redis(settings) as store:
        async for finding in _findings(store, settings, repair=options.repair):
            if finding not in told:  # partitions on one server say the same
                print(f"{finding[0]:7} {finding[1]}: {finding[2]}")
            told.add(finding)
    return 1 if _WRONG in {level for level, _, _ in told} else 0


async def _findings(store: RedisTaskStore, settings: TaskStoreSettings, *, repair: bool) -> AsyncIterator[_Finding]:
    yield _OK, "reachable", f"{store.server.address} answers"
    for part in store.parts:
        refused = await _refused(part, waits=settings.redis_wait_replicas > 0)
        yield _level(refused), "rights", f"commands that the server refuses to this user: {_some(refused)}"
        if "info" not in refused:
            lines = (await part.server.read("INFO")).decode(errors="replace").splitlines()
            for finding in _of_server(dict(line.split(":", 1) for line in lines if ":" in line), settings):
                yield finding
        if refused:
            return
    unreadable, others, disagreeing = list[str](), set[str](), list[str]()
    start = f"{{{settings.task_key_prefix}:"
    for part in store.parts:
        for batch in batches(await ids_of(part)):
            unreadable += filter(None, await asyncio.gather(*(_unreadable(part, task_id) for task_id in batch)))
            disagreeing += await part.examine(batch, repair=repair)
        async for key in keys(part.server, start):
            others.update(re.findall(r"^[0-9]+/([0-9]+)\}:", key.removeprefix(start)))
    others.discard(str(len(store.parts)))
    yield _level(unreadable), "records", f"cannot be read, look at them and remove them: {_some(unreadable)}"
    yield _level(others), "partitions", f"tasks of another number of partitions: {_some(sorted(others))}"
    advice = "have been mended" if repair else "--repair mends them"
    text = f"do not agree with the record of a task, {advice}: {_some(disagreeing)}"
    yield _level(disagreeing and not repair), "indexes", text


async def _refused(part: RedisTaskStore, *, waits: bool) -> list[str]:
    """The needed commands that the server refuses."""
    refused = []
    for command in re.split(r"[|\n]", _NEEDED.strip() + ("|wait 0 0" if waits else "")):
        try:
            await part.server.read(*command.replace("KEY", f"{part.base}:doctor").split(" "))
        except StoreUnavailable as error:
            if error.failure_kind in {FailureKind.REFUSED, FailureKind.READ_ONLY, FailureKind.OUT_OF_MEMORY}:
                refused.append(command.split()[0])
            elif not re.match("NOSCRIPT|ERR wrong number of arguments", error.detail):
                raise
    return refused


def _of_server(info: dict[str, str], settings: TaskStoreSettings) -> Iterator[_Finding]:
    name = info.get("server_name", "redis")
    version = info.get(f"{name}_version", "?")
    is_old = [int(number) for number in re.findall("[0-9]+", version)[:2]] < [6, 2]
    yield _level(is_old), "version", f"{name} {version}, 6.2 or newer is needed"

    policy, evicted = info.get("maxmemory_policy"), info.get("evicted_keys")
    level = _level(evicted != "0", _WARNING) if policy != "noeviction" else _OK
    yield level, "policy", f"maxmemory-policy is {policy}, noeviction is needed; {evicted} keys evicted since the start"

    last = [info.get(name, "ok") for name in ("rdb_last_bgsave_status", "aof_last_write_status")]
    is_on = info.get("aof_enabled") == "1"
    text = f"appendonly is {'yes' if is_on else 'no, and a crash may lose tasks'}; last writes: {' '.join(last)}"
    yield _level(last != ["ok", "ok"], _OK if is_on else _WARNING), "persistence", text

    role, replicas, wanted = info.get("role"), int(info.get("connected_slaves", 0)), settings.redis_wait_replicas
    is_at_risk = bool(parse(settings.url).service) and "min_slaves_good_slaves" not in info
    text = f"{role}, replicas: {replicas}, REDIS_WAIT_REPLICAS: {wanted}"
    if is_at_risk:
        text += "; without min-replicas-to-write a replaced master takes writes that are lost"
    yield _level(role != "master" or replicas < wanted, _WARNING if is_at_risk else _OK), "replicas", text


async def _unreadable(part: RedisTaskStore, task_id: str) -> str:
    """The key of a record that cannot be read, and why; else an empty text."""
    try:
        await part.get_task(check_new_id(task_id))
    except TaskNotFound:
        pass
    except (RecordUnreadable, InvalidArgument) as fault:
        return f"{part.base}:task:{task_id} ({fault.reason})"
    return ""


def _level(is_wrong: object, otherwise: str = _OK) -> str:
    return _WRONG if is_wrong else otherwise


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more or "none"
