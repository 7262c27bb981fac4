"""The files that a run writes of what failed, and what plays them again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, TypeAdapter, model_validator

from conformance.files import read_file
from conformance.harness import Harness
from conformance.verify.drawn import KINDS
from conformance.verify.faults.operations import OPERATIONS
from conformance.verify.faults.run import FAULTS, run_fault
from conformance.verify.histories.contradiction import shorten
from conformance.verify.histories.history import History, read_history
from conformance.verify.histories.judge import Verdict
from conformance.verify.histories.run import replay_history
from conformance.verify.jobs import LENGTH
from conformance.verify.search import play_again
from conformance.verify.walk import walk


class _OfSearch(BaseModel):
    """What a file holds of a scene."""

    part: Literal["search"]
    hypothesis: str
    kinds: tuple[Literal[*KINDS], ...]  # type: ignore[valid-type]  # they are keys of a table
    choices: str
    actions: tuple[Annotated[int, Field(ge=0)], ...] | None = None


class _OfWalk(BaseModel):
    """What a file holds of a sequence."""

    part: Literal["walk"]
    length: Annotated[int, Field(ge=1, le=LENGTH)]
    index: Annotated[int, Field(ge=0)]


class _OfFault(BaseModel):
    """What a file holds of a fault."""

    part: Literal["faults"]
    fault: str
    operation: str

    @model_validator(mode="after")
    def _check_names(self) -> Self:
        for name, there in ((self.fault, FAULTS), (self.operation, OPERATIONS)):
            if name not in {one.name for one in there}:
                raise ValueError(f"there is no {name}")
        return self


_Failed = Annotated[_OfSearch | _OfWalk | _OfFault, Field(discriminator="part")]
_FAILED: TypeAdapter[_Failed] = TypeAdapter(_Failed)


def read_failure(file: Path) -> Callable[[Mapping[str, Harness]], Iterator[str]]:
    """Read what a run wrote. Return a function that plays it on running subjects, and yields what is wrong now.

    Raises:
        FileError: if the file cannot be read, or is no such thing.
    """
    if file.suffix == ".json":
        return partial(_replayed, read_file(file, _FAILED.validate_json, "a failure of `conformance verify`"))
    return partial(_replayed_history, read_history(file))


def _replayed(what: _Failed, subjects: Mapping[str, Harness]) -> Iterator[str]:
    if isinstance(what, _OfSearch):
        yield from map(str, play_again(subjects, what.model_dump(exclude_none=True)))
    elif isinstance(what, _OfWalk):
        yield from map(str, walk(subjects, length=what.length, only=what.index)[1])
    else:
        fault = next(one for one in FAULTS if one.name == what.fault)
        operation = next(one for one in OPERATIONS if one.name == what.operation)
        for name, harness in subjects.items():
            outcome = asyncio.run(run_fault(harness, name, fault, operation))
            if outcome.verdict == "fail":
                yield "\n".join([f"{name}: {outcome.reason}", *outcome.script])


def _replayed_history(recorded: History, subjects: Mapping[str, Harness]) -> Iterator[str]:
    for name, harness in subjects.items():
        history, judgement = replay_history(harness, recorded, name)
        if judgement.verdict is Verdict.CONTRADICTION:
            yield f"{name}:\n{shorten(history, judgement)}"
