"""The command `taskstore` for operators. The store imports none of it."""

from __future__ import annotations

import argparse
import asyncio
import inspect
import sys
from collections.abc import Sequence
from importlib.metadata import version

from taskstore.errors import SettingsInvalid, StoreUnavailable
from taskstore.tools.doctor import doctor
from taskstore.tools.documented import zone
from taskstore.tools.migrate import migrate
from taskstore.tools.purge import days_ago, purge

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
        return _complain(130, "interrupted")
    except StoreUnavailable as error:
        return _complain(3, str(error), *getattr(error, "__notes__", ()))
    except SettingsInvalid as error:
        return _complain(2, str(error))
    return status


def _complain(status: int, *lines: str) -> int:
    print("error:", "\n".join(lines), file=sys.stderr)
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("taskstore", description="Look after a task store in Redis.")
    parser.add_argument("--version", action="version", version=f"taskstore {version('taskstore')}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    made = {}
    for run, purpose in (
        (doctor, "check the server and the store on it"),
        (purge, "remove finished tasks"),
        (migrate, "copy tasks to another place, or from records of another form"),
    ):
        command = made[run] = commands.add_parser(
            run.__name__,
            help=purpose,
            description=inspect.getdoc(run),
            epilog=_STATUSES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.set_defaults(run=run)
        if run is not migrate:
            command.add_argument("url", metavar="URL", nargs="?", default="settings", help="default: the settings")
            command.add_argument("--prefix", help="key prefix (default: TASK_KEY_PREFIX)")
        if run is not doctor:
            command.add_argument("--dry-run", action="store_true", help="count only, change nothing")

    made[doctor].add_argument("--repair", action="store_true", help="mend the indexes")
    made[purge].add_argument("--days", type=days_ago, required=True, help="age, such as 30 or 0.5")
    add = made[migrate].add_argument
    for place in ("source", "target"):
        add(place, metavar=place.upper(), help="URL, or the word `settings`")
        add(f"--{place}-prefix", metavar="PREFIX", help="key prefix (default: TASK_KEY_PREFIX)")
        add(f"--{place}-partitions", metavar="N", help="number of partitions (default: TASK_PARTITIONS)")
    add("--documented", action="store_true", help="SOURCE has the documented design's records; its prefix is `task:`")
    add("--zone", type=zone, help="time zone of their times, such as Asia/Shanghai (default: this machine's)")
    return parser
