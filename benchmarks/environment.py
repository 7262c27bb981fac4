"""Where the figures were made: what pytest-benchmark does not record, and nothing that names a machine or a person."""

from __future__ import annotations

import asyncio
import os
from importlib.metadata import version

from conformance.results.fingerprint import fingerprint


def describe_environment() -> dict[str, object]:
    """Say what a figure may depend on besides the store and its server."""
    with asyncio.Runner() as runner:
        loop = type(runner.get_loop())
    return {
        "fingerprint": fingerprint(),
        "cpu_count": os.cpu_count(),
        "redis_py": version("redis"),
        "hiredis": version("hiredis"),
        "pydantic": version("pydantic"),
        "event_loop": f"{loop.__module__}.{loop.__qualname__}",
        "asserts": __debug__,
        "hash_seed": os.environ.get("PYTHONHASHSEED", "random"),
    }
