"""Read a file that somebody else wrote: the document in it, or one line that says what is wrong."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

T = TypeVar("T")
_LONGEST = 300


class FileError(ValueError):
    """A file that cannot be used: which one, and why, on one line."""

    def __init__(self, file: Path, fault: str) -> None:
        self.file = file
        self.fault = _one_line(fault)
        super().__init__(f"{_one_line(str(file))}: {self.fault}")


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
    except ValidationError as fault:
        raise FileError(file, f"not {description}: {first_fault(fault)}") from None
    except RecursionError:
        raise FileError(file, f"not {description}: it is nested too deeply") from None
    except ValueError as fault:  # what is no UTF-8, no JSON, no TOML, and a path with a NUL
        raise FileError(file, f"not {description}: {fault}") from None


def json_of(content: bytes) -> Any:
    """Decode JSON.

    Raises:
        ValueError: if it is none.
        RecursionError: if it is nested too deeply.
    """
    return json.loads(content.decode("utf-8"))


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


def _one_line(text: str) -> str:
    line = " ".join(text.encode("utf-8", "backslashreplace").decode().split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"
