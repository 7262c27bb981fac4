"""The two inputs that a report needs: what the suite wrote, and what the benchmarks wrote. Checked once, here."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from statistics import median
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from conformance.production.document import Production
from conformance.reading import read_file
from conformance.results.document import Results

Operation = Literal["create", "get", "list", "update"]
Design = Literal["described", "ours"]
Mode = Literal["memory", "redis"]
Floor = Literal["noop", "ping", "raw-ping", "sync-ping", "async-ping", "bare-get", "bare-evalsha"]
"""An awaited no-op; PING through the store's client, on a bare socket, through redis-py's two clients; and through
redis-py a GET and a script that gives back its argument, both of a record as long as a task's."""
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Strict(BaseModel):
    """A JSON object. Types are exact, and fields that are not named here are ignored."""

    model_config = ConfigDict(strict=True, frozen=True)


R = TypeVar("R", bound=BaseModel)


class Stats(Strict):
    """Seconds per call, one for each round; whatever else pytest-benchmark computes is computed here again."""

    data: Annotated[tuple[Seconds, ...], Field(min_length=1)]


class _Info(Strict):
    """What was measured, and where.

    `blocks` says how many rounds each block of the run has, in the order of the data. `distance_ms` is what a proxy was
    told to add to a round trip.
    """

    subject: str
    transport: Literal["none", "embedded", "unix", "published", "direct", "proxied"]
    tasks: Annotated[int, Field(ge=0)]
    calls_per_round: Annotated[int, Field(ge=1)]
    facts: dict[str, Any]
    blocks: tuple[Annotated[int, Field(ge=0)], ...]
    distance_ms: float | None = None


class SingleCalls(Strict):
    """Calls of one block that were timed one by one: how many, their 99th percentile and the longest, in seconds."""

    n: Annotated[int, Field(ge=1)]
    p99: Seconds
    most: Seconds


class OperationInfo(_Info):
    """An operation of a store. `ping_seconds` are PINGs through its client, one before each round.

    Memory mode has `single_calls`, an entry for each block, since a round there is the mean of many.

    `again` marks the second of two benchmarks that are the same.
    """

    operation: Operation
    ping_seconds: tuple[Seconds, ...] = ()
    design: Design
    mode: Mode
    again: bool = False
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


def read_conformance(path: Path) -> Results:
    """Read the results of the suite.

    Raises:
        FileError: naming the file and its first fault.
    """
    return read_document(path, Results, "the results of the conformance suite")


def read_production(path: Path) -> Production:
    """Read what `conformance production --json` wrote.

    Raises:
        FileError: naming the file and its first fault.
    """
    return read_document(path, Production, "the JSON of faults under load")


def read_benchmark(path: Path) -> Benchmark:
    """Read the measurements.

    Raises:
        FileError: naming the file and its first fault.
    """
    return read_document(path, Benchmark, "the JSON of the benchmarks")


def read_document(path: Path, kind: type[R], description: str) -> R:
    """Read a file as one kind of document.

    Raises:
        FileError: naming the file and its first fault.
    """
    return read_file(path, kind.model_validate_json, description)
