"""The command `taskstore` for operators. The store imports none of it."""

import argparse
import asyncio
import inspect
import locale
import sys
from collections.abc import Callable, Sequence
from typing import Any

from taskstore.errors import SettingsInvalid, StoreUnavailable
from taskstore.tools.doctor import doctor
from taskstore.tools.migrate import migrate
from taskstore.tools.printing import on_one_line

_STATUSES = """exit status:
  0    done
  1    something is wrong, or a task was not copied
  2    wrong usage or settings
  3    Redis did not answer, or refused
  130  interrupted"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command, and return its exit status."""
    options = _parser().parse_args(arguments)
    try:
        status: int = asyncio.run(options.run(options))
    except KeyboardInterrupt:
        return 130
    except (SettingsInvalid, StoreUnavailable) as error:
        is_chinese = "zh" in str(locale.getlocale())
        notes = getattr(error, "__notes__", [])  # in English, and in Chinese
        told = "\n".join([f"error: {error}", *notes[is_chinese::2]])
        print(*map(on_one_line, told.split("\n")), file=sys.stderr, sep="\n")
        return 2 if isinstance(error, SettingsInvalid) else 3
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("taskstore", description="Look after a task store in Redis.")
    commands = parser.add_subparsers(required=True)
    checks = _add_command(commands, doctor)
    copies = _add_command(commands, migrate)
    of_prefix = "of the keys (default: TASK_KEY_PREFIX, or `task:` with --documented)"

    checks.add_argument("url", metavar="URL", nargs="?", default="settings", help="(default: that of the settings)")
    checks.add_argument("--prefix", metavar="TEXT", help=of_prefix)
    checks.add_argument("--repair", action="store_true", help="mend the indexes")

    for side in ("source", "target"):
        copies.add_argument(side, help="URL, or the word `settings`")
        copies.add_argument(f"--{side}-prefix", metavar="TEXT", help=of_prefix)
        copies.add_argument(f"--{side}-partitions", metavar="N", help="how many there are (default: TASK_PARTITIONS)")
    copies.add_argument("--documented", action="store_true", help="SOURCE has the records of the documented design")
    return parser


def _add_command(commands: Any, run: Callable[..., object]) -> Any:
    """Add the command that a function is, with its docstring as the help text."""
    command = commands.add_parser(
        run.__name__,
        description=inspect.getdoc(run),
        epilog=_STATUSES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.set_defaults(run=run)
    return command
