"""A single call, and what comes before the first: requests, multiples of a PING, and the import."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from reports.inputs import Seconds, Strict
from reports.verdicts import Estimate, compare, estimate

Blocks = Annotated[tuple[Seconds, ...], Field(min_length=1)]


class TimedInput(Strict):
    """Seconds of a call in each block, and of the PINGs it took turns with: redis-py's and the store's own client's."""

    seconds: Blocks
    ping_seconds: Blocks
    own_ping_seconds: Blocks


class CallsInput(Strict):
    """What the study of calls wrote."""

    requests: dict[str, Annotated[float, Field(ge=0)]]
    timed: dict[str, TimedInput]
    timed_on_uvloop: dict[str, TimedInput]


class StartInput(Strict):
    """What the study of the import wrote: seconds, a pair of interpreters for each place."""

    pydantic: Blocks
    taskstore: Blocks


@dataclass(frozen=True)
class Calls:
    """By operation: requests per call, counted at a proxy, and its time as a multiple of a PING by either client."""

    requests: Mapping[str, float]
    times_ping: Mapping[str, Estimate]
    times_own_ping: Mapping[str, Estimate]
    times_ping_on_uvloop: Mapping[str, Estimate]


def gather_calls(calls: CallsInput) -> Calls:
    """Divide each block by the PINGs that were made in turn with it."""
    timed, on_uvloop = calls.timed.items(), calls.timed_on_uvloop.items()
    return Calls(
        calls.requests,
        {operation: compare(one.seconds, one.ping_seconds) for operation, one in timed},
        {operation: compare(one.seconds, one.own_ping_seconds) for operation, one in timed},
        {operation: compare(one.seconds, one.ping_seconds) for operation, one in on_uvloop},
    )


def gather_start(start: StartInput) -> Estimate:
    """Subtract pair by pair, in milliseconds."""
    pairs = zip(start.taskstore, start.pydantic, strict=True)
    found = estimate((both - alone) * 1000 for both, alone in pairs)
    assert found is not None  # noqa: S101  there is a pair
    return found
