"""What one caller cannot see: second instances, time that passes, calls at the same time, and a server that fails.

Nothing is known of the operations but what they read and write. A probe whose hook is missing is noted.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from conformance.compare.document import Finding
from conformance.compare.probes.bench import Bench
from conformance.compare.probes.failures import probe_foreign_value, probe_server
from conformance.compare.probes.presence import probe_presence
from conformance.compare.probes.races import probe_races
from conformance.harness import HookMissingError

_OF_ONE_STORE = {
    "calls at the same time": probe_races,
    "a value of another type": probe_foreign_value,
    "a server that fails": probe_server,
}


async def probe(bench: Bench) -> AsyncIterator[Finding]:
    """Make every probe, and give what is found."""
    async for finding in probe_presence(bench):
        yield finding
    for index in range(2):
        for name, probe_one in _OF_ONE_STORE.items():
            try:
                async for finding in probe_one(bench, index):
                    yield finding
            except HookMissingError as missing:
                bench.note(name, index, missing)
