"""What `python -m benchmarks` writes of latencies, in the one definition for who writes it and who reads it."""

from __future__ import annotations

from itertools import islice
from statistics import median
from typing import Annotated, Any, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

Operation = Literal["create", "get", "list", "update"]
Design = Literal["documented", "ours"]
Mode = Literal["memory", "redis"]
Depth = Literal["quick", "default", "full"]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Strict(BaseModel):
    """A JSON object. Types are exact, and fields that are not named here are ignored."""

    model_config = ConfigDict(strict=True, frozen=True, populate_by_name=True)


class Stats(Strict):
    """Seconds per call, one for each round; whatever else pytest-benchmark computes is computed here again."""

    data: Annotated[tuple[Seconds, ...], Field(min_length=1)]


class SingleCalls(Strict):
    """Calls of one block that were timed one by one: how many, their 99th percentile and the longest, in seconds."""

    n: Annotated[int, Field(ge=1)]
    p99: Seconds
    most: Seconds


class _Info(Strict):
    """What was measured, and where.

    `blocks` says how many rounds each block of the run has, in the order of the data, and `single_calls` has an entry
    for each block.
    """

    subject: str
    design: Design
    mode: Mode
    transport: Literal["none", "embedded", "published"]
    tasks: Annotated[int, Field(ge=0)]
    facts: dict[str, Any]
    blocks: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)]
    single_calls: tuple[SingleCalls, ...]


class OperationInfo(_Info):
    """An operation of a store."""

    operation: Operation


class FloorInfo(_Info):
    """PING through the store's client: what is left of an operation when the store is taken away."""

    operation: Literal["ping"]


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
        return self

    def medians(self) -> list[float]:
        """Find the median of each block, in milliseconds."""
        left = iter(self.stats.data)
        return [median(islice(left, rounds)) * 1000 for rounds in self.extra_info.blocks]


class Benchmark(Strict):
    """What `python -m benchmarks` wrote: blocks in the form of pytest-benchmark."""

    machine_info: dict[str, Any]
    commit_info: dict[str, Any]
    benchmarks: tuple[Measured, ...]
    made: AwareDatetime = Field(alias="datetime")
    version: str
    depth: str | None = None
    seed: int | None = None
    """Of the order in which each block measured."""
    seconds: float | None = None

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
