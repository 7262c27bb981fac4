"""Text for terminals and files: printable, cut short, in columns, and values as Python."""

import os
import re
import sys
import sysconfig
import traceback
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, time, timedelta
from enum import Enum
from functools import lru_cache, singledispatch
from math import isfinite
from pathlib import Path
from reprlib import recursive_repr
from typing import Any

_LONGEST_ERROR = 1_000


def printable(text: str) -> str:
    """The text with lone surrogates as escapes: neither a file nor a terminal can take them."""
    return text.encode("utf-8", "backslashreplace").decode()


def on_one_line(text: str) -> str:
    r"""The text on one line: what moves the cursor, ends a line or is not seen is shown as an escape such as `\n`."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)


def cut(text: str, most: int) -> str:
    """The text with at most this many characters, and then an ellipsis if it has more."""
    return text if len(text) <= most else f"{text[:most]}…"


def bold(text: str) -> str:
    """The text so that it stands out on a terminal, and where FORCE_COLOR asks for that."""
    takes_color = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    return f"\x1b[1m{text}\x1b[0m" if takes_color or "FORCE_COLOR" in os.environ else text


def shown(value: object, longest: int = 120) -> str:
    """A value as Python for people, cut short."""
    return cut(source(value), longest)


def full_name(kind: type) -> str:
    """A class with its module, if that is not Python's own."""
    return f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")


def printed(error: BaseException | None) -> str:
    """All that is printed of an exception and of its causes, and what it holds."""
    if error is None:
        return ""
    own = f"{error!r} {error.args!r} {vars(error)!r}"
    return "\n".join([*traceback.format_exception(error), own, printed(error.__cause__), printed(error.__context__)])


_FOREIGN = str(Path(__file__).parent), sysconfig.get_path("stdlib")
"""Folders of the suite and of Python: nobody mends their store there."""


def place_of(error: BaseException) -> str:
    """The last line of the adopter's own code that an exception came through, as `file:line in function`."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        file = frame.filename
        if not file.startswith(_FOREIGN) and "site-packages" not in file and Path(file).exists():
            return f"{os.path.relpath(file)}:{frame.lineno} in {frame.name}"
    return ""


def described(error: BaseException) -> str:
    """An exception on one line, with its place if that is in the adopter's own code."""
    text = on_one_line(cut(f"{type(error).__name__}: {error}", _LONGEST_ERROR))
    place = place_of(error)
    return f"{text} ({place})" if place else text


def in_columns(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """The rows of a table as lines, with columns as wide as their widest cells."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = map(str.ljust, row, widths)
        yield "  ".join(cells).rstrip()


@singledispatch
def source(value: Any) -> str:  # noqa: C901, PLR0911  one for each kind of value
    """A value as a Python expression, short where it repeats itself."""
    kind: Any = type(value)
    name = kind.__name__
    if isinstance(value, Enum):
        return f"{name}.{value.name}"
    if isinstance(value, type):
        return value.__name__
    if isinstance(value, date | time | timedelta):
        return repr(value).replace("datetime.", "").replace("timezone.utc", "UTC")
    if hasattr(kind, "model_fields"):  # pydantic
        given = value.model_fields_set
        return constructed(name, {field: inside for field, inside in vars(value).items() if field in given})
    if isinstance(value, str):
        text = _repeated(value)
        if kind is str:
            return text
        return f"{name}({text})"
    if kind in (list, tuple):
        inside = ", ".join(map(source, value))
        end = "," if len(value) == 1 else ""
        return f"[{inside}]" if kind is list else f"({inside}{end})"
    if kind is dict:
        inside = ", ".join(f"{source(key)}: {source(one)}" for key, one in value.items())
        return f"{{{inside}}}"
    if kind is float and not isfinite(value):
        return f"float('{value}')"
    try:
        text = _built(value) if kind.__repr__ is object.__repr__ else repr(value)
    except Exception:  # noqa: BLE001  a hostile value may have no repr
        return f"<{name}>"
    is_unnamed = isinstance(value, BaseException) and not text.startswith(name)  # as one of pydantic's
    return f"{name}({text!r})" if is_unnamed else text


@recursive_repr("…")
def _built(value: object) -> str:
    """An object of a class that has no `repr` of its own."""
    return constructed(type(value).__name__, getattr(value, "__dict__", {}))


def constructed(name: str, fields: Mapping[str, Any]) -> str:
    """A value of a class as Python that makes it of its fields."""
    return f"{name}({', '.join(f'{field}={source(inside)}' for field, inside in fields.items())})"


_RUN = re.compile(r"((.{1,40}?)\2{19,})", re.DOTALL)
"""A few characters, and the same again many times."""


@lru_cache
def _repeated(text: str) -> str:
    before, *found = _RUN.split(text)
    parts = [repr(before)]
    for run, unit, rest in zip(found[::3], found[1::3], found[2::3], strict=True):
        parts += [f"{unit!r} * {len(run) // len(unit)}", repr(rest)]
    return " + ".join(part for part in parts if part != "''") or "''"
