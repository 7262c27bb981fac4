"""Processes: what a study times is timed once in each of several new processes, and each gives one block.

Blocks of one process are not independent: a process is fast or slow for as long as it lives, by how its memory lies and
by its hash seed, say. An interval from such blocks is too narrow.
"""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable, Coroutine, Iterator
from multiprocessing import get_context
from multiprocessing.connection import Connection
from random import Random
from typing import Any, TypeVar

from benchmarks.document import Depth
from conformance.measure.loop import Loop

PROCESSES: dict[Depth, int] = {"quick": 3, "default": 9, "full": 13}
"""With fewer than nine a median has no interval (`reports/RULE.md`)."""
SEED = 20_261_124
"""Of every order, sample and arrival: the same in every run."""

T = TypeVar("T")


class ProcessFailedError(Exception):
    """A process that was to measure ended without an answer, or with the fault that the message names."""


def orders(processes: int) -> Iterator[Random]:
    """Give what decides the order in each process."""
    return (Random(f"{SEED} {number}") for number in range(processes))  # noqa: S311  the same in every run


def in_new_process(function: Callable[..., Coroutine[Any, Any, T]], /, *arguments: Any) -> T:
    """Run a coroutine function of a module in a new process.

    Raises:
        ProcessFailedError: if it raised, or the process ended.
    """
    context = get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_answer, args=(sender, function, arguments), daemon=True)
    process.start()
    sender.close()
    try:
        answered, answer = receiver.recv()
    except EOFError:
        raise ProcessFailedError("a process ended while it measured") from None
    except BaseException:  # Ctrl-C too: what was started goes
        process.terminate()
        raise
    finally:
        process.join()
    if not answered:
        raise ProcessFailedError(answer)
    found: T = answer
    return found


def _answer(sender: Connection, function: Callable[..., Any], arguments: Any) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent to heed
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    logging.getLogger("documented").setLevel(logging.CRITICAL)  # it logs every failure under load
    try:
        with Loop.running() as loop:
            answer = loop.run(function(*arguments))
        sender.send((True, answer))
    except Exception as fault:  # noqa: BLE001  the parent raises it
        sender.send((False, f"{type(fault).__name__}: {fault}"))
