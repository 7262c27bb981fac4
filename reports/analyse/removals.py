"""How long others waited while many tasks went at once: equal events together."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

from benchmarks.studies.document import Event, Expiry, What


@dataclass(frozen=True)
class Removal:
    """An event that was made several times: medians in milliseconds, and the least and the most of the longest waits.

    `ms` is how long the listing took that swept; plain keys nobody but Redis removes, and it is how long that took.
    """

    what: What
    tasks: int
    events: int
    ms: float
    quiet_ms: float
    """The longest wait when nothing went on."""
    wait_ms: float
    """The longest wait meanwhile, but of who removed the tasks."""
    between_ms: tuple[float, float]


def gather_removals(expiry: Expiry | None) -> tuple[Removal, ...]:
    """Put equal events together, in the order in which they were first made."""
    alike: dict[tuple[What, int], list[Event]] = {}
    for event in expiry.events if expiry else ():
        alike.setdefault((event.what, event.tasks), []).append(event)
    return tuple(_removal(what, tasks, events) for (what, tasks), events in alike.items())


def _removal(what: What, tasks: int, events: list[Event]) -> Removal:
    waits = [event.meanwhile_seconds * 1e3 for event in events]
    return Removal(
        what=what,
        tasks=tasks,
        events=len(events),
        ms=median(event.seconds for event in events) * 1e3,
        quiet_ms=median(event.quiet_seconds for event in events) * 1e3,
        wait_ms=median(waits),
        between_ms=(min(waits), max(waits)),
    )
