"""One tour that several processes play: each takes the next part that nobody has, and all of them get the whole."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

from filelock import FileLock, Timeout

from conformance.harness import Harness
from conformance.tour.plan import plan
from conformance.tour.run import Tour, play_all, whole_of

_PARTS = 24
"""So many that nobody waits long for the last of them."""


def run_shared(harness: Harness, seed: int, name: str, folder: Path) -> Tour:
    """Play the parts of the tour on a subject that no other process plays, and wait for the others.

    Args:
        harness: The subject, which is running.
        seed: The same in each process.
        name: That of the subject.
        folder: Where the processes leave their parts.
    """
    scenes = plan(seed)[::-1]  # those that take the longest stand at the end of the plan, and are played first
    files = [folder / f"{hashlib.sha256(name.encode()).hexdigest()}.{part}.json" for part in range(_PARTS)]
    for patience in (0, -1):
        for part, file in enumerate(files):
            try:
                with FileLock(f"{file}.lock", timeout=patience):
                    if not file.exists():  # also if a process has ended before it was through
                        tour = asyncio.run(play_all(harness, scenes[part::_PARTS]))
                        written = file.with_suffix(".new")
                        written.write_text(tour.model_dump_json(), "utf-8")
                        written.replace(file)
            except Timeout:
                continue
    return whole_of([Tour.model_validate_json(file.read_bytes()) for file in files])
