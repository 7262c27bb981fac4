"""Two stores by their names alone: what was found out as a table, and as a file of harnesses to compare and correct."""

import asyncio
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

from conformance.backends.registry import find_maker
from conformance.files import CommandFailedError
from conformance.infer.experiments import Lab
from conformance.infer.methods import Method, shared_methods
from conformance.infer.opening import LocalStore, ServedStore, advice, modes
from conformance.operations.operation import Operation
from conformance.process import silence
from conformance.text import constructed, in_columns

_FILE = '''\
"""{0} and {1}: what `conformance compare` found out. Correct it, then compare the two modes."""

from datetime import datetime, timedelta
from pkgutil import resolve_name

from hypothesis import strategies as st

from conformance.compare import Operation, earlier_ids, hostile
from conformance.infer.opening import modes

{2}

OPERATIONS = (
    {3},
)
FirstMode, SecondMode = modes(OPERATIONS, resolve_name("{0}"), resolve_name("{1}"), has_clock={4})
'''


def harnesses_in(file: str) -> list[Callable[[], LocalStore]]:
    """Return what makes the harness of each store, as a file says it."""
    names: dict[str, Any] = {}
    exec(file, names)  # noqa: S102  written above
    return [names["FirstMode"], names["SecondMode"]]


def found_out(names: Sequence[str], skipped: Collection[str]) -> tuple[list[str], list[str], str]:
    """Return the operations of two stores as lines of a table, what is left out, and the harnesses as a file.

    This process is to be a new one: it prints nothing any more, its clock jumps, and calls may block it.

    Args:
        names: of a class or function each that makes a store, as a user gave them.
        skipped: methods that are left out.

    Raises:
        CommandFailedError: if a store cannot be opened, or may use somebody's server, or no method can be called.
    """
    silence()
    makers: Any = map(find_maker, names)
    first, second = [make() for make in modes((), *makers)]
    with first.running(), second.running():
        _stop_strangers(first, second)
        try:
            lab = asyncio.run(_searched([first, second], skipped))
        except SystemExit as stranger:
            raise CommandFailedError(str(stranger)) from None

    if not lab.usable:
        raise CommandFailedError(
            "no method can be called on both: write two harnesses; `conformance new FILE --compare` begins them; "
            f"{'; '.join(lab.left_out)}"
        )
    used = sorted(lab.usable, key=lambda method: not method.is_maker)  # the first that writes makes the entries
    values = sorted({f"{kind.name} = {kind.strategy}" for method in used for kind in method.kinds.values()})
    operations = ",\n    ".join(_written(method.operation) for method in used)
    file = _FILE.format(*names, "\n".join(values), operations, lab.has_clock)
    return [*_table(used)], lab.left_out, file


def _stop_strangers(*harnesses: LocalStore) -> None:
    """From now on stop before a class connects to the server that is its default: it may be somebody's."""
    private = [urlsplit(harness.url()).port for harness in harnesses if isinstance(harness, ServedStore)]
    classes = [harness.make for harness in harnesses if isinstance(harness.make, type)]

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "socket.connect" and isinstance(arguments[1], tuple) and arguments[1][1] not in private:
            name = classes[-1].__name__
            raise SystemExit(f"{name} may connect to somebody's server: {advice(classes[-1])}")

    if classes:
        sys.addaudithook(hook)


async def _searched(harnesses: Sequence[LocalStore], skipped: Collection[str]) -> Lab:
    """Return the lab in which the methods that both stores have, but for some, were found out."""
    quickest_first = sorted(harnesses, key=lambda harness: isinstance(harness, ServedStore))
    kinds = []
    for harness in quickest_first:
        async with harness.open("") as store:
            kinds.append(type(store))
    shared = {method.name: method for method in shared_methods(*kinds)}
    for name in {*skipped}:
        if shared.pop(name, None) is None:
            raise CommandFailedError(f"--skip {name}: they share {', '.join(shared)}")
    lab = Lab(quickest_first, [*shared.values()])
    await lab.find()
    return lab


def _table(methods: Sequence[Method]) -> Iterator[str]:
    """Yield each method with its arguments, what it does, and which arguments name the entry."""
    rows = [("operation", "does", "entry")]
    for method in methods:
        operation = method.operation
        arguments = ", ".join([*operation.arguments, *(f"[{name}]" for name in operation.optional)])
        does = "writes" if method.is_write else "may write"
        if operation.is_read:
            does = "reads"
        entry = " + ".join(operation.entry) or "the whole store"
        rows.append((f"{operation.name}({arguments})", does, entry))
    yield from in_columns(rows)


def _written(operation: Operation) -> str:
    """Return an operation as a harness names it, with what is said of it."""
    said = {name: fact for name, fact in vars(operation).items() if fact not in (None, (), [], {})}
    return constructed("Operation", said)
