"""A function in a process of its own, which may end, hang or print without harm to the command."""

from __future__ import annotations

import logging
import os
import signal
import warnings
from collections.abc import Callable
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from threading import Thread, get_ident
from time import monotonic, sleep
from typing import Any, NamedTuple

from conformance.files import CommandFailedError
from conformance.text import described

LIMIT = 60.0
"""Seconds after which a call, or opening or closing the store, is taken for one that never returns."""
_PULSE_SECONDS = 1.0
"""How often a process shows at most that it goes on."""
_END_SECONDS = 5.0
"""In which a process stops its servers."""
_FAILED = 3


class ProcessFailedError(CommandFailedError):
    """A process ended before its function returned, or made no progress."""


class Doing(NamedTuple):
    """Something that a process does next, and in how many seconds it has to be over."""

    text: str = ""
    seconds: float | None = 120.0


class _Returned(NamedTuple):
    value: Any


class Progress:
    """How this process tells whoever started it what it does, and sees that it goes on. By default nobody listens."""

    def __init__(self) -> None:
        self.tell: Callable[[Any], object] = id
        self._doing = Doing()
        self._next_pulse = 0.0

    def begin(self, text: str) -> None:
        """Say what is done from now on."""
        self._doing = Doing(text, LIMIT)
        self.tell(self._doing)

    def go_on(self) -> None:
        """Show that what is done goes on. This costs a message a second at most."""
        now = monotonic()
        if now >= self._next_pulse:
            self._next_pulse = now + _PULSE_SECONDS
            self.tell(self._doing)


PROGRESS = Progress()


def in_new_process(
    function: Callable[..., Any], *arguments: Any, method: str = "spawn", hear: Callable[[Any], object] = id
) -> Any:
    """Call a function of a module in a new process. A spawned one has a hash seed of its own.

    `hear` is given all that the process tells.

    Raises:
        CommandFailedError: if it raised, or the process ended, or made no progress.
    """
    os.environ["PYTHONHASHSEED"] = "random"  # tox sets one for all that it starts
    context: Any = get_context(method)
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(sender, function, arguments))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # this process may have other threads: a fork uses none
        process.start()
    sender.close()
    answer = None
    try:
        answer = _heard(process, receiver, hear)
    finally:
        if answer is None:
            process.terminate()
        process.join(_END_SECONDS)
        process.kill()
        process.join()
        receiver.close()
    if isinstance(answer, CommandFailedError):
        raise answer
    return answer.value


def _heard(process: Any, receiver: Connection, hear: Callable[[Any], object]) -> _Returned | CommandFailedError:
    """Listen until the function returns or raises.

    Raises:
        ProcessFailedError: if the process ended before, or does not go on.
    """
    doing = Doing(seconds=None)
    while receiver.poll(doing.seconds):
        try:
            told = receiver.recv()
        except EOFError:
            process.join()
            text = f"the process ended (status {process.exitcode}) in {doing.text or 'its set-up'}"
            raise ProcessFailedError(text, _FAILED) from None
        if isinstance(told, _Returned | CommandFailedError):
            return told
        if isinstance(told, Doing):
            doing = told
        hear(told)
    raise ProcessFailedError(f"{doing.text} did not return within {doing.seconds:g} s", _FAILED)


def silence() -> None:
    """Print, log and warn of nothing any more: hostile arguments make every store complain."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)
    logging.disable()
    warnings.simplefilter("ignore")


def _work(sender: Connection, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent to heed, which ends this process
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # servers are stopped
    Thread(target=_end_with_parent, args=(get_ident(),), daemon=True).start()
    PROGRESS.tell = sender.send
    try:
        answer = function(*arguments)
        sender.send(_Returned(answer))
    except CommandFailedError as fault:  # says all there is to say
        sender.send(fault)
    except Exception as fault:  # noqa: BLE001  the parent raises it
        sender.send(CommandFailedError(described(fault), _FAILED))
    except KeyboardInterrupt:
        return  # nobody waits for an answer


def _end_with_parent(main: int) -> None:
    """End this process, whose main thread is this one, when its parent has died by any signal."""
    parent: Any = parent_process()
    wait([parent.sentinel])
    signal.pthread_kill(main, signal.SIGTERM)
    sleep(_END_SECONDS)
    os._exit(1)
