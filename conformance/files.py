"""Files that the user names: read, write or remove one. What is wrong is one line."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from conformance.text import cut, printable

T = TypeVar("T")
_LONGEST = 300


class FileError(ValueError):
    """A file that cannot be used: which one, and why, on one line."""

    def __init__(self, file: Path, fault: str) -> None:
        super().__init__(f"{file}: {cut(' '.join(printable(fault).split()), _LONGEST)}")


def read_file(file: Path, parse: Callable[[bytes], T], description: str) -> T:
    """Read a file, and make of its bytes what it stands for.

    Args:
        file: The file.
        parse: Makes the document of the bytes. It raises ValueError for anything else, as json, tomllib, pydantic do.
        description: What the file has to be, with an article, for the message.

    Raises:
        FileError: naming the file and its first fault.
    """
    try:
        return parse(file.read_bytes())
    except FileError:
        raise
    except OSError as fault:
        raise FileError(file, fault.strerror or str(fault)) from None
    except (ValueError, RecursionError) as fault:  # what is no UTF-8, no JSON, no TOML, and a path with a NUL
        why = first_fault(fault) if isinstance(fault, ValidationError) else str(fault)
        raise FileError(file, f"not {description}: {why}") from None


def toml_of(content: bytes) -> dict[str, Any]:
    """Decode TOML.

    Raises:
        ValueError: if it is none.
        RecursionError: if it is nested too deeply.
    """
    return tomllib.loads(content.decode("utf-8"))


def first_fault(fault: ValidationError) -> str:
    """Where the first fault is and what it is, and how many others there are."""
    first, *others = fault.errors(include_url=False)
    place = ".".join(map(str, first["loc"]))
    more = f" (and {len(others)} more)" if others else ""
    return f"{place}{': ' if place else ''}{first['msg'].removeprefix('Value error, ')}{more}"


def check_writable(file: Path) -> None:
    """Find out whether a file can be written, before the work whose outcome it is to hold. Its folder has to be there.

    Raises:
        FileError: if it cannot be written.
    """
    with _as_file_error(file):
        is_new = not file.exists()
        file.open("a").close()
        if is_new:
            file.resolve().unlink()


def write_file(file: Path, text: str) -> None:
    """Write a file as a whole: if that fails, what it held before is still there.

    Raises:
        FileError: if it cannot be written.
    """
    with _as_file_error(file):
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
    with _as_file_error(file):
        if _is_replaced(file):
            file.unlink(missing_ok=True)


def _is_replaced(file: Path) -> bool:
    """Whether a new file takes its place. A device, a pipe and a link stay, and are written to."""
    return not file.is_symlink() and (file.is_file() or not file.exists())


@contextmanager
def _as_file_error(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as fault:
        raise FileError(file, f"cannot be written: {fault.strerror or fault}") from None
