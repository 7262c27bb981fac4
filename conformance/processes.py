"""Processes that work for this one. They end with it, and leave Ctrl-C to it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager, suppress
from multiprocessing.context import SpawnContext, SpawnProcess
from typing import Any, TypeVar

T = TypeVar("T")
_PATIENCE = 30
"""Seconds that a process has to end what it has started."""


class Process(SpawnProcess):
    """A new interpreter. SIGTERM raises KeyboardInterrupt in it, so that what it has started is ended too."""

    def start(self) -> None:
        """Start with SIGINT blocked: a terminal sends it to every process, also to one that is still importing."""
        with _blocked_interrupts():
            super().start()

    def run(self) -> None:
        """Do the work until it is done, the process is ended, or its parent is gone."""
        threading.Thread(target=_end_with_parent, daemon=True).start()
        signal.signal(signal.SIGTERM, _interrupt)
        with suppress(KeyboardInterrupt):
            super().run()


class _Context(SpawnContext):
    Process = Process


CONTEXT = _Context()


class _Pool(ProcessPoolExecutor):
    def submit(self, function: Callable[..., T], /, *arguments: Any, **named: Any) -> Future[T]:
        return super().submit(_run, function, *arguments, **named)


@contextmanager
def process_pool(count: int) -> Iterator[ProcessPoolExecutor]:
    """A pool of processes. If the block raises, what they do is interrupted; after some time they are killed."""
    pool = _Pool(count, CONTEXT)
    try:
        yield pool
    except BaseException:
        children = [one for one in multiprocessing.active_children() if isinstance(one, Process)]
        for child in children:
            child.terminate()
        pool.shutdown(wait=False, cancel_futures=True)
        for child in children:
            child.join(_PATIENCE)
            child.kill()
        raise
    finally:
        pool.shutdown()


_interrupted = threading.Event()
"""Whether this process was interrupted: then it leaves the work that it has already been given."""


def _run(function: Callable[..., T], *arguments: Any, **named: Any) -> T:
    if _interrupted.is_set():
        raise KeyboardInterrupt
    return function(*arguments, **named)


def _end_with_parent() -> None:
    """A process that waits for work would wait for ever, with its servers, once its parent was killed."""
    if (parent := multiprocessing.parent_process()) is not None:
        parent.join()
        os._exit(1)


def _interrupt(*_: Any) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a second one would break off the clean-up
    _interrupted.set()
    raise KeyboardInterrupt


@contextmanager
def _blocked_interrupts() -> Iterator[None]:
    """Let an interruption wait for the end of the block. A process that is started in it is never interrupted."""
    if not hasattr(signal, "pthread_sigmask"):  # on Windows
        yield
        return
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()  # it starts with the first process, and unblocks SIGINT then
    waiting: list[int] = []
    handler = signal.signal(signal.SIGINT, lambda number, _: waiting.append(number))  # another thread may get it
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        signal.signal(signal.SIGINT, handler)
        if waiting:
            signal.raise_signal(signal.SIGINT)
