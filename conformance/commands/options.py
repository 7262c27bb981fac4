"""What several commands share: types of options, and how a command fails."""

from __future__ import annotations

import argparse
from pathlib import Path

from conformance.files import FileError, check_writable


class CommandFailedError(Exception):
    """A command cannot do its work. `main` prints the message and returns the status; 2 stands for wrong usage."""

    def __init__(self, message: str, status: int = 2) -> None:
        super().__init__(message)
        self.status = status


def output_file(text: str) -> Path:
    """A file that the command writes at its end: one that cannot be written is refused before the work begins."""
    file = Path(text)
    try:
        check_writable(file)
    except FileError as fault:
        raise argparse.ArgumentTypeError(str(fault)) from None
    return file
