"""Scripts that play again, without pytest, what a test found: to be saved as a file and run with Python.

The script of a readable case is the case itself. That of the tour is the scene that found something, up to there.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import textwrap
from collections.abc import Callable, Iterable, Sequence
from types import CodeType
from typing import Any

from conformance.subjects.registry import source_of

_MAIN = 'if __name__ == "__main__":'


def of_scene(number: str, actions: Sequence[str], instances: int, subject: str) -> str:
    """The script that plays a scene that breaks a requirement. Its actions are given as Python."""
    imported, harness = source_of(subject)
    body = "\n".join(f"        {one}," for one in actions)
    names = {node.id for one in actions for node in ast.walk(ast.parse(one)) if isinstance(node, ast.Name)}
    used = sorted(names - vars(builtins).keys())
    more = f"\n        instances={instances}," if instances > 1 else ""
    return "\n".join(
        [
            f"from conformance.replay import {', '.join(['play', *used])}",
            imported,
            "",
            _MAIN,
            "    play(",
            f"        {harness},",
            body,
            f"        shows={number!r},{more}",
            "    )",
        ]
    )


def of_history(title: str, calls: Iterable[object], subject: str) -> str:
    """The script that makes the planned calls of a history again."""
    return "\n".join(
        [
            f'"""{title}"""',
            "",
            "from conformance.replay import Planned, play_history",
            "from conformance.subjects.registry import find_subject",
            "",
            _MAIN,
            "    play_history(",
            f"        find_subject({subject!r})(),",
            *(f"        {call}," for call in calls),
            "    )",
            "",
        ]
    )


def of_case(function: Callable[..., Any], subject: str) -> str:
    """The script that plays a readable case on a subject."""
    imported, harness = source_of(subject)
    source = textwrap.dedent(inspect.getsource(function))
    is_used = {*_names(function.__code__)}.intersection
    used = sorted(name for name in is_used(function.__globals__) if name.isidentifier())  # pytest adds others
    return "\n".join(
        [
            "from __future__ import annotations",
            "",
            *([f"from {function.__module__} import {', '.join(used)}"] if used else []),
            "from conformance.replay import play_case",
            imported,
            "",
            "",
            source[source.index("async def ") :],
            "",
            _MAIN,
            f"    play_case({function.__name__}, {harness})",
        ]
    )


def _names(code: CodeType) -> Iterable[str]:
    """The names that a function looks up outside of it, those of functions inside it included."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)
