"""The command `taskstore` for operators: a module for each subcommand, with `texts`, `add_arguments`, `main`.

The store imports none of it.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version

from taskstore.errors import StoreUnavailable, TaskStoreError
from taskstore.tools.common import UsageError, choose, say

COMMANDS = {
    "doctor": ("check the server, and what the store keeps on it", "检查服务器以及存储在其中的数据"),
    "purge": ("remove finished tasks", "清除已结束的任务"),
    "migrate": (
        "copy tasks between servers and files, and from records of another form",
        "在服务器和文件之间复制任务，也可读取另一种格式的记录",
    ),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command, and return its exit status."""
    language = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    language.add_argument("--lang", choices=("en", "zh"))
    chosen, given = language.parse_known_args(arguments)
    choose(chosen.lang)
    try:
        options = _parser(given).parse_args(given)
        status: int = asyncio.run(options.main(options))
    except KeyboardInterrupt:
        status = _complain(130, say("Interrupted.", "已中断。"))
    except StoreUnavailable as error:
        notes = getattr(error, "__notes__", [])
        status = _complain(3, str(error), *([say(*notes)] if notes else []))
    except ModuleNotFoundError as error:
        if error.name not in {"redis", "hiredis"}:
            raise
        text = say("a package is not installed: pip install", "缺少所需的包：pip install")
        status = _complain(2, f"{text} 'taskstore[redis]'")
    except (TaskStoreError, UsageError, OSError) as error:
        status = _complain(2, str(error))
    return status


def _complain(status: int, *lines: str) -> int:
    print(say("error:", "错误："), "\n".join(lines), file=sys.stderr)
    return status


def _parser(given: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "taskstore",
        description=say("Look after a task store in Redis.", "维护 Redis 中的任务存储。"),
        epilog=say(
            "`taskstore COMMAND --help` shows options, examples and exit statuses. `python -m taskstore` is the same.",
            "`taskstore COMMAND --help` 显示选项、示例和退出状态。`python -m taskstore` 与此命令相同。",
        ),
    )
    parser.add_argument("--version", action="version", version=f"taskstore {version('taskstore')}")
    parser.add_argument(
        "--lang", choices=("en", "zh"), help=say("language (default: that of LANG)", "语言（默认取自 LANG）")
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    chosen = next((word for word in given if not word.startswith("-")), "")
    for name, purpose in COMMANDS.items():
        command = commands.add_parser(
            name, help=say(*purpose), formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
        )
        if name == chosen:  # the others are not imported
            module = import_module(f"{__name__}.{name}")
            command.description, command.epilog = module.texts()
            module.add_arguments(command)
            command.set_defaults(main=module.main)
    return parser
