"""Types of options that several commands have."""

from __future__ import annotations

import argparse
from pathlib import Path

from conformance.files import FileError, check_writable


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
