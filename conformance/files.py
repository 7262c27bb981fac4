"""Files that the user names: read one, or write one. What is wrong is one line."""

import os
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from conformance.text import cut, on_one_line

T = TypeVar("T")
_LONGEST = 300


class CommandFailedError(Exception):
    """A command cannot do its work: what it prints, on one line, and its exit status; 2 stands for wrong usage."""

    def __init__(self, message: str, status: int = 2) -> None:
        super().__init__(message)
        self.status = status


class FileError(CommandFailedError):
    """A file that cannot be used: which one, and why, on one line."""

    def __init__(self, file: Path, fault: str) -> None:
        super().__init__(f"{file}: {on_one_line(cut(fault, _LONGEST))}")


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
        with _as_file_error(file, "read"):
            content = file.read_bytes()
        return parse(content)
    except (ValueError, RecursionError) as fault:  # what is no UTF-8, no JSON, no TOML, and a path with a NUL
        why = str(fault)
        if isinstance(fault, ValidationError):
            first = fault.errors(include_url=False)[0]
            parts = [*first["loc"], first["msg"].removeprefix("Value error, ")]
            why = ": ".join(map(str, parts))
        raise FileError(file, f"not {description}: {why}") from None


def read_toml(file: Path, form: type[T], description: str) -> T:
    """Read a TOML file of this form. Arguments and exceptions are as of `read_file`."""

    def parse(content: bytes) -> T:
        return TypeAdapter(form).validate_python(tomllib.loads(content.decode()))

    return read_file(file, parse, description)


def writable(name: str) -> Path:
    """Return a file that can be written, found out before the work whose outcome it is to hold.

    Raises:
        FileError: if it cannot be written.
    """
    file = Path(name)
    if file.is_dir() or not os.access(file if file.exists() else file.parent, os.W_OK):
        raise FileError(file, "cannot be written")
    return file


def make_folder(folder: Path) -> None:
    """Make a folder if it is not there, with those that it stands in.

    Raises:
        FileError: if it cannot be made.
    """
    with _as_file_error(folder, "made"):
        folder.mkdir(parents=True, exist_ok=True)


def write_file(file: Path, text: str) -> None:
    """Write a file as a whole: if that fails, what it held before is still there. A device or a pipe is written to.

    Raises:
        FileError: if it cannot be written.
    """
    with _as_file_error(file, "written"):
        target = file.resolve()
        if target.exists() and not target.is_file():
            target.write_text(text, "utf-8")
            return
        aside = target.with_name(f".{target.name}.{os.getpid()}")
        try:
            aside.write_text(text, "utf-8")
            aside.replace(target)
        finally:
            aside.unlink(missing_ok=True)


@contextmanager
def _as_file_error(file: Path, done: str) -> Iterator[None]:
    try:
        yield
    except OSError as fault:
        raise FileError(file, f"cannot be {done}: {fault.strerror or fault}") from None
