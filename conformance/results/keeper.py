"""The process that watches a run of pytest. `watch.py` starts it, and sends it a line for each event.

A test that gives no sign of progress for too long is ended, with the process that runs it. However that process ends,
the results file then says which tests had ended, which one was running, and that the others did not run.

It needs nothing but the standard library until it writes results.
"""

from __future__ import annotations

import json
import os
import queue
import re
import shutil
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

_GRACE = 2.0
"""Seconds that the watched process has to write its stacks."""
_LONGEST = 8_000
_OF_PYTEST = re.compile(r"[/\\](_pytest|pluggy|xdist|execnet)[/\\]|<frozen runpy>|pytest[/\\]__main__")
MAIN = "main"
"""The name of the file of stacks, without its ending, where no workers of pytest-xdist share its folder."""
STUCK = "it gave no sign of progress for"
_ENDED_IN_IT = "the process of pytest ended while this test ran"
_NOT_REACHED = "the process of pytest ended before this test"


class Keeper:
    """What is known of a run."""

    def __init__(self, pid: int, root: str, stack: Path, file: Path | None) -> None:
        self._pid = pid
        self._root = root
        self._stack = stack
        self._file = file
        self._results: list[str] = []
        self._subjects: list[str] = []
        self._running: tuple[str, str, str] | None = None
        self._is_done = False
        self._seconds = 0.0
        self._deadline: float | None = None
        self._begun = time.monotonic()

    def watch(self, lines: queue.Queue[bytes]) -> None:
        """Read lines until the run is over."""
        while True:
            left = None if self._deadline is None else max(0.0, self._deadline - time.monotonic())
            try:
                line = lines.get(timeout=left)
            except queue.Empty:
                self._end_process()
                return
            if not line:
                if not self._is_done:
                    self._complete("harness-error", _ENDED_IN_IT)
                return
            self._receive(*json.loads(line))

    def _receive(self, kind: str, *values: Any) -> None:
        """Note what a line says."""
        match kind:
            case "begin":
                test, subject, phase, seconds = values
                self._running = test, subject, phase
                self._set_deadline(seconds)
            case "alive":
                self._set_deadline(*values)
            case "end":
                self._running, self._deadline = None, None
            case "result":
                self._results += values
            case "subject":
                self._subjects += values
            case "done":
                self._is_done = True
                self._set_deadline(*values)

    def _set_deadline(self, seconds: float) -> None:
        self._seconds = seconds
        self._deadline = time.monotonic() + seconds + _GRACE if seconds else None

    def _end_process(self) -> None:
        """End the process: it is stuck in a test, or it does not end after the run."""
        if self._is_done:
            words = f"the run is over, and its process has not ended for {self._seconds:g} s: it is ended"
            print(f"\nconformance: {words}", file=sys.stderr, flush=True)  # noqa: T201
        else:
            self._end_stuck_test()
        os.kill(self._pid, signal.SIGKILL if os.name == "posix" else signal.SIGTERM)

    def _end_stuck_test(self) -> None:
        lines = self._stack.read_text("utf-8", "replace").splitlines()
        stack = "\n".join(line for line in lines if not _OF_PYTEST.search(line)) or "(no stack could be had)"
        reason = f"{STUCK} {self._seconds:g} s, and was ended. It was here:\n{stack}"[:_LONGEST]
        self._stack.write_text(reason, "utf-8")  # for the controller of pytest-xdist, if a worker is ended
        is_called = self._running is not None and self._running[2] == "call"
        self._complete("fail" if is_called else "harness-error", reason)

    def _complete(self, verdict: str, reason: str) -> None:
        """Print how the test that was running ended, and complete the results file, if there is one."""
        place = None if self._running is None else self._running[:2]
        if place is not None:
            print(f"\nconformance: {place[0]} [{place[1]}]: {reason}", file=sys.stderr, flush=True)  # noqa: T201
        if self._file is None or not self._file.exists():
            return
        sys.path.insert(0, self._root)
        from conformance.results.document import AboutSubject, Result, read

        results = read(self._file)
        outcomes = {one.place: one for one in map(Result.model_validate_json, self._results)}
        subjects = {one.name: one for one in map(AboutSubject.model_validate_json, self._subjects)}
        if place is not None and (place not in outcomes or outcomes[place].verdict == "pass"):
            planned = next(one for one in results.results if one.place == place)
            outcomes[place] = planned.model_copy(update={"verdict": verdict, "reason": reason})
        seconds = time.monotonic() - self._begun
        results.with_outcomes(subjects, outcomes, _NOT_REACHED, seconds).write(self._file)
        print(f"conformance: {self._file} says what ended before", file=sys.stderr, flush=True)  # noqa: T201


def main() -> None:
    """Watch the process whose id is the first argument."""
    pid, root, stack, file = sys.argv[1:]
    for number in (signal.SIGINT, signal.SIGTERM):  # it ends when what it watches ends
        signal.signal(number, signal.SIG_IGN)
    lines: queue.Queue[bytes] = queue.Queue()

    def read_all() -> None:
        for line in sys.stdin.buffer:
            lines.put(line)
        lines.put(b"")

    threading.Thread(target=read_all, daemon=True).start()
    Keeper(int(pid), root, Path(stack), Path(file) if file else None).watch(lines)
    if Path(stack).stem == MAIN:  # a worker's folder is that of the controller
        shutil.rmtree(Path(stack).parent, ignore_errors=True)
    sys.stderr.flush()
    os._exit(0)  # the thread still reads


if __name__ == "__main__":
    main()
