"""Two stores by their names alone: their operations as a table, as harnesses, and as a file to correct."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit

from conformance.files import CommandFailedError
from conformance.infer.experiments import Lab
from conformance.infer.methods import Method, shared_methods
from conformance.infer.opening import LocalStore, ServedStore, modes
from conformance.operations.operation import WHOLE
from conformance.process import in_new_process, silence
from conformance.text import in_columns

_FILE = '''\
"""{names}: what `conformance compare` found out. Correct it, then compare the two modes."""

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
        self._names = [name for name, _ in makers]
        self._makers = [make for _, make in makers]
        harnesses = [make() for make in modes((), *self._makers)]
        with ExitStack() as stack:
            for harness in harnesses:
                stack.enter_context(harness.running())
            self.methods, self._others = in_new_process(_find, harnesses, skipped, method="fork")
        if not any(method.is_write for method in self.methods):
            raise CommandFailedError("\n".join([*self.lines(), "no method changes what another shows"]))

    def harnesses(self) -> list[Callable[[], LocalStore]]:
        """Return what makes the harness of each store."""
        return modes([method.operation() for method in self.methods], *self._makers)

    def lines(self) -> Iterator[str]:
        """Yield a table of the operations, then what is left out, and why."""
        rows = [("operation", "does", "entry")]
        for method in self.methods:
            operation = method.operation()
            arguments = [name if name in operation.arguments else f"[{name}]" for name in operation.strategies]
            does = "reads" if operation.is_read else "may write"
            if method.is_write:
                does = "writes"
            entry = " + ".join(operation.entry) or "the whole store"
            rows.append((f"{method.name}({', '.join(arguments)})", does, entry))
        yield from in_columns(rows)
        for method in self._others:
            yield f"not compared: {method.name}: {method.unusable or 'no argument that was tried is accepted'}"

    def file(self) -> str:
        """Return the harnesses of both stores as a file."""
        places = [name.split(":") for name in self._names]
        return _FILE.format(
            names=" and ".join(self._names),
            imports="\n".join(f"from {module} import {name}" for module, name in places),
            operations="\n    ".join(map(_written, self.methods)),
            makers=", ".join(name for _, name in places),
        )


def _written(method: Method) -> str:
    """Return a method as a harness names it."""
    operation = method.operation()
    parts = [repr(method.name)] * 2
    for strategies in (operation.arguments, operation.optional):
        kinds = ", ".join(f"{name!r}: {method.kinds[name].text}" for name in strategies)
        parts.append(f"{{{kinds}}}")
    for fact in ("writes", "reads", "ids", "times", "positional", "lifetime"):
        value = getattr(operation, fact)
        if value or value == WHOLE:
            parts.append(f"{fact}={value!r}")
    return f"Operation({', '.join(parts)}),"


def _find(harnesses: Sequence[LocalStore], skipped: Collection[str]) -> tuple[list[Method], list[Method]]:
    """Return the methods that both stores have, those that can be used and the others.

    Raises:
        CommandFailedError: if a store cannot be opened, or may use somebody's server.
    """
    silence()
    private = [urlsplit(harness.url()).port for harness in harnesses if isinstance(harness, ServedStore)]

    def stop_strangers(event: str, arguments: tuple[Any, ...]) -> None:
        """Stop before a class connects to the server that is its default: it may be somebody's."""
        if event != "socket.connect" or not isinstance(arguments[1], tuple):
            return
        port = arguments[1][1]
        if port not in private:
            raise SystemExit(port)

    if any(isinstance(harness.make, type) for harness in harnesses):
        sys.addaudithook(stop_strangers)
    try:
        return asyncio.run(_methods(harnesses, skipped))
    except SystemExit as port:
        raise CommandFailedError(f"a store may connect to port {port}, where somebody's server is") from None


async def _methods(harnesses: Sequence[LocalStore], skipped: Collection[str]) -> tuple[list[Method], list[Method]]:
    quickest_first = sorted(harnesses, key=lambda harness: isinstance(harness, ServedStore))
    kinds = []
    for harness in quickest_first:
        async with harness.open("") as store:
            kinds.append(type(store))
    methods = [method for method in shared_methods(*kinds) if method.name not in skipped]
    usable = await Lab(quickest_first).find(methods)
    others = [method for method in methods if method not in usable]
    return usable, others
