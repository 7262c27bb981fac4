"""`taskstore purge`."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime, timedelta

from taskstore.opening import open_redis
from taskstore.tools.place import settings_of
from taskstore.values import microseconds


def days_ago(text: str) -> datetime:
    """The moment that is so many days ago, at most a hundred years."""
    if not 0 <= float(text) <= 36_525:  # noqa: PLR2004
        raise ValueError
    return datetime.now(UTC) - timedelta(days=float(text))


async def purge(options: argparse.Namespace) -> int:
    """Remove the tasks that were completed, failed or cancelled more than DAYS days ago.

    Other tasks stay, however old.
    """
    async with open_redis(settings_of(options.url, options.prefix)) as store:
        if options.dry_run:
            bounds = "-inf", f"({microseconds(options.days)}"
            found = [await part.server.read("ZCOUNT", f"{part.base}:finished", *bounds) for part in store.parts]
            print(f"{sum(found):,} tasks would be removed")
        else:
            print(f"{await store.purge(options.days):,} tasks removed")
    return 0
