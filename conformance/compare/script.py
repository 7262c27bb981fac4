"""A script: the plain lines that a person can read and run to see a difference."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from conformance.compare.play import Call, Change, Outcome, Steps, calls_in
from conformance.compare.values import inside
from conformance.text import cut, printable

_SHOWN = 80


def script_of(
    steps: Steps,
    outcomes: tuple[list[Outcome], list[Outcome]],
    names: tuple[str, str],
    path: str,
    texts: tuple[str, str],
) -> tuple[str, ...]:
    """The steps as Python, the last with what it gives on each side behind `path`."""
    script: list[str] = []
    for index in reversed(range(len(steps))):
        step, outcome = steps[index], outcomes[0][index]
        line = max((one[index].line for one in outcomes), key=len)
        later = "\n".join([*script, *texts])
        if index == len(steps) - 1:
            line = f"({line}){path}" if path and line.startswith("await ") else line + path
        if isinstance(step, Call):
            for name, text in outcome.given.items():
                if re.search(rf"\bgiven{index}\b", later) and _changed(steps[index + 1 :], step, name):
                    line = line.replace(text, f"given{index}", 1)
                    line = f"given{index} = {text}\n{line}"
            if index < len(steps) - 1 and re.search(rf"\bresult{index}\b", later):
                head, newline, last = line.rpartition("\n")
                line = f"{head}{newline}result{index} = {last}"
        script = [*line.splitlines(), *script]
    shown = [f"# {name}: {cut(printable(text), _SHOWN)}" for name, text in zip(names, texts, strict=True)]
    return (*_imports(steps, script), *map(printable, script), *shown)


def _changed(following: Steps, call: Call, argument: str) -> bool:
    changes = [one for one in following if isinstance(one, Change)]
    return any((one.operation, one.argument) == (call.operation, argument) for one in changes)


def _imports(steps: Steps, script: list[str]) -> list[str]:
    """The imports that the values of the steps need."""
    modules: dict[str, set[str]] = {}
    given = [choice.value for call in calls_in(steps) for choice in call.arguments.values()]
    parts: list[Any] = [part for _, part in inside(given)]
    keys = [key for part in parts if isinstance(part, Mapping) for key in part]
    text = "\n".join(script)
    for kind in {type(one) for one in (*keys, *parts)}:
        if kind.__module__ != "builtins" and re.search(rf"\b{kind.__name__}\b", text):
            modules.setdefault(kind.__module__, set()).add(kind.__name__)
    if re.search(r"\bUTC\b", text):
        modules.setdefault("datetime", set()).add("UTC")
    return [f"from {module} import {', '.join(sorted(kinds))}" for module, kinds in sorted(modules.items())]
