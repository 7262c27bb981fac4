"""`python -m conformance new mystore.py`: a file to start a harness from, which runs as it is."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path

from conformance.harness import Harness

_START = '''\
"""How the conformance suite opens our task store.

    python -m pytest --pyargs conformance --store {store}
"""

from conformance import Capability, Harness
from taskstore import MemoryTaskStore  # replace it: your own store, or an adapter with the same five operations


class MyStore(Harness):
    """Our task store."""

    # What is true of the store. The suite checks what is declared, and that what is not declared is not so:
    #   Capability.PERSISTENT   tasks outlive the store object that wrote them
    #   Capability.SHARED       two store objects on one world see the same tasks
    #   Capability.EXPIRING     tasks go by themselves, 7 days after the last write
    #   Capability.REMOTE       there is a server that can fail
    #   Capability.CURSOR       list_tasks takes `after`, and its pages have `next`
    capabilities: frozenset[Capability] = frozenset()

    def open(self, world: str):
        """Open a store: an async context manager. `world` is a new short text for each case: use it as key prefix."""
        return MemoryTaskStore()

    # Hooks, all optional: take the comment off, and write the rest. Without one, the cases that need it are
    # `not-testable`, and name it.
    #
    # The mode of the application that this store is, `memory` or `redis`, where its settings select one.
    # mode = "redis"
    #
    # The function that opens the store as the application does at start, from the environment and `.env`.
    # opener = "myapp.tasks:open_store"
'''


def main(arguments: list[str]) -> int:
    """Write the file that is named, and say what to do next; what is there already stays as it is."""
    if len(arguments) != 1 or not arguments[0].endswith(".py"):
        return _refuse("usage: python -m conformance new mystore.py")
    file = Path(arguments[0])
    places = file.with_suffix("").parts
    if not all(place.isidentifier() for place in places):
        return _refuse(f"{file} cannot be imported: name a Python module in this folder or below it")
    store = f"{'.'.join(places)}:MyStore"
    try:
        with file.open("x", encoding="utf-8") as new:
            new.write("\n".join([_START.format(store=store).rstrip(), *_hooks(), ""]))
    except OSError as fault:
        return _refuse(f"{file} was not written: {fault.strerror}")
    print(f"{file} is written, and runs as it is. Make its `open` open your store, then:")
    print(f"  python -m conformance run --smoke --store {store}")
    print(f"  python -m pytest --pyargs conformance --store {store}")
    return 0


def _hooks() -> Iterator[str]:
    """Each optional method of a harness, as lines to uncomment: what is said of it, and how it begins."""
    for name, hook in vars(Harness).items():
        if inspect.isfunction(hook) and not name.startswith("_") and name not in Harness.__abstractmethods__:
            start = "async def" if inspect.iscoroutinefunction(hook) else "def"
            given = ", ".join(inspect.signature(hook).parameters)
            yield from ("    #", f"    # {inspect.getdoc(hook)}", f"    # {start} {name}({given}): ...")


def _refuse(reason: str) -> int:
    print(reason, file=sys.stderr)
    return 2
