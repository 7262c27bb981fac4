"""Write a file that somebody named, or say on one line why it cannot be written."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from conformance.reading import FileError


def check_writable(file: Path) -> None:
    """Find out whether a file can be written, before the work whose outcome it is to hold. Its folder is made.

    Raises:
        FileError: if it cannot be written.
    """
    with _one_line(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        if file.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not os.access(file.parent if _is_replaced(file) else file, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def write_file(file: Path, text: str) -> None:
    """Write a file as a whole: if that fails, what it held before is still there.

    Raises:
        FileError: if it cannot be written.
    """
    with _one_line(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        if not _is_replaced(file):
            file.write_text(text, "utf-8")
            return
        aside = file.with_name(f".{file.name}.{os.getpid()}")
        try:
            aside.write_text(text, "utf-8")
            aside.replace(file)
        finally:
            aside.unlink(missing_ok=True)


def remove_file(file: Path) -> None:
    """Remove a file that a run is to write anew, unless it is a device, a pipe or a link.

    Raises:
        FileError: if it cannot be removed, or not be written anew.
    """
    check_writable(file)
    with _one_line(file):
        if _is_replaced(file):
            file.unlink(missing_ok=True)


def _is_replaced(file: Path) -> bool:
    """Whether a new file takes its place. A device, a pipe and a link stay, and are written to."""
    return not file.is_symlink() and (file.is_file() or not file.exists())


@contextmanager
def _one_line(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as fault:
        raise FileError(file, f"cannot be written: {fault.strerror or fault}") from None
