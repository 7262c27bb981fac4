"""What several commands share: types of options, and how a command fails."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from pathlib import Path

from conformance.files import FileError, check_writable
from conformance.harness import Harness


class CommandFailedError(Exception):
    """A command cannot do its work. `main` prints the message and returns the status; 2 stands for wrong usage."""

    def __init__(self, message: str, status: int = 2) -> None:
        super().__init__(message)
        self.status = status


def stores(names: Iterable[str]) -> dict[str, Callable[[], Harness]]:
    """Find the stores that the option --store names.

    Raises:
        CommandFailedError: if one cannot be used, or two have the same name.
    """
    from conformance.subjects.registry import UnknownSubjectError, find_subjects

    try:
        return find_subjects(names)
    except UnknownSubjectError as unknown:
        raise CommandFailedError(f"--store: {unknown}") from None


def output_file(text: str) -> Path:
    """A file that the command writes at its end: one that cannot be written is refused before the work begins."""
    file = Path(text)
    try:
        check_writable(file)
    except FileError as fault:
        raise argparse.ArgumentTypeError(str(fault)) from None
    return file


def positive(text: str) -> int:
    """A whole number above 0."""
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number above 0")
    return int(text)
