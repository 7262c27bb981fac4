"""What tasks cost as they become many: their bytes, and what it takes to be rid of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from typing import Annotated, Literal

from pydantic import Field

from reports.inputs import Design, Mode, Seconds, Strict
from reports.load import SpreadInput, Waits, to_waits

What = Literal["purge", "expire", "expire, nobody writes", "plain keys, nobody sweeps", "indexes, nobody calls"]
Part = Literal["task", "metadata"]
"""What of a task is 400 bytes of JSON: the whole of it, as the described design stores it, or its metadata alone."""
Count = Annotated[int, Field(ge=1)]


class SizeInput(Strict):
    """Bytes of that many tasks."""

    design: Design
    mode: Mode
    part: Part
    tasks: Count
    total_bytes: Count
    record_bytes: float | None
    index_bytes: int | None


class MemoryInput(Strict):
    """What the study of memory wrote."""

    sizes: tuple[SizeInput, ...]


class WaitsInput(Strict):
    """How long others waited; `longest` in windows of 20 ms."""

    spread: SpreadInput
    failures: dict[str, int]
    longest: tuple[tuple[float, float], ...]


class EventInput(Strict):
    """Tasks, or plain keys, that went at once."""

    what: What
    mode: Mode
    tasks: Count
    seconds: Seconds
    quiet: dict[str, WaitsInput]
    meanwhile: dict[str, WaitsInput]


class ExpiryInput(Strict):
    """What the study of expiry wrote."""

    events: tuple[EventInput, ...]


@dataclass(frozen=True)
class Weight:
    """Bytes per task at one number of tasks. In Redis the record and the rest are told apart."""

    design: Design
    mode: Mode
    part: Part
    tasks: int
    bytes_per_task: float
    record_bytes: float | None
    index_bytes: float | None


@dataclass(frozen=True)
class Spread:
    """A figure of each of several equal events: the median of them, the least and the most."""

    value: float
    least: float
    most: float
    events: int


@dataclass(frozen=True)
class Removal:
    """That many tasks went at once: what the call took that removed them, and how long others waited meanwhile.

    Plain keys are the floor: no call removes them, and `seconds` is how long Redis took. Of an event that was made
    several times `seconds` is the median, and the waits are of the one in which somebody waited longest.
    """

    what: What
    mode: Mode
    tasks: int
    seconds: float
    us_per_task: float
    quiet: Mapping[str, Waits]
    """By kind of call, when nothing went on: what this machine lets one wait in any case."""
    meanwhile: Mapping[str, Waits]
    longest: Mapping[str, tuple[tuple[float, float], ...]]
    """By kind of call: seconds since the beginning, and the longest wait of those 20 ms in milliseconds."""

    longest_wait_ms: Spread
    """The longest that anybody waited but who removed the tasks."""
    longest_quiet_wait_ms: Spread
    """The longest that anybody waited when nothing went on."""


def gather_weights(memory: MemoryInput) -> tuple[Weight, ...]:
    """Divide bytes by tasks."""
    return tuple(
        Weight(
            size.design,
            size.mode,
            size.part,
            size.tasks,
            size.total_bytes / size.tasks,
            size.record_bytes,
            None if size.index_bytes is None else size.index_bytes / size.tasks,
        )
        for size in sorted(memory.sizes, key=lambda size: (size.mode, size.design, size.part != "task", size.tasks))
    )


def gather_removals(expiry: ExpiryInput) -> tuple[Removal, ...]:
    """Gather what removing cost: equal events together, in the order in which they were first made."""
    alike: dict[tuple[What, Mode, int], list[EventInput]] = {}
    for event in expiry.events:
        alike.setdefault((event.what, event.mode, event.tasks), []).append(event)
    return tuple(map(_removal, alike.values()))


def _removal(events: list[EventInput]) -> Removal:
    worst = max(events, key=lambda event: _longest_ms(event.meanwhile))
    seconds = median(event.seconds for event in events)
    return Removal(
        what=worst.what,
        mode=worst.mode,
        tasks=worst.tasks,
        seconds=seconds,
        us_per_task=seconds / worst.tasks * 1e6,
        quiet={kind: to_waits(waits.spread) for kind, waits in worst.quiet.items()},
        meanwhile={kind: to_waits(waits.spread) for kind, waits in worst.meanwhile.items()},
        longest={
            kind: tuple((at, wait * 1000) for at, wait in waits.longest) for kind, waits in worst.meanwhile.items()
        },
        longest_wait_ms=_spread([_longest_ms(event.meanwhile) for event in events]),
        longest_quiet_wait_ms=_spread([_longest_ms(event.quiet) for event in events]),
    )


def _longest_ms(waits: Mapping[str, WaitsInput]) -> float:
    return max(one.spread.most for one in waits.values()) * 1000


def _spread(values: list[float]) -> Spread:
    return Spread(median(values), min(values), max(values), len(values))
