"""A time limit for calls that block the thread of the event loop, where no timeout of asyncio has an effect."""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

_POLL_SECONDS = 0.25
_INTERRUPTED = 2
_GIVEN_UP = 3
"""In limits. At the first, asyncio's own timeout ends calls that wait."""


class Interruption(BaseException):
    """Raised inside a call that does not return."""


@dataclass
class Running:
    """A call that has not returned yet."""

    side: str
    operation: str
    arguments: Mapping[str, Any]
    thread: int = field(default_factory=threading.get_ident)
    since: float = field(default_factory=time.monotonic)


@dataclass
class Limit:
    """While it is entered, calls that take longer than twice `seconds` are interrupted by an `Interruption`.

    A call that takes three times as long waits where Python cannot interrupt it: `give_up` is called with it, in
    another thread, once.
    """

    seconds: float
    give_up: Callable[[Running], None]
    _running: list[Running] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _over: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> None:
        self._running.clear()
        self._over = threading.Event()
        threading.Thread(target=self._watch, args=(self._over,), daemon=True).start()

    def __exit__(self, *_fault: object) -> None:
        self._over.set()

    @contextmanager
    def call(self, side: str, operation: str, arguments: Mapping[str, Any]) -> Iterator[None]:
        """Watch the call that is made in the block."""
        running = Running(side, operation, arguments)
        self._running.append(running)
        try:
            yield
        finally:
            with self._lock:
                self._running.remove(running)
                _raise_in(running.thread, None)  # it may have returned just before it was interrupted

    def _watch(self, over: threading.Event) -> None:
        while not over.wait(_POLL_SECONDS):
            with self._lock:
                first = next(iter(self._running), None)
                taken = time.monotonic() - first.since if first else 0.0
                if first and _INTERRUPTED < taken / self.seconds <= _GIVEN_UP:
                    _raise_in(first.thread, Interruption)
            if first and taken / self.seconds > _GIVEN_UP:
                self.give_up(first)
                return


def _raise_in(thread: int, kind: type[BaseException] | None) -> None:
    """Raise an exception in a thread; with None, cancel one that was not raised yet."""
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(kind) if kind else None)
