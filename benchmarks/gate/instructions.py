"""Instructions: how many the processor runs for a call, counted by Valgrind's callgrind. No noise reaches them.

Base and head run the same calls under callgrind, with a fixed hash seed and, by `setarch -R`, at fixed addresses. They
are counted while the calls are made and not while Python starts. Of two numbers of calls the difference counts, so what
is around them does not. In memory mode that is all of a call, in Redis mode the path of the client up to the socket.
Where there is no Valgrind, nothing is counted.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from benchmarks.gate.blocks import NotMeasuredError, Worker
from benchmarks.gate.decision import ALLOWED, Arm
from benchmarks.gate.versions import Version
from benchmarks.gate.worker import OPERATIONS

_FEW, _MANY = 20, 120


@dataclass(frozen=True)
class Instructions:
    """One operation: instructions of a call."""

    operation: str
    base: float
    head: float


def can_count() -> bool:
    """Whether Valgrind and `setarch` are there."""
    return all(map(shutil.which, ("valgrind", "callgrind_control", "setarch")))


def count_instructions(versions: Mapping[Arm, Version], url: str) -> tuple[Instructions, ...]:
    """Count the calls of base and head on the server at `url`.

    Raises:
        NotMeasuredError: if a worker fails, or callgrind cannot be asked.
    """
    with ThreadPoolExecutor() as both:  # at the same time: it changes no count
        base, head = both.map(_count, (versions["base"], versions["head"]), (url, url))
    return tuple(Instructions(name, base[name], head[name]) for name in OPERATIONS)


def find_more(found: tuple[Instructions, ...]) -> Iterator[str]:
    """Say which operations run more instructions than may be."""
    for one in found:
        if one.head > one.base * (1 + ALLOWED):
            more = one.head / one.base - 1
            yield f"{one.operation} runs {more:.1%} more instructions a call: {one.head:,.0f}, not {one.base:,.0f}"


def _count(version: Version, url: str) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="callgrind-") as folder:
        under = ["setarch", "-R", "valgrind", "--quiet", "--tool=callgrind", "--instr-atstart=no"]
        under.append(f"--callgrind-out-file={folder}/out")
        with Worker.running(version, url, under) as worker:
            worker.expect(version.folder / "taskstore")
            _control(worker, "--instr=on")
            counts = {}
            for name in OPERATIONS:
                few, many = (_instructions(worker, Path(folder), name, calls) for calls in (_FEW, _MANY))
                counts[name] = (many - few) / (_MANY - _FEW)
            worker.end()
    return counts


def _instructions(worker: Worker, folder: Path, operation: str, calls: int) -> int:
    _control(worker, "--zero")
    worker.call(operation, calls)
    _control(worker, "--dump")
    newest = max(folder.glob("out.*"), key=lambda file: int(file.suffix[1:]))
    found = re.search(r"^summary: (\d+)", newest.read_text("utf-8"), re.MULTILINE)
    if found is None:
        raise NotMeasuredError("callgrind wrote no summary")
    return int(found[1])


def _control(worker: Worker, order: str) -> None:
    command = ["callgrind_control", order, str(worker.pid)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  a program of Valgrind's
    if ran.returncode:
        raise NotMeasuredError(f"callgrind_control {order}: {(ran.stderr or ran.stdout).strip()}")
