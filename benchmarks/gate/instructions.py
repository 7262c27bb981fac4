"""Instructions: how many the processor runs for a call, counted by Valgrind's callgrind. No noise reaches them.

Base and head run the same calls under callgrind, with a fixed hash seed and, by `setarch -R`, at fixed addresses. Of
two numbers of calls the difference counts, so what is around them does not. In memory mode that is all of a call, in
Redis mode the path of the client up to the socket.
"""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.gate import worker
from benchmarks.gate.worker import CALLS, LONG, OPERATIONS
from conformance.results.fingerprint import fingerprint

ROOT = Path(__file__).parents[2]  # the working tree: the head
ALLOWED, GROWTH = 0.1, 2.0
"""How much more than the base, and how many times those of a listing of few tasks one of many may run."""
Instructions = Mapping[str, tuple[float, float]]
"""Of a call in base and head, by operation."""


class NotCountedError(Exception):
    """A version could not be had, or its calls not be counted; the message says why."""


def compare(base: str | None, url: str) -> Instructions:
    """Count the calls of a git revision and of the working tree, on the server at `url`; nothing if they are the same.

    Raises:
        NotCountedError: if there is no such revision, no Valgrind, or a worker failed.
    """
    with tempfile.TemporaryDirectory(prefix="gate-") as folder:
        archive = io.BytesIO(_output("git", "archive", base or _find_base(), "taskstore"))
        with tarfile.open(fileobj=archive) as packed:
            packed.extractall(folder, filter="data")
        if fingerprint(Path(folder, "taskstore")) == fingerprint():
            return {}
        return count(Path(folder), ROOT, url)


def count(base: Path, head: Path, url: str) -> Instructions:
    """Count the calls of the stores in two folders.

    Raises:
        NotCountedError: if there is no Valgrind, or a worker failed.
    """
    with ThreadPoolExecutor() as both:  # at the same time: it changes no count
        before, after = both.map(_count, (base, head), (url, url))
    return {name: (before[name], after[name]) for name in OPERATIONS}


def find_more(found: Instructions) -> Iterator[str]:
    """Say which operations run more instructions than may be."""
    for name, (base, head) in found.items():
        more = head / base - 1
        if more > ALLOWED:
            yield f"{name} runs {more:.1%} more instructions a call: {head:,.0f}, not {base:,.0f}"
    if found:
        _, few = found["memory list"]
        _, many = found[LONG]
        growth = many / few
        if growth > GROWTH:
            yield f"{LONG} runs {growth:.1f} times the instructions of one of few"


def _count(version: Path, url: str) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="callgrind-") as folder:
        fixed = ("env", f"PYTHONPATH={version}{os.pathsep}{ROOT}", "PYTHONHASHSEED=0", "setarch", "-R")
        valgrind = ("valgrind", "-q", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={folder}/out")
        _output(*fixed, *valgrind, sys.executable, "-P", "-m", worker.__name__, url)
        files = sorted(Path(folder).glob("out.*"), key=lambda file: int(file.suffix[1:]))
        counts = [int(re.findall(r"^summary: (\d+)", file.read_text("utf-8"), re.MULTILINE)[0]) for file in files]
    counted = zip(OPERATIONS, counts[1::3], counts[2::3], strict=True)
    return {name: (many - few) / (CALLS[2] - CALLS[1]) for name, few, many in counted}


def _find_base() -> str:
    """Find the revision that the working tree is based on: where it left `main`, or on `main` the commit before."""
    fork = _output("git", "merge-base", "HEAD", "main").decode().strip()
    changed = _output("git", "status", "--porcelain", "--", "taskstore")
    return fork if changed or fork != _output("git", "rev-parse", "HEAD").decode().strip() else "HEAD^"


def _output(*command: str) -> bytes:
    try:
        return subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout  # noqa: S603  no stranger's
    except subprocess.CalledProcessError as fault:
        last = (fault.stderr or fault.stdout).decode(errors="replace").strip().splitlines()[-1:]
        raise NotCountedError(f"{' '.join(command[:3])}: {''.join(last)}") from None
