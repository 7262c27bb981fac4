"""The documents that a report is made from, each read in the one form that its writer defines."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from benchmarks.document import Benchmark
from benchmarks.studies.document import Studies
from conformance.files import read_file
from conformance.results.document import Results

R = TypeVar("R", bound=BaseModel)

DESCRIPTIONS: dict[type[BaseModel], str] = {
    Results: "the results of the conformance suite",
    Benchmark: "the JSON of the benchmarks",
    Studies: "the JSON of the studies",
}


def read(path: Path, kind: type[R]) -> R:
    """Read a file as one kind of document.

    Raises:
        FileError: naming the file and its first fault.
    """
    return read_file(path, kind.model_validate_json, DESCRIPTIONS[kind])
