"""A script: the plain lines that a person can read and run to see a difference."""

from __future__ import annotations

import re
from collections.abc import Sequence

from conformance.compare.play import Outcome, Steps, calls_in
from conformance.compare.values import Mismatch, inside
from conformance.text import cut, printable

_SHOWN = 80


def script_of(
    steps: Steps, outcomes: Sequence[Sequence[Outcome]], names: tuple[str, str], mismatch: Mismatch
) -> tuple[str, ...]:
    """The steps as Python, the last with what it gives on each side."""
    path = "".join(mismatch.path)
    script: list[str] = []
    for index, line in reversed(
        [*enumerate(max(one.line, other.line, key=len) for one, other in zip(*outcomes, strict=True))]
    ):
        before, newline, last = line.rpartition("\n")
        if not script:
            last = f"({last}){path}" if path and last.startswith("await ") else last + path
        elif re.search(rf"\bresult{index}\b", "\n".join([*script, *mismatch.texts])):
            last = f"result{index} = {last}"
        script = [*f"{before}{newline}{last}".splitlines(), *script]
    shown = [f"# {name}: {cut(text, _SHOWN)}" for name, text in zip(names, mismatch.texts, strict=True)]
    return tuple(map(printable, [*_imports(steps, "\n".join(script)), *script, *shown]))


def _imports(steps: Steps, script: str) -> list[str]:
    """The imports that the values of the steps need."""
    given = [choice.value for call in calls_in(steps) for choice in call.arguments.values()]
    kinds = {(type(part).__module__, type(part).__name__) for _, part in inside(given)} | {("datetime", "UTC")}
    return [
        f"from {module} import {name}"
        for module, name in sorted(kinds)
        if module != "builtins" and re.search(rf"\b{name}\b", script)
    ]
