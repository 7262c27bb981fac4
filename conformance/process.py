"""A function in a process of its own, which may end, hang or print without harm to the command."""

import logging
import os
import signal
import warnings
from collections.abc import Callable
from math import inf
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from multiprocessing.sharedctypes import RawArray
from threading import Thread
from time import monotonic, sleep
from typing import Any, NamedTuple, Self, TypeVar

from conformance.files import CommandFailedError
from conformance.text import described

_Result = TypeVar("_Result")
LIMIT = 60.0
"""Seconds after which a call, or opening or closing the store, is taken for one that never returns."""
_LOOK_SECONDS = 0.2
"""How often it is looked whether a process goes on."""
_END_SECONDS = 3.0
"""In which a process stops its servers."""
_LETTERS = 1_000
"""Of what a process says that it does."""
_FAILED = 3


class ProcessFailedError(CommandFailedError):
    """A process ended before its function returned, or made no progress."""


class _Returned(NamedTuple):
    value: Any


class Progress:
    """What a process does, and until when it has to be over, in memory that its parent reads.

    That costs no message, so that each call can be told before it is made.
    """

    def __init__(self) -> None:
        self.tell: Callable[[Any], object] = id
        """Sends something else to the parent. By default nobody listens."""
        self._text = RawArray("c", _LETTERS)
        self._seconds = RawArray("d", [inf])
        self._beats = RawArray("Q", 1)  # no time: a process may have put its clock forward
        self._seen = 0
        self._since = monotonic()

    def begin(self, text: str, seconds: float = 0.0) -> None:
        """Say what is done from now on, and in how many seconds it has to be over: `LIMIT`, if nothing is said."""
        self._text.value = text.encode(errors="replace")[: _LETTERS - 1]
        self._seconds[0] = seconds or LIMIT
        self.go_on()

    def go_on(self) -> None:
        """Show that what is done goes on."""
        self._beats[0] += 1

    @property
    def text(self) -> str:
        """What is done."""
        return str(self._text.value, errors="replace")

    def late(self) -> str:
        """Return what is not over in time, since it was seen to go on; nothing if there is still some."""
        if self._beats[0] != self._seen:
            self._seen = self._beats[0]
            self._since = monotonic()
        (seconds,) = self._seconds
        return f"{self.text} did not return within {seconds:g} s" if monotonic() > self._since + seconds else ""


PROGRESS = Progress()


class NewProcess:
    """A function of a module in a new process. A spawned one has a hash seed of its own."""

    def __init__(self, function: Callable[..., Any], *arguments: Any, method: str = "spawn") -> None:
        """Begin to call it."""
        os.environ["PYTHONHASHSEED"] = "random"  # tox sets one for all that it starts
        context: Any = get_context(method)
        self._progress = Progress()
        self._receiver, sender = context.Pipe(duplex=False)
        self._process = context.Process(target=_work, args=(self._progress, sender, function, arguments))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # this process may have other threads: a fork uses none
            self._process.start()
        sender.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """End the process, which stops its servers."""
        self._process.terminate()
        self._process.join(_END_SECONDS)
        self._process.kill()
        self._process.join()
        self._receiver.close()

    def result(self, hear: Callable[[Any], object] = id) -> Any:
        """Listen until the function returns, and return that. `hear` is given what it tells, and what is done, as text.

        Raises:
            CommandFailedError: if it raised, or the process ended, or made no progress.
        """
        while True:
            try:
                told = self._receiver.recv() if self._receiver.poll(_LOOK_SECONDS) else self._progress.text
            except EOFError:
                self._process.join()
                where = self._progress.text or "its set-up"
                text = f"the process ended (status {self._process.exitcode}) in {where}"
                raise ProcessFailedError(text, _FAILED) from None
            if isinstance(told, _Returned | CommandFailedError):
                self._process.join(_END_SECONDS)
                if isinstance(told, CommandFailedError):
                    raise told
                return told.value
            if late := self._progress.late():
                raise ProcessFailedError(late, _FAILED)
            hear(told)


def in_new_process(function: Callable[..., _Result], *arguments: Any, method: str = "spawn") -> _Result:
    """Call a function of a module in a new process, and return what it returns.

    Raises:
        CommandFailedError: if it raised, or the process ended, or made no progress.
    """
    with NewProcess(function, *arguments, method=method) as process:
        result: _Result = process.result()
        return result


def silence() -> None:
    """Print, log and warn of nothing any more: hostile arguments make every store complain."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)
    logging.disable()
    warnings.simplefilter("ignore")


def _work(progress: Progress, sender: Connection, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent to heed, which ends this process
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # servers are stopped
    Thread(target=_end_with_parent, daemon=True).start()
    vars(PROGRESS).update(vars(progress), tell=sender.send)
    try:
        answer = function(*arguments)
        sender.send(_Returned(answer))
    except CommandFailedError as fault:  # says all there is to say
        sender.send(fault)
    except Exception as fault:  # noqa: BLE001  the parent raises it
        sender.send(CommandFailedError(described(fault), _FAILED))
    except KeyboardInterrupt:
        return  # nobody waits for an answer


def _end_with_parent() -> None:
    """End this process when its parent has died by any signal."""
    parent: Any = parent_process()
    wait([parent.sentinel])
    os.kill(os.getpid(), signal.SIGTERM)
    sleep(_END_SECONDS)
    os._exit(1)
