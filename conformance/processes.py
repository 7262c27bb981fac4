"""Processes that work for this one. They end with it, and leave Ctrl-C to it."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnContext, SpawnProcess
from typing import Any, Self, TypeVar

T = TypeVar("T")
_PATIENCE = 30
"""Seconds that a process has to end what it has started, or to answer."""


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


_CONTEXT = _Context()


class _Pool(ProcessPoolExecutor):
    def submit(self, function: Callable[..., T], /, *arguments: Any, **named: Any) -> Future[T]:
        # The first call starts a thread. If that took Ctrl-C, the main thread, which waits, would not notice.
        with _blocked_interrupts():
            return super().submit(_run, function, *arguments, **named)


@contextmanager
def process_pool(count: int) -> Iterator[ProcessPoolExecutor]:
    """A pool of processes. If the block raises, what they do is interrupted; after some time they are killed."""
    pool = _Pool(count, _CONTEXT)
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


class WorkerFailedError(Exception):
    """A process of a crew ended, is silent, or raised."""


class Crew:
    """Processes that each hold one object, and call its coroutine methods on an event loop when they are asked to.

    Args:
        make: Makes the object, of the number of the process and its end of a pipe. It needs a method `close`.
        count: How many processes.
    """

    def __init__(self, make: Callable[[int, Connection], Any], count: int) -> None:
        self._make = make
        self.count = count

    def __enter__(self) -> Self:
        self._pipes: list[Connection] = []
        self._workers = []
        for number in range(self.count):
            here, there = _CONTEXT.Pipe()
            worker = _CONTEXT.Process(target=_obey, args=(self._make, number, there), daemon=True)
            worker.start()
            there.close()
            self._pipes.append(here)
            self._workers.append(worker)
        return self

    def __exit__(self, raised: object, *_: object) -> None:
        for pipe in self._pipes:
            pipe.close()
        for worker in self._workers:
            if raised:
                worker.terminate()
        for worker in self._workers:
            worker.join(5)
            worker.kill()
            worker.join()

    def ask(self, method: str, *arguments: Any) -> list[Any]:
        """Call a method in each process, and return the results.

        Raises:
            WorkerFailedError: if one cannot.
        """
        self.send([(method, *arguments)] * self.count)
        return self.answers()

    def send(self, messages: Iterable[Any]) -> None:
        """Send each process a message: the name of a method and its arguments, or what a method waits for."""
        for pipe, message in zip(self._pipes, messages, strict=True):
            pipe.send(message)

    def answers(self) -> list[Any]:
        """Take an answer from each process.

        Raises:
            WorkerFailedError: if one has none, or could not do what it was asked.
        """
        answers = []
        for pipe in self._pipes:
            try:
                answer = pipe.recv() if pipe.poll(_PATIENCE) else WorkerFailedError("a process is silent")
            except EOFError:
                answer = WorkerFailedError("a process ended")
            answers.append(answer)
        for answer in answers:
            if isinstance(answer, WorkerFailedError):
                raise answer
        return answers


def _obey(make: Callable[[int, Connection], Any], number: int, pipe: Connection) -> None:
    """Call the methods of an object until the other end of the pipe is closed."""
    worker = make(number, pipe)
    with asyncio.Runner() as runner:
        with suppress(EOFError, BrokenPipeError):
            while True:
                method, *arguments = pipe.recv()
                try:
                    pipe.send(runner.run(getattr(worker, method)(*arguments)))
                except Exception as fault:  # noqa: BLE001  whatever it is, the other end gets it
                    pipe.send(WorkerFailedError(f"{method}: {type(fault).__name__}: {fault}"))
        runner.run(worker.close())
