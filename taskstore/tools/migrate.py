"""`taskstore migrate`: copy tasks between servers, files and the documented design."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from taskstore.address import parse
from taskstore.errors import RecordUnreadable, TaskNotFound
from taskstore.opening import open_redis
from taskstore.redis import RedisTaskStore
from taskstore.tools import documented, lines
from taskstore.tools.common import UsageError, exit_statuses, say
from taskstore.tools.lines import Bad, Found
from taskstore.tools.place import SETTINGS, as_recorded, settings_of
from taskstore.tools.targets import File, Store

_REPORTED_EVERY = 5.0
"""Seconds between two lines of progress."""


def texts() -> tuple[str, str]:
    """What the help says before and after the options."""
    description = say(
        """\
Copy every task of SOURCE to TARGET. Ids, times, all other fields and the remaining lifetime are kept; a task that has
no end in SOURCE lives as long as a new one, and none less than a second. SOURCE is not changed. It has to be quiet:
tasks that are written meanwhile may be missed.
SOURCE and TARGET are each a Redis URL, the word `settings` (the server of REDIS_URL or REDIS_HOST, from the environment
or .env), or a file with a JSON object a line. A URL without a password takes REDIS_USERNAME and REDIS_PASSWORD.
A task that TARGET has already is left there as it is, so a migration that broke off can be repeated. A record that is
no task is named and left. At the end there are counts, and a digest of the tasks that were read: that of TARGET, by
`taskstore migrate TARGET FILE --dry-run`, is the same where the copy is complete and TARGET has no other tasks.""",
        """\
把 SOURCE 的全部任务复制到 TARGET。任务 ID、时间、其他字段和剩余有效期保持不变；在 SOURCE 中没有期限的任务，
有效期与新任务相同；有效期至少一秒。SOURCE 不会被修改。复制期间请停止写入，否则可能遗漏任务。
SOURCE 和 TARGET 可以是 Redis URL、单词 `settings`（环境变量或 .env 中 REDIS_URL 或 REDIS_HOST 所指的服务器），
或每行一个 JSON 对象的文件。URL 中没有密码时使用 REDIS_USERNAME 和 REDIS_PASSWORD。
TARGET 中已有的任务保持原样，因此中断的迁移可以重复执行。不是任务的记录会被列出并跳过。结束时输出计数和所读
任务的摘要：如果复制完整，且 TARGET 没有其他任务，则 `taskstore migrate TARGET FILE --dry-run` 得到相同的摘要。""",
    )
    examples = """\
  taskstore migrate redis://old:6379/0 redis://new:6379/0
  taskstore migrate redis://localhost:6379/0 settings --documented --zone Asia/Shanghai
  taskstore migrate settings tasks.jsonl
  taskstore migrate tasks.jsonl settings --dry-run"""
    statuses = exit_statuses(
        (
            "a record was left, or TARGET has another task under the same id",
            "有记录被跳过，或 TARGET 中同一 ID 下是不同的任务",
        )
    )
    return description, f"{say('examples:', '示例：')}\n{examples}\n\n{statuses}"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.add_argument("source", metavar="SOURCE", help=say("URL, `settings` or file", "URL、`settings` 或文件"))
    parser.add_argument(
        "target",
        metavar="TARGET",
        help=say("URL, `settings`, or a file that does not exist yet", "URL、`settings` 或尚不存在的文件"),
    )
    parser.add_argument(
        "--documented",
        action="store_true",
        help=say(
            "SOURCE has the records of Auto-Clip's document: a JSON string for each task under `task:<id>`",
            "SOURCE 中是 Auto-Clip 文档所述的记录：每个任务在 `task:<id>` 下存为 JSON 字符串",
        ),
    )
    parser.add_argument(
        "--zone",
        metavar="NAME",
        help=say("time zone of its times (default: that of this machine)", "这些记录的时区（默认为本机时区）"),
    )
    parser.add_argument(
        "--source-prefix",
        metavar="TEXT",
        help=say(
            "key prefix in SOURCE (default: TASK_KEY_PREFIX; `task:` with --documented)",
            "SOURCE 的键前缀（默认为 TASK_KEY_PREFIX；使用 --documented 时为 `task:`）",
        ),
    )
    parser.add_argument(
        "--target-prefix",
        metavar="TEXT",
        help=say("key prefix in TARGET (default: TASK_KEY_PREFIX)", "TARGET 的键前缀（默认为 TASK_KEY_PREFIX）"),
    )
    parser.add_argument(
        "--dry-run", action="store_true", help=say("read and check, write nothing", "只读取和检查，不写入")
    )


async def main(options: argparse.Namespace) -> int:
    """Copy, and return the exit status."""
    if options.zone and not options.documented:
        raise UsageError(say("--zone goes with --documented only.", "--zone 只能与 --documented 一起使用。"))
    async with AsyncExitStack() as stack:
        source = await _source(options, stack)
        if _is_server(options.target):
            settings = settings_of(options.target, options.target_prefix)
            store = await stack.enter_async_context(open_redis(settings, claims=False))
            await store.claim(len(store.parts), record=not options.dry_run)
            target: Store | File = Store(store, options.dry_run)
        else:
            target = File(Path(options.target), options.dry_run)
        return await _copy(source, target, options)


@dataclass
class _Counts:
    read: int = 0
    copied: int = 0
    there: int = 0
    left: int = 0
    digest: int = 0

    def __str__(self) -> str:
        return say(
            f"{self.read:,} tasks read, {self.copied:,} copied, {self.there:,} there already, {self.left:,} left",
            f"读取 {self.read:,} 个任务，复制 {self.copied:,} 个，已存在 {self.there:,} 个，跳过 {self.left:,} 个",
        )


async def _copy(source: AsyncIterator[list[Found | Bad]], target: Store | File, options: argparse.Namespace) -> int:
    counts, reported = _Counts(), time.monotonic()
    try:
        async for batch in source:
            good = []
            for one in batch:
                if isinstance(one, Bad):
                    _leave(counts, one)
                else:
                    good.append(one)
            for one, outcome in zip(good, await target.take(good), strict=True):
                _count(counts, one, outcome)
            if time.monotonic() - reported >= _REPORTED_EVERY:
                reported = time.monotonic()
                print(counts, file=sys.stderr)
        target.finish()
    except BaseException:
        target.give_up()
        print(say(f"Not complete: {counts}. {target.again()}", f"未完成：{counts}。{target.again()}"), file=sys.stderr)
        raise
    if options.dry_run:
        print(say("Nothing was written. A run would do this:", "没有写入。实际执行的结果为："))
    print(counts)
    print(say("digest", "摘要"), f"{counts.digest % 2**256:064x}")
    return 1 if counts.left else 0


def _leave(counts: _Counts, bad: Bad) -> None:
    counts.left += 1
    print(say(f"left: {bad.where}: {bad.reason}", f"跳过：{bad.where}：{bad.reason}"), file=sys.stderr)


def _count(counts: _Counts, found: Found, outcome: str | None) -> None:
    counts.read += 1
    counts.digest += lines.digest_of(found.task)
    task_id = found.task.task_id
    if outcome is None:
        counts.copied += 1
        if found.changes:
            without = ", ".join(found.changes)
            note = say(f"copied without {without}: {task_id}", f"复制时略去 {without}：{task_id}")
            print(note, file=sys.stderr)
    elif outcome == "":
        counts.there += 1
    else:
        _leave(counts, Bad(task_id, outcome))


def _existing(name: str) -> Path:
    if not Path(name).is_file():
        raise UsageError(say(f"SOURCE is neither a URL nor a file: {name}", f"SOURCE 既不是 URL，也不是文件：{name}"))
    return Path(name)


def _is_server(name: str) -> bool:
    return name == SETTINGS or "://" in name


async def _source(options: argparse.Namespace, stack: AsyncExitStack) -> AsyncIterator[list[Found | Bad]]:
    if not _is_server(options.source):
        if options.documented:
            raise UsageError(say("--documented needs a server as SOURCE.", "--documented 要求 SOURCE 是服务器。"))
        return lines.read(_existing(options.source))
    settings = settings_of(options.source, None if options.documented else options.source_prefix)
    if options.documented and parse(settings.url).cluster:
        raise UsageError(
            say(
                "--documented reads one server at a time: run it for each node of the cluster, as redis://host:port.",
                "--documented 每次只读取一台服务器：请对集群的每个节点以 redis://host:port 分别执行。",
            )
        )
    if _is_server(options.target) and not options.documented:
        other = settings_of(options.target, options.target_prefix)
        if (str(parse(settings.url)), settings.task_key_prefix) == (str(parse(other.url)), other.task_key_prefix):
            raise UsageError(say("SOURCE and TARGET are the same store.", "SOURCE 和 TARGET 是同一个存储。"))
    zone = _zone(options.zone)
    if not options.documented:
        return _stored(await stack.enter_async_context(open_redis(await as_recorded(settings))))
    store = await stack.enter_async_context(open_redis(settings, claims=False))
    prefix = documented.PREFIX if options.source_prefix is None else options.source_prefix
    return documented.read(store.server, prefix, zone)


def _zone(name: str | None) -> ZoneInfo | None:
    try:
        return None if name is None else ZoneInfo(name)
    except (OSError, ValueError, LookupError):  # ZoneInfoNotFoundError is a LookupError
        raise UsageError(
            say(
                f"--zone: no such time zone: {name}. One is Asia/Shanghai.",
                f"--zone：没有此时区：{name}。例如 Asia/Shanghai。",
            )
        ) from None


async def _stored(store: RedisTaskStore) -> AsyncIterator[list[Found | Bad]]:
    """The tasks of a store, in batches."""
    after = None
    while True:
        page = await store.list_tasks(limit=lines.BATCH, after=after)
        lives = await asyncio.gather(*(_left_ms(store, task.task_id) for task in page.tasks))
        alive = [pair for pair in zip(page.tasks, lives, strict=True) if pair[1] != -2]  # noqa: PLR2004  gone meanwhile
        bad = [await _why(store, key) for key in page.unreadable]
        yield [*(Found(task, None if life < 0 else life) for task, life in alive), *bad]
        if (after := page.next) is None:
            return


async def _left_ms(store: RedisTaskStore, task_id: str) -> int:
    part = store.part_of(task_id)
    left_ms: int = await part.server.read("PTTL", f"{part.base}:task:{task_id}")
    return left_ms


async def _why(store: RedisTaskStore, key: str) -> Bad:
    try:
        await store.get_task(key.partition("}:task:")[2])
    except (RecordUnreadable, TaskNotFound) as fault:
        return Bad(key, getattr(fault, "reason", say("it is gone", "已不存在")))
    return Bad(key, say("it was written meanwhile", "期间被改写"))
