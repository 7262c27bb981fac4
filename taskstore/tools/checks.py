"""What `taskstore doctor` checks of a server: each check says how it stands, in a level and a text."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from enum import Enum, auto
from functools import partial
from typing import NamedTuple

from taskstore.address import parse
from taskstore.errors import FailureKind, StoreUnavailable
from taskstore.redis import RedisTaskStore
from taskstore.settings import TaskStoreSettings
from taskstore.tools.common import say

_OLDEST = (6, 2)
_CLOCK_SECONDS = 1.0
"""How far the server's clock may be from this machine's, besides the time of the answer."""


class Level(Enum):
    """How something stands."""

    FINE = auto()
    WARNING = auto()
    WRONG = auto()


class Finding(NamedTuple):
    """How one thing stands."""

    level: Level
    subject: str
    text: str


Outcome = tuple[Level, str]
Check = Callable[[RedisTaskStore], Awaitable[Outcome]]


async def findings(part: RedisTaskStore, settings: TaskStoreSettings) -> AsyncIterator[Finding]:
    """Make every check of a partition's server. One that the user has no right to make is a warning."""
    for subject, check in _all(settings):
        try:
            level, text = await check(part)
        except StoreUnavailable as error:
            if error.failure_kind is not FailureKind.REFUSED:
                raise
            level, text = Level.WARNING, say(f"not known: {error.detail}", f"无法得知：{error.detail}")
        yield Finding(level, subject, text)


async def _reachable(part: RedisTaskStore) -> Outcome:
    start = time.perf_counter()
    await part.ping()
    took = (time.perf_counter() - start) * 1_000
    address = part.server.address
    return Level.FINE, say(f"{address} answers in {took:.1f} ms", f"{address} 应答用时 {took:.1f} 毫秒")


async def _version(part: RedisTaskStore) -> Outcome:
    info = await _info(part, "server")
    name = "Valkey" if info.get("server_name") == "valkey" else "Redis"
    version = info.get("valkey_version" if name == "Valkey" else "redis_version", "?")
    known = [int(part) for part in version.split(".")[:2] if part.isdigit()]
    if tuple(known) < _OLDEST:
        return Level.WRONG, say(f"{name} {version} is older than 6.2", f"{name} {version} 低于 6.2")
    return Level.FINE, f"{name} {version}"


def _commands(base: str, *, waits: bool) -> list[tuple[str | int, ...]]:
    """Each command that the store needs, in a form that changes nothing: its key never exists."""
    key = f"{base}:doctor"
    wait: list[tuple[str | int, ...]] = [("WAIT", 0, 0)] if waits else []
    return [
        ("GETRANGE", key, 0, 0),
        ("EXISTS", key),
        ("SCAN", 0, "COUNT", 1),
        ("INFO", "server"),
        ("EVALSHA", "0" * 40, 1, base),
        ("EVAL", "return 0", 1, base),
        ("TIME",),
        ("GET", key),
        ("SET", key, "", "XX"),
        ("DEL", key),
        ("UNLINK", key),
        ("PTTL", key),
        ("PEXPIRE", key, 1),
        ("ZADD", key, "XX", 0, "-"),
        ("ZREM", key, "-"),
        ("ZCARD", key),
        ("ZCOUNT", key, 0, 0),
        ("ZSCORE", key, "-"),
        ("ZRANGEBYSCORE", key, 0, 0),
        ("ZREVRANGE", key, 0, 0),
        ("ZREVRANK", key, "-"),
        *wait,
    ]


async def _rights(part: RedisTaskStore) -> Outcome:
    refused = []
    for command in _commands(part.base, waits=part.server.waits):
        try:
            await part.server.read(*command)
        except StoreUnavailable as error:
            if error.failure_kind is FailureKind.REFUSED:
                refused.append(str(command[0]).lower())
            elif error.failure_kind in {FailureKind.READ_ONLY, FailureKind.OUT_OF_MEMORY}:
                return Level.WRONG, say(f"writes are refused: {error.detail}", f"写入被拒绝：{error.detail}")
            elif not error.detail.startswith("NOSCRIPT"):
                raise
    if refused:
        names = " ".join(refused)
        return Level.WRONG, say(
            f"the user may not run {names} on keys that begin with {part.base}: grant them with ACL SETUSER",
            f"该用户不能对以 {part.base} 开头的键执行 {names}：请用 ACL SETUSER 授权",
        )
    return Level.FINE, say("every command that the store needs is allowed", "存储所需的命令都可以执行")


async def _persistence(part: RedisTaskStore) -> Outcome:
    info = await _info(part, "persistence")
    for name in ("rdb_last_bgsave_status", "aof_last_write_status"):
        if info.get(name, "ok") != "ok":
            return Level.WRONG, say(f"the last write to disk failed: {name}", f"最近一次写盘失败：{name}")
    if info.get("aof_enabled") == "1":
        return Level.FINE, say("the append-only file is on", "已启用 AOF")
    try:
        save = await part.server.read("CONFIG", "GET", "save")
    except StoreUnavailable:
        return Level.WARNING, say(
            "the append-only file is off; whether there are snapshots is unknown: the user may not run CONFIG GET",
            "未启用 AOF；该用户不能执行 CONFIG GET，无法得知是否有快照",
        )
    if save[1:] and save[1]:
        return Level.WARNING, say(
            "there are snapshots only: a crash loses what was written since the last one. Set appendonly yes",
            "只有快照：崩溃会丢失最近一次快照之后的写入。请设置 appendonly yes",
        )
    return Level.WARNING, say(
        "nothing is written to disk: a restart loses every task. Set appendonly yes",
        "数据不写盘：重启会丢失全部任务。请设置 appendonly yes",
    )


async def _eviction(part: RedisTaskStore) -> Outcome:
    info = await _info(part, "memory")
    policy, limit = info.get("maxmemory_policy", "?"), info.get("maxmemory", "?")
    evicted = (await _info(part, "stats")).get("evicted_keys", "0")
    text = say(
        f"maxmemory {limit}, policy {policy}, {evicted} keys evicted since the start",
        f"maxmemory {limit}，策略 {policy}，启动以来淘汰 {evicted} 个键",
    )
    if policy == "noeviction":
        return Level.FINE, text
    advice = say("Run CONFIG SET maxmemory-policy noeviction", "请执行 CONFIG SET maxmemory-policy noeviction")
    return Level.WARNING if evicted == "0" else Level.WRONG, f"{text}. {advice}"


async def _clock(part: RedisTaskStore) -> Outcome:
    before = time.time()
    seconds, micros = await part.server.read("TIME")
    after = time.time()
    ahead = int(seconds) + int(micros) / 1e6 - (before + after) / 2
    text = say(f"{ahead:+.3f} s from this machine's", f"与本机相差 {ahead:+.3f} 秒")
    if abs(ahead) <= _CLOCK_SECONDS + (after - before) / 2:
        return Level.FINE, text
    advice = say(
        "Times of tasks are the server's: set both clocks by NTP", "任务时间取自服务器：请用 NTP 校准两边的时钟"
    )
    return Level.WARNING, f"{text}. {advice}"


async def _topology(part: RedisTaskStore, *, settings: TaskStoreSettings) -> Outcome:
    info = await _info(part, "replication")
    if info.get("role") != "master":
        return Level.WRONG, say("the server is a replica and refuses writes", "该服务器是副本，不接受写入")
    replicas = info.get("connected_slaves", "0")
    text = say(f"a master with {replicas} replicas", f"主服务器，{replicas} 个副本")
    if (await _info(part, "cluster")).get("cluster_enabled") == "1":
        state = await _cluster_state(part)
        text += say(f", in a cluster whose state is {state}", f"，集群状态为 {state}")
        if state == "fail":
            return Level.WRONG, text
    if int(replicas) < settings.redis_wait_replicas:
        refused = say(
            "REDIS_WAIT_REPLICAS asks for more, so every write raises StoreUnavailable",
            "少于 REDIS_WAIT_REPLICAS，因此每次写入都会抛出 StoreUnavailable",
        )
        return Level.WRONG, f"{text}. {refused}"
    if parse(settings.url).service and "min_slaves_good_slaves" not in info:
        advice = say(
            "after a failover a replaced master takes writes that are lost: set min-replicas-to-write 1",
            "故障转移后，被换下的主服务器仍会接受随后丢失的写入：请设置 min-replicas-to-write 1",
        )
        return Level.WARNING, f"{text}. {advice}"
    return Level.FINE, text


async def _cluster_state(part: RedisTaskStore) -> str:
    try:
        return _fields(await part.server.read("CLUSTER", "INFO")).get("cluster_state", "?")
    except StoreUnavailable:  # the least rights do not have this command
        return say("unknown", "未知")


def rights() -> str:
    """The subject of the check of rights."""
    return say("rights", "权限")


def _all(settings: TaskStoreSettings) -> list[tuple[str, Check]]:
    return [
        (say("reachable", "可达"), _reachable),
        (say("version", "版本"), _version),
        (rights(), _rights),
        (say("persistence", "持久化"), _persistence),
        (say("eviction", "淘汰"), _eviction),
        (say("clock", "时钟"), _clock),
        (say("topology", "拓扑"), partial(_topology, settings=settings)),
    ]


async def _info(part: RedisTaskStore, section: str) -> dict[str, str]:
    return _fields(await part.server.read("INFO", section))


def _fields(reply: bytes) -> dict[str, str]:
    """The `name:value` lines of a reply."""
    pairs = (line.partition(":") for line in reply.decode(errors="replace").splitlines())
    return {name: value for name, _, value in pairs}
