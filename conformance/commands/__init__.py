"""The command `conformance`: a module for each subcommand, with `DESCRIPTION`, `EPILOG`, `OPTIONS`, `main`."""

import argparse
import os
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version

from conformance.files import CommandFailedError
from conformance.text import cut, on_one_line

COMMANDS = {
    "run": "run the suite on stores, without a pytest set-up of your own",
    "new": "write a file to start a harness from",
    "compare": "find what two stores do differently",
    "measure": "measure how fast a store is, and judge what a document says of it",
    "diff": "show what came out differently in two runs, or on two stores",
}
_LONGEST = 1_000
_EPILOG = """\
examples:
  conformance new mystore.py
  conformance run --store mystore:MyStore
  conformance compare mystore:Memory mystore:Redis

`conformance COMMAND --help` shows the options, examples and exit statuses of a command. Modules in the current folder
are found. `python -m conformance` is the same command."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command, and return its exit status."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    parser = argparse.ArgumentParser(
        "conformance",
        description="Decide whether a task store keeps its contract, alike in both of its modes.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"conformance {version('taskstore')}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, purpose in COMMANDS.items():
        command = commands.add_parser(
            name, help=purpose, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
        )
        if name in given[:1]:  # the modules of the others are not imported: some take a second
            module = import_module(f"{__name__}.{name}")
            command.description, command.epilog = module.DESCRIPTION, module.EPILOG
            for option, settings in module.OPTIONS.items():
                command.add_argument(option, **settings)
            command.set_defaults(main=module.main)
    try:
        options = parser.parse_args(given)
        status: int = options.main(options)
        sys.stdout.flush()
    except CommandFailedError as fault:
        print(cut(on_one_line(str(fault)), _LONGEST), file=sys.stderr)
        return fault.status
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except OSError as fault:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(fault, BrokenPipeError):  # such as `| head`: nobody reads what is said
            return 141
        print(f"conformance: {fault}", file=sys.stderr)
        return 3
    except Exception:  # noqa: BLE001  1 is a result, and an error is none
        traceback.print_exc()
        return 3
    return status
