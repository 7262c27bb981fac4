"""A script: the plain lines that a person can read and run to see a difference."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from conformance.compare.play import Change, Outcome, Steps, calls_in
from conformance.compare.values import Mismatch, inside
from conformance.text import cut, printable

_SHOWN = 80


def script_of(
    steps: Steps, outcomes: Sequence[Sequence[Outcome]], names: tuple[str, str], mismatch: Mismatch
) -> tuple[str, ...]:
    """The steps as Python, the last with what it gives on each side."""
    path = "".join(mismatch.path)
    changed = {(step.operation, step.argument) for step in steps if isinstance(step, Change) and step.argument}
    script: list[str] = []
    for index, (outcome, other) in reversed([*enumerate(zip(*outcomes, strict=True))]):
        line = max(outcome.line, other.line, key=len)
        later = "\n".join([*script, *mismatch.texts])
        if not script:
            line = f"({line}){path}" if path and line.startswith("await ") else line + path
        elif re.search(rf"\bresult{index}\b", later):
            line = f"result{index} = {line}"
        for name, text in outcome.given.items():
            if f"given{index}" in later and (getattr(steps[index], "operation", ""), name) in changed:
                line = f"given{index} = {text}\n{line.replace(text, f'given{index}', 1)}"
        script = [*line.splitlines(), *script]
    shown = [f"# {name}: {cut(text, _SHOWN)}" for name, text in zip(names, mismatch.texts, strict=True)]
    return tuple(map(printable, [*_imports(steps, "\n".join(script)), *script, *shown]))


def _imports(steps: Steps, script: str) -> list[str]:
    """The imports that the values of the steps need."""
    given = [choice.value for call in calls_in(steps) for choice in call.arguments.values()]
    parts = [part for _, part in inside(given)]
    keys = [key for part in parts if isinstance(part, Mapping) for key in part]
    kinds = {(kind.__module__, kind.__name__) for kind in map(type, (*keys, *parts)) if kind.__module__ != "builtins"}
    named = sorted(one for one in (*kinds, ("datetime", "UTC")) if re.search(rf"\b{one[1]}\b", script))
    return [f"from {module} import {name}" for module, name in named]
