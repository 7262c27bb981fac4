"""`python -m conformance COMMAND`: each command is a module with a `main`, of its name but for `run`."""

from __future__ import annotations

import sys
from importlib import import_module

COMMANDS = {
    "run": "run the suite, as pytest does, for people without one",
    "compare": "find what two subjects do differently",
    "check": "judge a recorded history of contending clients again",
    "prove": "hold subjects against one model: sequences, transitions, contention, faults",
    "mutants": "show that each law is defended: deliberately wrong stores, each caught by its case",
    "new": "write a file to start a harness from",
}

_MODULES = {"run": "suite"}
"""`conformance.run` is a function."""


def main(arguments: list[str]) -> int:
    """Run a command, and return its exit status."""
    if not arguments or arguments[0] not in COMMANDS:
        asked = bool(arguments) and arguments[0] in ("-h", "--help")
        lines = ["usage: python -m conformance COMMAND …", ""]
        lines += [f"  {name:<9} {purpose}" for name, purpose in COMMANDS.items()]
        print("\n".join(lines), file=sys.stdout if asked else sys.stderr)
        return 0 if asked else 2
    status: int = import_module(f"conformance.{_MODULES.get(arguments[0], arguments[0])}").main(arguments[1:])
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
