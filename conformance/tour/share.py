"""One tour that several processes play: each takes the next part that nobody has, and all of them get the whole."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from conformance.case import NotTestable
from conformance.engine.scene import Scene
from conformance.harness import Harness
from conformance.tour.outcome import Tour, whole_of
from conformance.tour.plan import plan
from conformance.tour.run import broadest_first, play_all

_PATIENCE_SECONDS = 5
_PARTS = 24
"""So many that nobody waits long for the last of them."""


def run_shared(
    harness: Harness, seed: int, name: str, folder: Path, alive: Callable[[], None], seconds: float | None = None
) -> Tour:
    """Play the parts of the tour on a subject that no other process plays, and wait for the others.

    Args:
        harness: The subject, which is running.
        seed: The same in each process.
        name: That of the subject.
        folder: Where the processes leave their parts.
        alive: Called in every scene, and now and then while others are waited for.
        seconds: Scenes that would begin later are left out.

    Raises:
        NotTestable: if a process has ended in the middle of a part.
    """
    if seconds is None:
        scenes = plan(seed)[::-1]  # those that take the longest stand at the end of the plan, and are played first
        parts = [scenes[part::_PARTS] for part in range(_PARTS)]
    else:
        scenes = broadest_first(plan(seed))
        size = -(-len(scenes) // _PARTS)
        parts = [scenes[size * part : size * (part + 1)] for part in range(_PARTS)]
    until = None if seconds is None else time.monotonic() + seconds
    files = [folder / f"{hashlib.sha256(name.encode()).hexdigest()}.{part}.json" for part in range(_PARTS)]
    for waits in (False, True):
        for part, file in enumerate(files):
            with _lock_of(file, alive, waits=waits) as is_ours:
                if is_ours and not file.exists():
                    _play_into(file, harness, parts[part], alive, until)
    return whole_of([Tour.model_validate_json(file.read_bytes()) for file in files])


def _play_into(
    file: Path, harness: Harness, scenes: Sequence[Scene], alive: Callable[[], None], until: float | None
) -> None:
    begun = file.with_suffix(".begun")
    if begun.exists():  # to play it again would end this process too
        raise NotTestable("a part of the tour was begun in another worker, which ended")
    begun.touch()  # it stays if this process ends
    try:
        written = file.with_suffix(".new")
        written.write_text(asyncio.run(play_all(harness, scenes, alive, until)).model_dump_json(), "utf-8")
        written.replace(file)
    finally:
        begun.unlink()


@contextmanager
def _lock_of(file: Path, alive: Callable[[], None], *, waits: bool) -> Iterator[bool]:
    """Lock a part, and say whether that was possible, which it is in the end if it is waited for."""
    lock = FileLock(f"{file}.lock")
    while True:
        with suppress(Timeout):
            lock.acquire(timeout=_PATIENCE_SECONDS if waits else 0)
        if lock.is_locked or not waits:
            break
        alive()
    try:
        yield lock.is_locked
    finally:
        lock.release()
