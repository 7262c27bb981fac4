"""`conformance clean`: remove what a run that was killed left on a server."""

from __future__ import annotations

import argparse
import re
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any

from conformance.commands.options import CommandFailedError

DESCRIPTION = """\
Find the keys that killed runs of the suite left on a Redis server which was given by its URL, and remove them.
Every namespace of the suite is `conformance-`, or `compare-`, and twelve hexadecimal digits. No other key is read or
changed.
Do not remove keys while a run uses the server: its namespaces look alike."""
EPILOG = """\
examples:
  conformance clean redis://localhost:6379/0
  conformance clean redis://localhost:6379/0 --remove
  conformance clean redis://localhost:6379/0 --prefix 'myapp:' --remove

exit status:
  0  nothing is left
  1  keys are left: those that --remove would remove
  2  wrong usage, or no answer from the server"""
_WORDS = ("conformance", "compare")
_BATCH = 500
_SHOWN = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("url", metavar="URL", help="the server, as redis://host:port/db")
    parser.add_argument(
        "--prefix",
        default="{",
        metavar="TEXT",
        help="what stands before the namespace in a key (default: %(default)s, as in the keys of taskstore)",
    )
    parser.add_argument("--remove", action="store_true", help="remove the keys, which else are only counted")


def main(options: argparse.Namespace) -> int:
    """Count or remove the keys, and return the exit status."""
    import redis

    from conformance.subjects.registry import shown_name

    shown = shown_name(options.url)
    try:
        with redis.Redis.from_url(options.url) as client:
            keys = sorted(_keys(client, options.prefix))
            if options.remove:
                _remove(client, keys)
    except ValueError as fault:
        raise CommandFailedError(f"{shown}: {fault}") from None
    except redis.exceptions.RedisError as fault:
        raise CommandFailedError(f"no answer from {shown}: {type(fault).__name__}") from None
    count = Counter(_namespace(key, options.prefix) for key in keys)
    for namespace, number in islice(sorted(count.items()), _SHOWN):
        print(f"{namespace}: {number} {'key' if number == 1 else 'keys'}")
    if len(count) > _SHOWN:
        print(f"… and {len(count) - _SHOWN} more namespaces")
    done = "removed" if options.remove else "found; --remove removes them"
    print(f"{len(keys)} keys of {len(count)} namespaces on {shown} {done if keys else 'found'}")
    return 1 if keys and not options.remove else 0


def _keys(client: Any, prefix: str) -> Iterator[bytes]:
    escaped = re.sub(r"([*?\[\]\\])", r"\\\1", prefix)
    for word in _WORDS:
        for key in client.scan_iter(match=f"{escaped}{word}-*", count=_BATCH):
            if _pattern(prefix).match(key):
                yield key


def _pattern(prefix: str) -> re.Pattern[bytes]:
    """What a key begins with: some cases write to a second namespace, with `bar` at its end."""
    return re.compile(
        re.escape(prefix.encode()) + rb"((?:%s)-[0-9a-f]{12}(?:bar)?)(?![0-9A-Za-z])" % "|".join(_WORDS).encode()
    )


def _namespace(key: bytes, prefix: str) -> str:
    found = _pattern(prefix).match(key)
    return "" if found is None else found.group(1).decode()


def _remove(client: Any, keys: list[bytes]) -> None:
    for first in range(0, len(keys), _BATCH):
        client.unlink(*keys[first : first + _BATCH])
