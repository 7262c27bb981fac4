"""`conformance new mystore.py`: write a file to start a harness from, which runs as it is."""

from __future__ import annotations

import argparse
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path

from conformance.commands.options import CommandFailedError
from conformance.harness import Harness

_START = '''\
"""How the conformance suite opens our task store.

    python -m pytest --pyargs conformance --conformance-store {store}
"""

from contextlib import AbstractAsyncContextManager

from conformance import Capability, Harness
from taskstore import MemoryTaskStore, TaskStore  # replace the first: your own store, or an adapter to it


class MyStore(Harness):
    """Our task store."""

    # What is true of the store. The suite checks what is declared, and that what is not declared is not so:
    #   Capability.PERSISTENT   tasks outlive the store object that wrote them
    #   Capability.SHARED       two store objects on one namespace see the same tasks
    #   Capability.EXPIRING     tasks go by themselves, 7 days after the last write
    #   Capability.REMOTE       there is a server that can fail
    #   Capability.CALLER_IDS   `create_task` takes the id that a task gets
    #   Capability.CURSOR       `list_tasks` takes `after`, and its pages have `next`
    #   Capability.MAINTENANCE  there are `purge` and `restore` besides the five operations
    capabilities: frozenset[Capability] = frozenset()

    def open(self, namespace: str) -> AbstractAsyncContextManager[TaskStore]:
        """Open a store: an async context manager. `namespace` is a short text, new for each case: the key prefix."""
        return MemoryTaskStore()

    # Hooks, all optional: take the comment off, and write the rest. Without one, the cases that need it are
    # `not-testable`, and name it.
    #
    # The mode of the application that this store is, `memory` or `redis`, where its settings select one.
    # mode = "redis"
    #
    # The function that opens the store as the application does at start, from the environment and `.env`.
    # opener = "myapp.tasks:open_store"
    # namespaces_at_once = 4  # for a store that waits for a disk or a network: namespaces used at the same time
    # partitions = 3  # how many parts the store's tasks are spread over, where a listing asks each of them
    # rebuilds_results = False  # the store is a class of this file, and no adapter that makes results anew
'''


_NEEDED = ("conformance", "taskstore", "pytest", "hypothesis", "pydantic")
"""What the suite imports."""
_PYTEST = "python -m pytest --pyargs conformance --conformance-store"
DESCRIPTION = "Write a file to start a harness from. It runs as it is, on a memory store that comes with the suite."
EPILOG = """\
examples:
  conformance new mystore.py
  conformance new mystores.py --compare

exit status:
  0  the file is written
  2  wrong usage, or the file exists and is left as it is"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE.py", type=Path, help="the file to write, in this folder or below it")
    parser.add_argument("--compare", action="store_true", help="write two harnesses for `conformance compare`")


def main(options: argparse.Namespace) -> int:
    """Write the file that is named, and print what to do next; an existing file is left as it is."""
    file: Path = options.file
    if file.suffix != ".py":
        raise CommandFailedError(f"{file} is no Python file: name one that ends in .py, such as mystore.py")
    places = file.with_suffix("").parts
    if not all(place.isidentifier() for place in places):
        raise CommandFailedError(f"{file} cannot be imported: name a Python module in this folder or below it")
    if places[0] in _NEEDED or places[0] in sys.stdlib_module_names:
        raise CommandFailedError(f"{file} would hide the installed module {places[0]}: give it another name")
    module = ".".join(places)
    store = f"{module}:MyStore"
    if options.compare:
        template = Path(__file__).with_name("templates") / "compare.py.txt"
        text = template.read_text("utf-8").replace("MODULE", module)
        commands = [f"conformance compare {module}:MemoryMode {module}:RedisMode"]
    else:
        text = "\n".join([_START.format(store=store).rstrip(), *_hooks(), ""])
        commands = [f"conformance run --store {store} --depth smoke", f"{_PYTEST} {store}"]
    try:
        with file.open("x", encoding="utf-8") as new:
            new.write(text)
    except OSError as fault:
        raise CommandFailedError(f"{file} was not written: {fault.strerror}") from None
    print(f"{file} is written, and runs as it is. Make its `open` open your store, then:")
    print(*(f"  {command}" for command in commands), sep="\n")
    return 0


def _hooks() -> Iterator[str]:
    """Each optional method of a harness, as lines to uncomment: what is said of it, and how it begins."""
    for name, hook in vars(Harness).items():
        if inspect.isfunction(hook) and not name.startswith("_") and name not in Harness.__abstractmethods__:
            start = "async def" if inspect.iscoroutinefunction(hook) else "def"
            given = ", ".join(inspect.signature(hook).parameters)
            yield from (
                "    #",
                f"    # {(inspect.getdoc(hook) or '').partition(chr(10))[0]}",
                f"    # {start} {name}({given}): ...",
            )
