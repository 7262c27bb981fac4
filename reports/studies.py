"""The studies: their JSON in, one `Studies` out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import AwareDatetime, Field

from reports.calls import Calls, CallsInput, StartInput, gather_calls, gather_start
from reports.costs import (
    ExpiryInput,
    MemoryInput,
    Removal,
    Weight,
    gather_removals,
    gather_weights,
)
from reports.growth import Curve, GrowthInput, gather_curves
from reports.inputs import Seconds, Strict, read_document
from reports.load import (
    LoadInput,
    OpenInput,
    ResponseCurve,
    ThroughputCurve,
    gather_responses,
    gather_throughput,
)
from reports.peers import Peer, PeersInput, gather_peers
from reports.verdicts import Estimate


class StudiesMade(Strict):
    """Each study that was made."""

    growth: GrowthInput | None = None
    load: LoadInput | None = None
    arrivals: OpenInput | None = None
    memory: MemoryInput | None = None
    expiry: ExpiryInput | None = None
    peers: PeersInput | None = None
    calls: CallsInput | None = None
    start: StartInput | None = Field(None, alias="import")


class StudiesInput(Strict):
    """What `python -m benchmarks.studies` wrote."""

    version: Literal["benchmark-studies/4"] = Field(alias="schema")
    started: AwareDatetime
    depth: Literal["quick", "default", "full"]
    seed: int
    environment: dict[str, Any]
    seconds: dict[str, Seconds]
    failures: dict[str, str]
    """Why a study that was to be made is not there."""
    studies: StudiesMade


@dataclass(frozen=True)
class Studies:
    """Everything that the studies say. What was not made is empty."""

    started: str
    depth: str
    seed: int
    seconds: Mapping[str, float]
    failures: Mapping[str, str]
    growth: tuple[Curve, ...]
    throughput: tuple[ThroughputCurve, ...]
    responses: tuple[ResponseCurve, ...]
    weights: tuple[Weight, ...]
    removals: tuple[Removal, ...]
    peers: tuple[Peer, ...]
    calls: Calls | None
    import_ms: Estimate | None
    """How long the import of `taskstore` takes beyond `import pydantic`."""


def read_studies(path: Path) -> StudiesInput:
    """Read the studies.

    Raises:
        FileError: naming the file and its first fault.
    """
    return read_document(path, StudiesInput, "the JSON of the studies")


def gather_studies(given: StudiesInput) -> Studies:
    """Draw every conclusion from the studies."""
    made = given.studies
    return Studies(
        started=given.started.isoformat(),
        depth=given.depth,
        seed=given.seed,
        seconds=given.seconds,
        failures=given.failures,
        growth=gather_curves(made.growth) if made.growth else (),
        throughput=gather_throughput(made.load) if made.load else (),
        responses=gather_responses(made.arrivals) if made.arrivals else (),
        weights=gather_weights(made.memory) if made.memory else (),
        removals=gather_removals(made.expiry) if made.expiry else (),
        peers=gather_peers(made.peers) if made.peers else (),
        calls=gather_calls(made.calls) if made.calls else None,
        import_ms=gather_start(made.start) if made.start else None,
    )
