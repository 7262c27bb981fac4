"""A script: the plain lines that a person can read and run to see a difference."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from conformance.compare.values.parts import inside
from conformance.text import cut, printable

_SHOWN = 100


@dataclass(frozen=True)
class Line:
    """One line. A call's result and arguments get names of their own where a later line mentions them."""

    text: str
    number: int = 0
    arguments: Mapping[str, str] | None = None
    positional: Collection[str] = ()

    def write(self, later: str) -> list[str]:
        """The line, and before it those that name its arguments, as far as what follows needs the names."""
        if self.arguments is None:
            return [self.text]
        written, before = dict(self.arguments), []
        for name, text in self.arguments.items():
            variable = argument_name(name, self.number)
            if _mentions(later, variable):
                before.append(f"{variable} = {text}")
                written[name] = variable
        given = (text if name in self.positional else f"{name}={text}" for name, text in written.items())
        call = f"{self.text}({', '.join(given)})"
        result = result_name(self.number)
        return [*before, f"{result} = {call}" if _mentions(later, result) else call]


def result_name(number: int) -> str:
    """The name that a script gives to the result of a call."""
    return f"result{number}"


def argument_name(name: str, number: int) -> str:
    """The name that a script gives to an argument of a call."""
    return f"given{number}" if name == "result" else f"{name}{number}"


def write_script(lines: list[Line], path: str, sides: tuple[str, str], texts: tuple[str, str]) -> tuple[str, ...]:
    """The lines; the last looks at `path` of what it gives, and says what comes on each side."""
    shown = "   ".join(f"{side}: {shorten(text)}" for side, text in zip(sides, texts, strict=True))
    written: list[str] = []
    for line in reversed(lines):
        block = line.write("\n".join(written))
        if not written:
            looked_at = f"({block[-1]}){path}" if path and block[-1].startswith("await ") else block[-1] + path
            block[-1] = f"{looked_at}   # {shown}"
        written = block + written
    return tuple(written)


def _mentions(text: str, name: str) -> bool:
    return re.search(rf"\b{name}\b", text) is not None


def shorten(text: str) -> str:
    """A text of one line; lone surrogates, which no file can hold, are written as escapes."""
    return cut(printable(text), _SHOWN)


def imports_of(script: tuple[str, ...], values: Iterable[Any]) -> list[str]:
    """The imports that a script needs whose arguments are these values."""
    modules: dict[str, set[str]] = {}
    parts = [part for value in values for part in inside([value])]
    keys = [key for part in parts if isinstance(part.value, Mapping) for key in part.value]
    for kind in {type(one) for one in (*keys, *(part.value for part in parts))}:
        if kind.__module__ != "builtins" and any(_mentions(line, kind.__name__) for line in script):
            modules.setdefault(kind.__module__, set()).add(kind.__name__)
    if any(_mentions(line, "UTC") for line in script):
        modules.setdefault("datetime", set()).add("UTC")
    return [f"from {module} import {', '.join(sorted(names))}" for module, names in sorted(modules.items())]
