"""A small mutator of Lua: comparisons, logic, arithmetic, numbers, conditions, bounds of ranges, removed statements."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lupa.lua51 import LuaRuntime, LuaSyntaxError

_TOKEN = re.compile(
    r"""(?P<comment>--[^\n]*)
    | (?P<text>'(?:\\.|[^'\\])*' | "(?:\\.|[^"\\])*")
    | (?P<number>\d+)
    | (?P<name>[A-Za-z_]\w*)
    | (?P<sign>\.\. | [=~<>]= | [-+*/%<>=\#(){}\[\],;:.])""",
    re.VERBOSE | re.DOTALL,
)
_REPLACED = {
    "==": ("~=",),
    "~=": ("==",),
    "<": ("<=", ">="),
    "<=": ("<", ">"),
    ">": (">=", "<="),
    ">=": (">", "<"),
    "+": ("-",),
    "-": ("+",),
    "*": ("/",),
    "/": ("*",),
    "%": ("*",),
    "and": ("or",),
    "or": ("and",),
    "true": ("false",),
    "false": ("true",),
    "'('": ("''",),
    "'-inf'": ("'+inf'",),
}
"""What a token becomes; of a comparison the opposite and the one that differs at the bound."""
_CONDITION = re.compile(r"\bif (.+?) then\b")
_STATEMENT = re.compile(r"\s*(?!local |return|end\b|else|function|--|[.,'}])\w.*")


def mutations(text: str) -> Iterator[tuple[str, str]]:
    """Each change of a script that still compiles: the name of what was done, and the whole changed text."""
    runtime = LuaRuntime(encoding="latin-1")  # the message of an error may quote any byte
    for name, changed in _changes(text):
        try:
            runtime.compile(changed)
        except LuaSyntaxError:
            continue
        yield name, changed


def _changes(text: str) -> Iterator[tuple[str, str]]:
    for token in _TOKEN.finditer(text):
        found = token.group()
        if token.lastgroup == "number":
            replacements: tuple[str, ...] = (str(int(found) + 1), str(int(found) - 1))
        elif token.lastgroup == "comment":
            replacements = ()
        else:
            replacements = _REPLACED.get(found, ())
        for new in replacements:
            yield f"{found} to {new}", text[: token.start()] + new + text[token.end() :]
    for condition in _CONDITION.finditer(text):
        if not text[text.rfind("\n", 0, condition.start()) + 1 : condition.start()].strip().startswith("--"):
            yield "not", f"{text[: condition.start(1)]}not ({condition.group(1)}){text[condition.end(1) :]}"
    lines = text.splitlines(keepends=True)
    for at, line in enumerate(lines):
        if _STATEMENT.match(line):
            yield "remove", "".join(lines[:at] + lines[at + 1 :])
