"""`taskstore purge`: remove finished tasks."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime, timedelta

from taskstore.opening import open_redis
from taskstore.tools.common import UsageError, exit_statuses, say
from taskstore.tools.place import SETTINGS, settings_of
from taskstore.values import microseconds


def texts() -> tuple[str, str]:
    """What the help says before and after the options."""
    description = say(
        """\
Remove the tasks that were completed, failed or cancelled more than DAYS days ago. Other tasks stay, however old.
Without this, each task goes by itself when TASK_TTL seconds have passed since the last write to it.""",
        """\
清除 DAYS 天之前已完成、失败或取消的任务。其他任务无论多旧都保留。
即使不执行此命令，任务在最后一次写入 TASK_TTL 秒之后也会自动消失。""",
    )
    examples = "  taskstore purge --days 30 --dry-run\n  taskstore purge redis://localhost:6379/0 --days 0.5"
    statuses = exit_statuses(("not used", "未使用"))
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
    parser.add_argument("--days", type=float, required=True, help=say("age, as 30 or 0.5", "天数，例如 30 或 0.5"))
    parser.add_argument(
        "--prefix",
        metavar="TEXT",
        help=say("key prefix (default: TASK_KEY_PREFIX)", "键前缀（默认为 TASK_KEY_PREFIX）"),
    )
    parser.add_argument("--dry-run", action="store_true", help=say("count, remove nothing", "只计数，不清除"))


async def main(options: argparse.Namespace) -> int:
    """Remove or count the tasks, and return the exit status."""
    try:
        before = datetime.now(UTC) - timedelta(days=options.days)
    except (OverflowError, ValueError):
        before = None
    if before is None or options.days < 0:
        raise UsageError(say("--days must be a number from 0 on.", "--days 必须是不小于 0 的数。"))
    async with open_redis(settings_of(options.url, options.prefix)) as store:
        await store.list_tasks(limit=0)  # fills indexes that were evicted, and forgets what has expired
        if options.dry_run:
            bounds = "-inf", f"({microseconds(before)}"
            found = sum([await one.server.read("ZCOUNT", f"{one.base}:finished", *bounds) for one in store.parts])
            print(say(f"{found:,} tasks would be removed", f"将清除 {found:,} 个任务"))
        else:
            removed = await store.purge(before)
            print(say(f"{removed:,} tasks removed", f"已清除 {removed:,} 个任务"))
    return 0
