"""What `python -m benchmarks` writes of latencies, in the one definition for who writes it and who reads it."""

from typing import Annotated, Any, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

Operation = Literal["create", "get", "list", "update"]
Design = Literal["documented", "ours", "application"]
"""A reconstruction from the document, our own store, and the application that the document is about."""
Mode = Literal["memory", "redis"]
Depth = Literal["quick", "default", "full"]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Strict(BaseModel):
    """A JSON object. Types are exact, and fields that are not named here are ignored."""

    model_config = ConfigDict(strict=True, frozen=True, populate_by_name=True)


class Block(Strict):
    """One process, in seconds of a call: the median, and the 99th percentile unless too few calls were timed."""

    median: Seconds
    p99: Seconds | None = None


class _Info(Strict):
    """What was measured, and where, and what each block of the run found."""

    backend: str
    design: Design
    mode: Mode
    transport: Literal["none", "embedded", "published"]
    tasks: Annotated[int, Field(ge=0)]
    facts: dict[str, Any]
    blocks: Annotated[tuple[Block, ...], Field(min_length=1)]


class OperationInfo(_Info):
    """An operation of a store."""

    operation: Operation


class FloorInfo(_Info):
    """PING through the store's client: what is left of an operation when the store is taken away."""

    operation: Literal["ping"]


class Measured(Strict):
    """One benchmark."""

    name: str
    extra_info: Annotated[OperationInfo | FloorInfo, Field(discriminator="operation")]

    def medians(self) -> list[float]:
        """Give the median of each block, in milliseconds."""
        return [block.median * 1000 for block in self.extra_info.blocks]

    def tails(self) -> list[float]:
        """Give the 99th percentiles of the blocks that have one, in milliseconds."""
        return [block.p99 * 1000 for block in self.extra_info.blocks if block.p99]


class Benchmark(Strict):
    """What `python -m benchmarks` wrote."""

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
