"""The command `taskstore` for operators. The store imports none of it."""

from __future__ import annotations

import argparse
import asyncio
import inspect
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from taskstore.errors import SettingsInvalid, StoreUnavailable
from taskstore.opening import open_redis
from taskstore.tools.doctor import doctor
from taskstore.tools.migrate import migrate
from taskstore.tools.place import settings_of

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
        print(f"error: {error}", *getattr(error, "__notes__", []), file=sys.stderr, sep="\n")
        return 2 if isinstance(error, SettingsInvalid) else 3
    return status


def days(text: str) -> datetime:
    """The moment that is so many days ago, at most a hundred years."""
    if not 0 <= float(text) <= 36_525:  # noqa: PLR2004
        raise ValueError
    return datetime.now(UTC) - timedelta(days=float(text))


async def purge(options: argparse.Namespace) -> int:
    """Remove the tasks that were completed, failed or cancelled more than so many days ago.

    Other tasks stay, however old.
    """
    async with open_redis(settings_of(options.url, options.prefix)) as store:
        print(f"{await store.purge(options.days):,} tasks removed")
    return 0


_ARGUMENTS: dict[str, dict[str, Any]] = {
    "url": {"metavar": "URL", "nargs": "?", "default": "settings", "help": "server (default: that of the settings)"},
    "source": {"help": "URL, or the word `settings`"},
    "target": {"help": "the same"},
    "prefix": {"metavar": "TEXT", "help": "of the keys (default: TASK_KEY_PREFIX, or `task:` with --documented)"},
    "partitions": {"metavar": "N", "help": "how many there are (default: TASK_PARTITIONS)"},
    "days": {"type": days, "required": True, "help": "age, such as 30 or 0.5"},
    "documented": {"action": "store_true", "help": "SOURCE has the records of the documented design"},
    "repair": {"action": "store_true", "help": "mend the indexes"},
}
"""How an argument is read, by the last word of its name."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("taskstore", description="Look after a task store in Redis.")
    commands = parser.add_subparsers(required=True)
    each = "--source-prefix --target-prefix --source-partitions --target-partitions"
    for run, names in (
        (doctor, "url --prefix --repair"),
        (purge, "url --prefix --days"),
        (migrate, f"source target {each} --documented"),
    ):
        text, form = inspect.getdoc(run), argparse.RawDescriptionHelpFormatter
        command = commands.add_parser(run.__name__, description=text, epilog=_STATUSES, formatter_class=form)
        command.set_defaults(run=run)
        for name in names.split():
            command.add_argument(name, **_ARGUMENTS[name.rpartition("-")[2]])
    return parser
