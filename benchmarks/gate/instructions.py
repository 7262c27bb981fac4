"""Instructions: how many the processor runs for a call, counted by Valgrind's callgrind. No noise reaches them.

Base and head run the same calls under callgrind, with a fixed hash seed and, by `setarch -R`, at fixed addresses. They
are counted while the calls are made and not while Python starts. Of two numbers of calls the difference counts, so what
is around them does not. In memory mode that is all of a call, in Redis mode the path of the client up to the socket.
"""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from benchmarks.gate import worker
from benchmarks.gate.worker import LONG, OPERATIONS
from conformance.results.fingerprint import fingerprint

ROOT = Path(__file__).parents[2]
"""The working tree: the head."""
ALLOWED = 0.1
GROWTH = 2.0
"""How many times the instructions of a listing of few tasks one of many may have."""
_CALLS = (20, 120)


class NotCountedError(Exception):
    """A version could not be had, or its calls not be counted; the message says why."""


@dataclass(frozen=True)
class Instructions:
    """One operation: instructions of a call."""

    operation: str
    base: float
    head: float


def compare(base: str | None, url: str) -> tuple[Instructions, ...]:
    """Count the calls of a git revision and of the working tree, on the server at `url`; nothing if they are the same.

    Raises:
        NotCountedError: if there is no such revision, no Valgrind, or a worker failed.
    """
    with tempfile.TemporaryDirectory(prefix="gate-") as folder:
        with tarfile.open(
            fileobj=io.BytesIO(_told("git", "archive", base or _find_base(), "taskstore", "conformance"))
        ) as packed:
            packed.extractall(folder, filter="data")
        if fingerprint(Path(folder, "taskstore")) == fingerprint():
            return ()
        return count(Path(folder), ROOT, url)


def count(base: Path, head: Path, url: str) -> tuple[Instructions, ...]:
    """Count the calls of the stores in two folders.

    Raises:
        NotCountedError: if there is no Valgrind, or a worker failed.
    """
    with ThreadPoolExecutor() as both:  # at the same time: it changes no count
        before, after = both.map(_count, (base, head), (url, url))
    return tuple(Instructions(name, before[name], after[name]) for name in OPERATIONS)


def find_more(found: tuple[Instructions, ...]) -> Iterator[str]:
    """Say which operations run more instructions than may be."""
    for one in found:
        if one.head > one.base * (1 + ALLOWED):
            more = one.head / one.base - 1
            yield f"{one.operation} runs {more:.1%} more instructions a call: {one.head:,.0f}, not {one.base:,.0f}"
    heads = {one.operation: one.head for one in found}
    if heads and heads[LONG] > GROWTH * heads["memory list"]:
        yield f"{LONG} runs {heads[LONG] / heads['memory list']:.1f} times the instructions of one of few"


def _count(version: Path, url: str) -> dict[str, float]:
    under = ["setarch", "-R", "valgrind", "--quiet", "--tool=callgrind", "--instr-atstart=no"]
    environment = {**os.environ, "PYTHONPATH": f"{version}{os.pathsep}{ROOT}", "PYTHONHASHSEED": "0"}
    with tempfile.TemporaryDirectory(prefix="callgrind-") as folder, tempfile.TemporaryFile("w+") as complaints:
        command = [*under, f"--callgrind-out-file={folder}/out", sys.executable, "-P", "-m", worker.__name__, url]
        try:
            running = subprocess.Popen(  # noqa: S603  this Python, on a module of ours
                command,
                env=environment,
                text=True,
                bufsize=1,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=complaints,
            )
        except FileNotFoundError as fault:
            raise NotCountedError(f"there is no {fault.filename}") from None
        with running as process:
            assert process.stdin is not None  # noqa: S101  pipes, as asked for
            assert process.stdout is not None  # noqa: S101

            def hear() -> str:
                if line := process.stdout.readline().strip():  # type: ignore[union-attr]
                    return line
                complaints.seek(0)
                said = complaints.read().splitlines() or ["without a word"]
                raise NotCountedError(f"a worker ended: {said[-1]}")

            if (imported := hear()) != str(version / "taskstore"):
                raise NotCountedError(f"a worker imported {imported}, and not that of {version}")
            _told("callgrind_control", "--instr=on", str(process.pid))
            found: dict[str, list[int]] = {name: [] for name in OPERATIONS}
            for name in OPERATIONS:
                for calls in _CALLS:
                    _told("callgrind_control", "--zero", str(process.pid))
                    process.stdin.write(f"{name},{calls}\n")
                    hear()
                    _told("callgrind_control", "--dump", str(process.pid))
                    newest = max(Path(folder).glob("out.*"), key=lambda file: int(file.suffix[1:]))
                    [summary] = re.findall(r"^summary: (\d+)", newest.read_text("utf-8"), re.MULTILINE)
                    found[name].append(int(summary))
            process.stdin.close()
    return {name: (many - few) / (_CALLS[1] - _CALLS[0]) for name, (few, many) in found.items()}


def _find_base() -> str:
    """Find the revision that the working tree is based on: where it left `main`, or on `main` the commit before."""
    head, fork = (
        _told("git", *command).decode().strip() for command in (("rev-parse", "HEAD"), ("merge-base", "HEAD", "main"))
    )
    changed = _told("git", "status", "--porcelain", "--", "taskstore").strip()
    return fork if changed or fork != head else "HEAD^"


def _told(*command: str) -> bytes:
    try:
        ran = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)  # noqa: S603  git or callgrind_control
    except FileNotFoundError:
        raise NotCountedError(f"there is no {command[0]}") from None
    if ran.returncode:
        raise NotCountedError(f"{' '.join(command[:3])}: {(ran.stderr or ran.stdout).decode(errors='replace').strip()}")
    return ran.stdout
