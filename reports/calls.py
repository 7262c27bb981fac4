"""What is left to say of a single call, and what comes before the first: requests, a cancel, and the import."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from reports.inputs import Seconds, Strict
from reports.verdicts import Estimate, estimate, ratios

Blocks = Annotated[tuple[Seconds, ...], Field(min_length=1)]


class CancelInput(Strict):
    """Seconds of a cancel in each block, and of a PING before it through redis-py and the store's own client."""

    seconds: Blocks
    ping_seconds: Blocks
    own_ping_seconds: Blocks


class CallsInput(Strict):
    """What the study of calls wrote."""

    requests: dict[str, Annotated[float, Field(ge=0)]]
    cancel: CancelInput


class StartInput(Strict):
    """What the study of the import wrote: seconds, a pair of interpreters for each place."""

    pydantic: Blocks
    taskstore: Blocks


@dataclass(frozen=True)
class Calls:
    """Requests per call by operation, counted at a proxy; and a cancel as a multiple of a PING by either client."""

    requests: Mapping[str, float]
    cancel_times_ping: Estimate
    cancel_times_own_ping: Estimate


def gather_calls(calls: CallsInput) -> Calls:
    """Divide each block of cancels by the PINGs before it."""
    cancel = calls.cancel
    times = estimate(ratios(cancel.seconds, cancel.ping_seconds))
    times_own = estimate(ratios(cancel.seconds, cancel.own_ping_seconds))
    assert times is not None  # noqa: S101  there is a block
    assert times_own is not None  # noqa: S101
    return Calls(calls.requests, times, times_own)


def gather_start(start: StartInput) -> Estimate:
    """Subtract pair by pair, in milliseconds."""
    pairs = zip(start.taskstore, start.pydantic, strict=True)
    found = estimate((both - alone) * 1000 for both, alone in pairs)
    assert found is not None  # noqa: S101  there is a pair
    return found
