"""What `python -m benchmarks` writes: the one definition of its form, for who writes it and who reads it."""

from __future__ import annotations

from itertools import islice
from statistics import median
from typing import Annotated, Any, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

Operation = Literal["create", "get", "list", "update"]
Design = Literal["documented", "ours"]
Mode = Literal["memory", "redis"]
Depth = Literal["quick", "default", "full"]
Floor = Literal["noop", "ping"]
"""An awaited function that does nothing; PING through the store's client."""
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Strict(BaseModel):
    """A JSON object. Types are exact, and fields that are not named here are ignored."""

    model_config = ConfigDict(strict=True, frozen=True, populate_by_name=True)


class Stats(Strict):
    """Seconds per call, one for each round; whatever else pytest-benchmark computes is computed here again."""

    data: Annotated[tuple[Seconds, ...], Field(min_length=1)]


class _Info(Strict):
    """What was measured, and where.

    `blocks` says how many rounds each block of the run has, in the order of the data.
    """

    subject: str
    transport: Literal["none", "embedded", "published"]
    tasks: Annotated[int, Field(ge=0)]
    calls_per_round: Annotated[int, Field(ge=1)]
    facts: dict[str, Any]
    blocks: tuple[Annotated[int, Field(ge=0)], ...]


class SingleCalls(Strict):
    """Calls of one block that were timed one by one: how many, their 99th percentile and the longest, in seconds."""

    n: Annotated[int, Field(ge=1)]
    p99: Seconds
    most: Seconds


class OperationInfo(_Info):
    """An operation of a store. `ping_seconds` are PINGs through its client, one before each round.

    Memory mode has `single_calls`, an entry for each block, since a round there is the mean of many.
    """

    operation: Operation
    ping_seconds: tuple[Seconds, ...] = ()
    design: Design
    mode: Mode
    single_calls: tuple[SingleCalls, ...] = ()


class FloorInfo(_Info):
    """What operations are compared with: what is left of them when the store, or all of it, is taken away."""

    operation: Floor


class Measured(Strict):
    """One benchmark."""

    name: str
    stats: Stats
    extra_info: Annotated[OperationInfo | FloorInfo, Field(discriminator="operation")]

    @model_validator(mode="after")
    def _check_blocks(self) -> Self:
        rounds = sum(self.extra_info.blocks)
        if rounds != len(self.stats.data):
            raise ValueError(f"its blocks have {rounds} rounds, and there are {len(self.stats.data)}")
        if isinstance(self.extra_info, OperationInfo) and len(self.extra_info.ping_seconds) not in (0, rounds):
            raise ValueError(f"there are {len(self.extra_info.ping_seconds)} PINGs beside {rounds} rounds")
        return self

    def medians(self) -> list[float | None]:
        """Find the median of each block, in milliseconds; None where a block has no round."""
        return self._medians(self.stats.data)

    def ping_medians(self) -> list[float | None]:
        """Find the same of the PINGs beside the rounds."""
        pings = self.extra_info.ping_seconds if isinstance(self.extra_info, OperationInfo) else ()
        return self._medians(pings) if pings else [None] * len(self.extra_info.blocks)

    def _medians(self, seconds: tuple[float, ...]) -> list[float | None]:
        left = iter(seconds)
        return [median(islice(left, rounds)) * 1000 if rounds else None for rounds in self.extra_info.blocks]


class Benchmark(Strict):
    """What `python -m benchmarks` wrote: the JSON of pytest-benchmark, its blocks merged."""

    machine_info: dict[str, Any]
    commit_info: dict[str, Any]
    benchmarks: tuple[Measured, ...]
    made: AwareDatetime = Field(alias="datetime")
    version: str
    depth: str | None = None
    seed: int | None = None
    """Of the order in which each block measured."""
    seconds: float | None = None
    exit_status: int | None = None
    """Of the run; above 0, measurements may be missing."""

    @property
    def fingerprint(self) -> str | None:
        """The build that was measured."""
        found = self.machine_info.get("fingerprint")
        return found if isinstance(found, str) else None

    @model_validator(mode="after")
    def _check_run(self) -> Self:
        if len(numbers := {len(row.extra_info.blocks) for row in self.benchmarks}) > 1:
            raise ValueError(f"benchmarks of one run have {min(numbers)} blocks and {max(numbers)}")
        return self
