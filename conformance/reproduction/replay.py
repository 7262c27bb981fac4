"""Scripts as a whole: what was recorded becomes Python, is tried on the harness, and loses what it does not need."""

from __future__ import annotations

import ast
import asyncio
import builtins
import contextlib
import importlib
import logging
import re
import sys
import textwrap
import time
import warnings
from collections.abc import Sequence
from typing import Any

from conformance.harness import Harness
from conformance.reproduction.record import NAMESPACE, Block
from conformance.reproduction.writing import in_place, mentions

_SECONDS = 20
"""A script that takes longer is given up."""
_PATIENCE = 1.0
"""Seconds that are spent on making a script shorter."""
MOST = 120
"""The most lines of a script that are shown."""
_FROM = {
    "asyncio": ("asyncio",),
    "collections": ("OrderedDict",),
    "contextlib": ("AsyncExitStack", "suppress"),
    "datetime": ("UTC", "date", "datetime", "time", "timedelta", "timezone"),
    "decimal": ("Decimal",),
    "conformance.cases.table": ("away_cell", "cell"),
    "conformance.reproduction.shown": ("cancelling", "field", "outcome", "task_of", "words"),
    "conformance.tour.values": ("_Number", "_Text"),
    "taskstore": ("FailureKind", "Task", "TaskCreateRequest", "TaskStatus"),
}
_WHERE = {name: module for module, names in _FROM.items() for name in names}
Lines = tuple[str, ...]


def body_of(blocks: Sequence[Block], definitions: dict[str, str]) -> Lines:
    """The statements of a script, a text for each block: stores are opened and closed, results named where needed."""
    last = max((at for at, block in enumerate(blocks) if not block.closes), default=-1)
    closed = {block.closes for block in blocks[:last] if block.closes}
    written: list[str] = []
    for block in reversed(blocks[: last + 1]):
        later = "\n".join(written)
        if block.opens:
            written.insert(0, _opening(block, closed))
        elif block.closes:
            written.insert(0, f"await end_of_{block.closes}.aclose()")
        else:
            is_named = block.name and mentions(later, block.name)
            written.insert(0, f"{block.name} = {block.text}" if is_named else block.text)
    return tuple(_defined(_repeated(written), definitions))


def _opening(block: Block, closed: set[str]) -> str:
    opened = block.text.partition(" = ")[2]
    if block.opens not in closed:
        return f"{block.opens} = await stack.enter_async_context({opened})"
    end = f"end_of_{block.opens}"
    return (
        f"{end} = await stack.enter_async_context(AsyncExitStack())\n"
        f"{block.opens} = await {end}.enter_async_context({opened})"
    )


def _repeated(lines: list[str]) -> list[str]:
    """The lines, of which those that follow one another and are alike are one in a loop."""
    found: list[tuple[str, int]] = []
    for line in lines:
        if found and found[-1][0] == line and line.startswith("await "):
            found[-1] = line, found[-1][1] + 1
        else:
            found.append((line, 1))
    return [
        line if times == 1 else f"for _ in range({times}):\n{textwrap.indent(line, '    ')}" for line, times in found
    ]


def _defined(lines: list[str], definitions: dict[str, str]) -> list[str]:
    """The lines with requests in the places of their names, or before them where a name is used more than once."""
    for name, expression in definitions.items():
        places = [at for at, line in enumerate(lines) if mentions(line, name)]
        if len(re.findall(rf"\b{name}\b", "\n".join(lines))) > 1:
            lines.insert(places[0], f"{name} = {expression}")
        elif places:
            lines[places[0]] = in_place(lines[places[0]], name, expression)
    return lines


def whole(body: Lines, words: str, subject: str) -> str:
    """A script that can be run, for the subject of a name. `words` are what it has to show."""
    imported, made = making(subject)
    names: dict[str, list[str]] = {}
    for name in sorted(_undefined("\n".join(body)), key=str.lower):
        if name in _WHERE:
            names.setdefault(_WHERE[name], []).append(name)
    used = ["import asyncio", "from contextlib import AsyncExitStack"]
    used += [
        f"from {module} import {', '.join(ones)}"
        for module, ones in sorted(names.items())
        if module != "asyncio" and (module, ones) != ("contextlib", ["AsyncExitStack"])
    ]
    return "\n".join(
        [
            *dict.fromkeys([*used, imported]),
            "",
            "",
            "async def main(harness):",
            "    async with AsyncExitStack() as stack:",
            *(textwrap.indent(one, " " * 8) for one in (*body, commented(words))),
            "",
            "",
            'if __name__ == "__main__":',
            f"    {made}",
            "    with harness.running():",
            "        try:",
            "            asyncio.run(main(harness))",
            "        finally:",
            f'            harness.discard("{NAMESPACE}")',
        ]
    )


def commented(words: str) -> str:
    """Words as one line of a comment."""
    return f"# {' '.join(words.split())}"


def making(subject: str) -> tuple[str, str]:
    """What is imported to make the harness of a subject, and what makes it."""
    module, _, attribute = subject.partition(":")
    if not attribute.isidentifier():
        return "from conformance.subjects.registry import find_subject", f"harness = find_subject({subject!r})()"
    is_made = callable(getattr(sys.modules.get(module), attribute, None))
    return f"from {module} import {attribute}", f"harness = {attribute}{'()' if is_made else ''}"


def _undefined(text: str) -> set[str]:
    tree = ast.parse(textwrap.dedent(f"async def main(harness, stack):\n{textwrap.indent(text, '    ')}"))
    names = [one for one in ast.walk(tree) if isinstance(one, ast.Name)]
    stored = {one.id for one in names if isinstance(one.ctx, ast.Store)}
    return {one.id for one in names} - stored - set(dir(builtins)) - {"harness", "stack"}


def run(harness: Harness, body: Lines) -> str:
    """The last line that a script prints on a harness that is running; nothing if it does not come to its end."""
    printed: list[str] = []
    text = "\n".join(textwrap.indent(one, " " * 8) for one in body)
    try:
        scope: dict[str, Any] = {
            name: importlib.import_module(module) if module == name else getattr(importlib.import_module(module), name)
            for name, module in _WHERE.items()
        }
        scope["print"] = lambda *shown: printed.append(" ".join(map(str, shown)))
        head = "async def main(harness):\n    async with AsyncExitStack() as stack:\n"
        exec(compile(head + text, "<script>", "exec"), scope)  # noqa: S102  the suite has written it
        with _quiet():
            asyncio.run(asyncio.wait_for(scope["main"](harness), _SECONDS))
    except Exception:  # noqa: BLE001  a script that does not run shows nothing
        return ""
    finally:
        harness.discard(NAMESPACE)
    return printed[-1] if printed else ""


@contextlib.contextmanager
def _quiet() -> Any:
    disabled = logging.root.manager.disable
    logging.disable()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)


def says_the_same(printed: str, words: str) -> bool:
    """Whether what a script prints is what a finding says first, but for ids, times and places of memory."""
    return bool(printed) and _alike(words).startswith(_alike(printed))


def _alike(text: str) -> str:
    text = re.sub(r"datetime\.datetime\((?:[^()]|\([^()]*\))*\)", "TIME", text)
    text = re.sub(r"\d{4}-\d\d-\d\d[T ][\d:.]+(?:\+[\d:]+)?", "TIME", text)
    text = re.sub(r"\b(?:task_)?[0-9a-f]{8,}(?:-[0-9a-f]+)*\b", "ID", text)
    return re.sub(r"0x[0-9a-f]+|\b\d{12,}\.", "ID", text).partition("…")[0]


def shorter(harness: Harness, body: Lines, words: str) -> Lines:
    """The same script without the statements that it shows the same without. The last one stays."""
    began = time.monotonic()
    deadline = began + _PATIENCE
    kept = list(body)
    size = len(kept) // 2
    while size:
        at = len(kept) - 1 - size
        while at >= 0 and time.monotonic() < deadline:
            fewer = kept[:at] + kept[at + size :]
            if says_the_same(run(harness, tuple(fewer)), words):
                kept = fewer
            at -= size
        size //= 2
    return tuple(kept)
