"""Two stores by their names alone: their operations as a table, as harnesses, and as a file to correct."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import sys
import warnings
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from multiprocessing.connection import Connection
from typing import Any
from urllib.parse import urlsplit

from conformance.files import CommandFailedError
from conformance.harness import Harness
from conformance.infer.lab import Lab, Method, shared_methods
from conformance.infer.opening import LocalStore, Opener, ServedStore, harness_of
from conformance.infer.roles import Experiments
from conformance.infer.trials import Trials
from conformance.text import in_columns

_PATIENCE = 5.0
"""Seconds after which a call blocks; one that can be cancelled is given up earlier."""
_FILE = '''\
"""{first} and {second}: what `conformance compare` found out. Correct it, then compare the two modes."""

from datetime import datetime, timedelta

from hypothesis import strategies as st

from conformance.compare import Operation, earlier_ids, hostile
from conformance.infer.opening import modes
{imports}

OPERATIONS = (
{operations}
)
FirstMode, SecondMode = modes(OPERATIONS, {makers})
'''


class Pair:
    """Two stores whose operations are found out. The one that needs no server is called first.

    Args:
        makers: by name, as a user gave it, a class or a function that makes a store.
        skipped: methods that are left out.

    Raises:
        CommandFailedError: if one cannot be opened, or no method changes what another shows.
    """

    def __init__(self, makers: Sequence[tuple[str, Callable[..., Any]]], skipped: Collection[str] = ()) -> None:
        self.openers = [Opener(name, make) for name, make in makers]
        found = _find([harness_of(opener) for opener in self.openers], skipped)
        self.methods = [method for method in found if not method.unusable]
        self._others = [method for method in found if method.unusable]
        if not any(method.is_write for method in self.methods):
            raise CommandFailedError("\n".join([*self.table(), "no method changes what another shows"]))

    def harnesses(self) -> list[Callable[[], Harness]]:
        """Return what makes the harness of each store."""
        operations = [method.operation() for method in self.methods]
        return [partial(harness_of, opener, operations) for opener in self.openers]

    def table(self) -> Iterator[str]:
        """Yield the operations and their roles as lines, then what is left out, and why."""
        rows = [("operation", "does", "entry", "also")]
        for method in self.methods:
            does = "writes" if method.is_write else "reads" if method.is_read else "may write"
            entry = " + ".join(method.entry) or "the whole store"
            rows.append((_signature(method), does, entry, ", ".join(_facts(method))))
        yield from in_columns(rows)
        for method in self._others:
            yield f"not compared: {method.name}: {method.unusable}"

    def file(self) -> str:
        """Return the harnesses of both stores as a file."""
        places = [opener.name.split(":") for opener in self.openers]
        return _FILE.format(
            first=places[0][-1],
            second=places[1][-1],
            imports="\n".join(f"from {module} import {name}" for module, name in places),
            operations="\n".join(map(_written, self.methods)),
            makers=", ".join(name for _, name in places),
        )


def _signature(method: Method) -> str:
    """Return a method with its arguments; those in brackets may be left out."""
    required = [parameter.name for parameter in method.required]
    arguments = [name if name in required else f"[{name}]" for name in method.kinds]
    return f"{method.name}({', '.join(arguments)})"


def _facts(method: Method) -> Iterator[str]:
    if method.lifetime:
        yield f"{method.lifetime} is a lifetime"
    for noun, names in (("ids", method.ids), ("times", method.times)):
        if names:
            yield f"{noun}: {', '.join(name or 'the result' for name in sorted(names))}"
    if not method.is_write and not method.is_shown:
        yield "nothing shows what it does"


def _written(method: Method) -> str:
    """Return a method as a harness names it."""
    operation = method.operation()
    lines = [f'Operation("{method.name}", "{method.name}"']
    for group in ("arguments", "optional"):
        kinds = [f'"{name}": {method.kinds[name].text}' for name in getattr(operation, group)]
        lines.append(f"{group}={{{', '.join(kinds)}}}")
    for fact in ("writes", "reads", "ids", "times", "positional", "lifetime"):
        value = getattr(operation, fact)
        if value or value == "":
            lines.append(f"{fact}={value!r}")
    return "    " + ",\n        ".join(lines) + ",\n    ),"


def _find(harnesses: Sequence[LocalStore], skipped: Collection[str]) -> list[Method]:
    """Experiment in a process of its own. A method that blocks or ends it is left out, and it begins again.

    Raises:
        CommandFailedError: if a store cannot be opened.
    """
    blocking: list[Method] = []
    with ExitStack() as stack, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # this process may have other threads: the child uses none
        for harness in harnesses:
            stack.enter_context(harness.running())
        while True:
            told = _attempt(harnesses, [*skipped, *(method.name for method in blocking)])
            if isinstance(told, list):
                return told + blocking
            if not told:
                raise CommandFailedError(f"{harnesses[0].store.name} ends the process, or blocks, when it is opened", 8)
            blocking.append(Method(told, [], [], "it blocks, or ends the process"))


def _attempt(harnesses: Sequence[LocalStore], skipped: Collection[str]) -> list[Method] | str:
    """Return what a child finds, or the method that it called last."""
    ours, theirs = multiprocessing.Pipe(duplex=False)
    child = multiprocessing.get_context("fork").Process(target=_child, args=(theirs, harnesses, skipped))
    child.start()
    theirs.close()
    told: list[Method] | CommandFailedError | str = ""
    with suppress(EOFError):
        while isinstance(told, str) and ours.poll(_PATIENCE):
            told = ours.recv()
    child.kill()
    child.join()
    if isinstance(told, CommandFailedError):
        raise told
    return told


def _child(out: Connection, harnesses: Sequence[LocalStore], skipped: Collection[str]) -> None:
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)
    logging.disable()  # odd arguments make every store complain
    warnings.simplefilter("ignore")
    sys.addaudithook(partial(_stop_strangers, out, harnesses))
    try:
        out.send(asyncio.run(_roles(harnesses, skipped, out.send)))
    except Exception as error:  # noqa: BLE001  one line, in place of a traceback
        out.send(CommandFailedError(f"{harnesses[0].store.name}: {type(error).__name__}: {error}", 7))


def _stop_strangers(out: Connection, harnesses: Sequence[LocalStore], event: str, arguments: tuple[Any, ...]) -> None:
    """End the process before a class connects to the server that is its default: it may be somebody's."""
    if event != "socket.connect" or not isinstance(arguments[1], tuple):
        return
    port = arguments[1][1]
    private = [urlsplit(harness.url()).port for harness in harnesses if isinstance(harness, ServedStore)]
    for harness in reversed(harnesses):
        if port not in private and isinstance(harness.store.make, type):
            out.send(harness.store.refused(f"may connect to port {port}, where somebody's server is"))
            os._exit(1)


async def _roles(
    harnesses: Sequence[LocalStore], skipped: Collection[str], tell: Callable[[str], object]
) -> list[Method]:
    """Return the methods that both stores have, with what experiments show of them."""
    quickest_first = sorted(harnesses, key=lambda harness: harness.store.is_served)
    labs = [Lab(harness, tell) for harness in quickest_first]
    first, second = [await lab.kind() for lab in labs]
    methods = [method for method in shared_methods(first, second) if method.name not in skipped]
    usable = await Trials(labs).find(methods)
    await Experiments(labs[0], usable).find_roles()
    return methods
