"""`taskstore doctor`: check the server, and what the store keeps on it."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator

from taskstore.opening import open_redis
from taskstore.redis import RedisTaskStore
from taskstore.settings import TaskStoreSettings
from taskstore.tools import agreement, checks
from taskstore.tools.checks import Finding, Level
from taskstore.tools.common import exit_statuses, say
from taskstore.tools.place import SETTINGS, settings_of

_YEARS = 1e9
"""Seconds that a repair may take."""


def texts() -> tuple[str, str]:
    """What the help says before and after the options."""
    description = say(
        """\
Check a server and the store on it: whether it answers, its version, the rights of the user, what is on disk after a
restart, eviction, the clock, the topology, and whether indexes and records agree. For the last, every record is read.
Without --repair nothing is changed but what every listing changes: expired tasks are removed from the indexes, and
indexes that the server has evicted are filled. --repair fills the indexes anew from the records if they do not agree.
Listings that come meanwhile do a part of that work, and may raise StoreUnavailable by time-out. Records that cannot be
read are named and left.""",
        """\
检查服务器及其中的存储：是否应答、版本、用户权限、重启后数据是否保留、淘汰策略、时钟、拓扑，以及索引与记录是否一致（为此
要读取每条记录）。没有 --repair 时，只做每次列表都会做的事：移除已过期任务的索引条目，补全被服务器淘汰的索引。
索引与记录不一致时，--repair 根据记录重建索引。期间的列表会分担这一工作，可能因超时抛出 StoreUnavailable。
无法读取的记录只会列出，不会改动。""",
    )
    examples = "  taskstore doctor\n  taskstore doctor redis://localhost:6379/0 --prefix taskstore --repair"
    statuses = exit_statuses(("something is wrong; a warning alone has status 0", "有检查未通过；只有警告时为 0"))
    return description, f"{say('examples:', '示例：')}\n{examples}\n\n{statuses}"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.add_argument(
        "url",
        metavar="URL",
        nargs="?",
        default=SETTINGS,
        help=say("the server (default: that of the settings)", "服务器（默认为设置中的服务器）"),
    )
    parser.add_argument(
        "--prefix",
        metavar="TEXT",
        help=say("key prefix (default: TASK_KEY_PREFIX)", "键前缀（默认为 TASK_KEY_PREFIX）"),
    )
    parser.add_argument(
        "--repair", action="store_true", help=say("fill the indexes anew if they are wrong", "索引有误时重建索引")
    )


async def main(options: argparse.Namespace) -> int:
    """Check, and return the exit status."""
    status = 0
    settings = settings_of(options.url, options.prefix)
    async with open_redis(settings, claims=False) as store:
        async for finding in _findings(store, settings, repair=options.repair):
            _show(finding)
            if finding.level is Level.WRONG:
                status = 1
    return status


async def _findings(store: RedisTaskStore, settings: TaskStoreSettings, *, repair: bool) -> AsyncIterator[Finding]:
    refused, told = False, set[Finding]()
    for part in store.parts:
        async for finding in checks.findings(part, settings):
            refused |= finding.level is Level.WRONG and finding.subject == checks.rights()
            if part is store.parts[0] or (finding.level is not Level.FINE and finding not in told):
                told.add(finding)
                yield finding
    if refused:
        text = say("not examined, since rights are missing", "因权限不足而未检查")
        yield Finding(Level.WARNING, agreement.subject(), text)
        return
    await store.claim(len(store.parts), record=False)
    found = await agreement.examine(store.parts)
    if repair and not found.agrees:
        for finding in found.wrong():
            print(say("before the repair:", "修复之前："), finding.text, file=sys.stderr)
        await store.rebuild_indexes(asyncio.get_running_loop().time() + _YEARS)
        print(say("The indexes were filled anew.", "索引已重建。"), file=sys.stderr)
        found = await agreement.examine(store.parts)
    for finding in found.findings():
        yield finding


def _show(finding: Finding) -> None:
    names = {
        Level.FINE: say("ok     ", "正常"),
        Level.WARNING: say("warning", "警告"),
        Level.WRONG: say("wrong  ", "错误"),
    }
    print(names[finding.level], f"{finding.subject}:", finding.text)
