"""Work in a process of its own, which may end, hang or print without harm to the command."""

from __future__ import annotations

import logging
import math
import os
import signal
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Thread
from time import monotonic, sleep
from traceback import extract_tb
from typing import Any, TypeVar

from conformance.files import CommandFailedError
from conformance.text import cut, on_one_line

T = TypeVar("T")
LIMIT = 60
"""Seconds after which a call, or opening or closing the store, is taken for one that never returns."""
_LOOK_SECONDS = 0.5
_LONGEST = 300
_FAILED = 3


@dataclass
class Progress:
    """What this process is doing, and since when: one call, or a few. Whoever watches it sees when none returns."""

    doing: str = ""
    since: float = math.inf

    def begin(self, doing: str) -> None:
        """Say what is done from now on."""
        self.doing = doing
        self.since = monotonic()


PROGRESS = Progress()


def in_new_process(function: Callable[..., T], *arguments: Any, method: str = "spawn") -> T:
    """Call a function of a module in a new process. A spawned one has a hash seed of its own.

    Raises:
        CommandFailedError: if it raised, or the process ended, or made no progress.
    """
    os.environ["PYTHONHASHSEED"] = "random"  # tox sets one for all that it starts
    context: Any = get_context(method)
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_answer, args=(sender, function, arguments), daemon=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # this process may have other threads: a fork uses none
        process.start()
    sender.close()
    try:
        answer: T | CommandFailedError = receiver.recv()
    except EOFError:
        answer = CommandFailedError("a process ended while it worked", _FAILED)
    finally:
        process.kill()  # on Ctrl-C it still works
        process.join()
        receiver.close()
    if isinstance(answer, CommandFailedError):
        raise answer
    return answer


def silence() -> None:
    """Print, log and warn of nothing any more: hostile arguments make every store complain."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)
    logging.disable()
    warnings.simplefilter("ignore")


def _answer(sender: Connection, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent to heed
    PROGRESS.since = math.inf  # a fork has that of its parent
    watcher = Thread(target=_watch, args=(sender,), daemon=True)
    watcher.start()
    try:
        answer = function(*arguments)
        sender.send(answer)
    except CommandFailedError as fault:  # says all there is to say
        sender.send(fault)
    except Exception as fault:  # noqa: BLE001  the parent raises it
        last = extract_tb(fault.__traceback__)[-1]
        place = f"{Path(last.filename).name}:{last.lineno}"
        line = on_one_line(f"{type(fault).__name__}: {fault}")
        told = cut(line, _LONGEST)
        sender.send(CommandFailedError(f"{told} ({place})", _FAILED))


def _watch(sender: Connection) -> None:
    """End this process when it makes no progress any more: nothing could cancel a call that is not async."""
    while monotonic() - PROGRESS.since < LIMIT:
        sleep(_LOOK_SECONDS)
    sender.send(CommandFailedError(f"{PROGRESS.doing} did not return within {LIMIT} s", _FAILED))
    os._exit(1)
