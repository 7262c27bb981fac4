"""Other stores beside ours: what each does and does not do, and then how long it takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from reports.inputs import Mode, Seconds, Strict
from reports.verdicts import Estimate, compare, estimate

Operation = Literal["create", "get", "look", "update", "list"]
Answer = Literal["yes", "no", "not offered"]

FLOOR = "dict + "
"""What the name of a floor begins with: it isolates its values, and has nothing else of a store."""
ISOLATION = ("keeps a value that its giver changes", "keeps a value that its reader changes")
"""The questions of which both must be answered by yes: below that one compares with a dictionary."""


class TraitInput(Strict):
    """One question, its answer, and what was seen."""

    question: str
    answer: Answer
    seen: str


class PortraitInput(Strict):
    """What a peer does."""

    peer: str
    mode: Mode
    package: str
    version: str
    traits: tuple[TraitInput, ...]
    not_timed: dict[Operation, str]


class TimingInput(Strict):
    """One operation of one peer; seconds are means of the calls of a block."""

    peer: str
    mode: Mode
    operation: Operation
    tasks: Annotated[int, Field(ge=0)]
    calls: Annotated[int, Field(ge=1)]
    seconds: Annotated[tuple[Seconds, ...], Field(min_length=1)]
    ping_seconds: tuple[Seconds, ...]


class PeersInput(Strict):
    """What the study of peers wrote."""

    portraits: tuple[PortraitInput, ...]
    timings: tuple[TimingInput, ...]


@dataclass(frozen=True)
class Timing:
    """One operation of a peer."""

    tasks: int
    us: Estimate
    times_ours: Estimate | None
    """As a multiple of ours in the same mode, round by round."""


@dataclass(frozen=True)
class Trait:
    """One question to a peer, and what was seen."""

    question: str
    answer: Answer
    seen: str


@dataclass(frozen=True)
class Peer:
    """One store in one mode."""

    name: str
    mode: Mode
    version: str
    traits: tuple[Trait, ...]
    isolates: bool
    """Whether nothing that a caller does to a value reaches the store: only then its times compare with ours."""
    timings: Mapping[Operation, Timing]
    not_timed: Mapping[Operation, str]


def gather_peers(peers: PeersInput) -> tuple[Peer, ...]:
    """Gather every peer, in the order in which it was written."""
    lines = {(timing.peer, timing.mode, timing.operation): timing for timing in peers.timings}

    def find(portrait: PortraitInput) -> dict[Operation, Timing]:
        timings: dict[Operation, Timing] = {}
        for (peer, mode, operation), timing in lines.items():
            if (peer, mode) == (portrait.peer, portrait.mode):
                us, ours = estimate(seconds * 1e6 for seconds in timing.seconds), lines.get(("ours", mode, operation))
                assert us is not None  # noqa: S101  there is a block
                times = compare(timing.seconds, ours.seconds) if ours else None
                timings[operation] = Timing(timing.tasks, us, times)
        return timings

    return tuple(
        Peer(
            name=portrait.peer,
            mode=portrait.mode,
            version=portrait.version,
            traits=tuple(Trait(one.question, one.answer, one.seen) for one in portrait.traits),
            isolates=all(one.answer == "yes" for one in portrait.traits if one.question in ISOLATION),
            timings=find(portrait),
            not_timed=portrait.not_timed,
        )
        for portrait in peers.portraits
    )
