"""Watches a run from a process of its own, `keeper.py`: no test holds the run up for ever, and no end loses results.

pytest-timeout was tried and is not used. Its signal raises one exception, which a store may swallow and which does not
end a call in C; its thread ends the process, and with it the results.
"""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from conformance.results import keeper
from conformance.results.document import AboutSubject, Result

SECONDS = 120.0
"""How long a test may give no sign of progress, by default."""
SET_UP_SECONDS = 600.0
"""How long a subject may take to start or stop, for example a container."""
_EVERY = 1.0
_FRAMES = 30


class Watch:
    """Tells the keeper what goes on in this process."""

    def __init__(self, seconds: float, stack: Path, results: Path | None) -> None:
        """Start the keeper.

        Args:
            seconds: what a test may take without a sign of progress; 0 for any time.
            stack: a file for the stacks of a test that takes longer.
            results: the results file, which the keeper completes if this process ends early; None if another one does.
        """
        self._seconds = seconds
        self._stack: IO[str] = stack.open("w", encoding="utf-8")
        self._sent_at = float("-inf")
        self._timer: asyncio.TimerHandle | None = None
        root = Path(__file__).parents[2]
        command = [sys.executable, "-I", keeper.__file__, str(os.getpid()), str(root), str(stack), str(results or "")]
        # In a process group of its own: what kills the group of this process leaves it time to write the results.
        apart: dict[str, Any] = {"process_group": 0} if os.name == "posix" else {}
        theirs, self._pipe = os.pipe()  # ours stays open as long as this process lives
        process = subprocess.Popen(command, stdin=theirs, stdout=subprocess.DEVNULL, **apart)
        os.close(theirs)
        process.returncode = 0  # nobody waits for it: it ends when this process has ended
        if os.name == "posix":
            os.register_at_fork(after_in_child=self._forget)

    def begin(self, test: str, subject: str, phase: str) -> None:
        """A phase of a test begins: setup, call or teardown."""
        self._sent_at = float("-inf")
        seconds = self._seconds if phase == "call" or not self._seconds else max(self._seconds, SET_UP_SECONDS)
        self._send("begin", test, subject, phase, seconds)
        self._arm(seconds)

    def alive(self) -> None:
        """The test goes on."""
        if (now := time.monotonic()) - self._sent_at < _EVERY:
            return
        self._sent_at = now
        self._send("alive", self._seconds)
        self._arm(self._seconds)
        with contextlib.suppress(RuntimeError):  # no loop runs
            loop = asyncio.get_running_loop()
            self._disarm_loop()
            if self._seconds:
                self._timer = loop.call_later(self._seconds * 0.9, self._write_tasks, loop)

    def end(self) -> None:
        """Nothing runs that may get stuck."""
        self._send("end")
        faulthandler.cancel_dump_traceback_later()
        self._disarm_loop()

    def note(self, result: Result) -> None:
        """Send a result, in case this process ends early."""
        self._send("result", result.model_dump_json())

    def note_subject(self, about: AboutSubject) -> None:
        """Send what is known of a subject, in case this process ends early."""
        self._send("subject", about.model_dump_json())

    def close(self) -> None:
        """Send that the results are written. The keeper then ends this process if it does not end by itself."""
        self.end()
        self._send("done", SET_UP_SECONDS)
        self._stack.close()

    def _send(self, *words: object) -> None:
        line = json.dumps(words).encode() + b"\n"
        with contextlib.suppress(OSError):  # it has ended: the run goes on without it
            while line:
                line = line[os.write(self._pipe, line) :]

    def _forget(self) -> None:
        """Close the pipe in a forked process, so that the keeper sees when this one ends."""
        os.close(self._pipe)
        self._pipe = os.open(os.devnull, os.O_WRONLY)

    def _arm(self, seconds: float) -> None:
        self._stack.seek(0)
        self._stack.truncate()
        if seconds:
            faulthandler.dump_traceback_later(seconds, file=self._stack)
        else:
            faulthandler.cancel_dump_traceback_later()

    def _disarm_loop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _write_tasks(self, loop: asyncio.AbstractEventLoop) -> None:
        """Write where each task waits: the stack of the thread shows the event loop only."""
        for task in asyncio.all_tasks(loop):
            self._stack.write(f"{task.get_name()} waits (outermost call first):\n")
            self._stack.writelines(f"{line}\n" for line in _awaiting(task.get_coro()))
        self._stack.flush()


def _awaiting(waiting: Any) -> Iterator[str]:
    """Each frame that waits for the next."""
    for _ in range(_FRAMES):
        frame = getattr(waiting, "cr_frame", None)
        if frame is None:
            return
        yield f'  File "{frame.f_code.co_filename}", line {frame.f_lineno} in {frame.f_code.co_name}'
        waiting = waiting.cr_await
