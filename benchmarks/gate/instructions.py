"""Instructions: how many the processor runs for a call, counted by Valgrind's callgrind. No noise reaches them.

Base and head run the same calls under callgrind, with a fixed hash seed and, by `setarch -R`, at fixed addresses. Of
two numbers of calls the difference counts, so what is around them does not. In memory mode that is all of a call, in
Redis mode the path of the client up to the socket.
"""

import io
import os
import re
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
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
    with unpacked(base or _find_base()) as folder:
        if fingerprint(folder / "taskstore") == fingerprint():
            return {}
        return count(folder, ROOT, url)


@contextmanager
def unpacked(revision: str) -> Iterator[Path]:
    """Unpack the store of a git revision into a folder that is there for the time of the block.

    Raises:
        NotCountedError: if there is no such revision.
    """
    archive = io.BytesIO(_output("git", "archive", revision, "taskstore"))
    with tempfile.TemporaryDirectory(prefix="revision-") as folder:
        with tarfile.open(fileobj=archive) as packed:
            packed.extractall(folder, filter="data")
        yield Path(folder)


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
    path = f"PYTHONPATH={version}{os.pathsep}{ROOT}"
    python = (sys.executable, "-P", "-m", worker.__name__, url)
    with tempfile.TemporaryDirectory(prefix="callgrind-") as folder:
        valgrind = ("valgrind", "-q", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={folder}/out")
        _output("env", path, "PYTHONHASHSEED=0", "setarch", "-R", *valgrind, *python)
        files = sorted(Path(folder).glob("out.*"), key=lambda file: int(file.suffix[1:]))
        texts = [file.read_text("utf-8") for file in files]
    counts = [int(re.findall(r"^summary: (\d+)", text, re.MULTILINE)[0]) for text in texts]
    # Of each operation come three files, one for each of `CALLS`.
    calls = CALLS[2] - CALLS[1]
    counted = zip(OPERATIONS, counts[1::3], counts[2::3], strict=True)
    return {name: (many - few) / calls for name, few, many in counted}


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
