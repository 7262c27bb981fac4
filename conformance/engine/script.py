"""What was done in a scene, as lines of Python that a person can run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, time, timedelta
from enum import Enum
from math import isfinite
from typing import Any

from conformance.engine.scene import Copy, Cursor, Member, Ref, Step, Text, TimeOf
from conformance.spec.model import FIELDS, Record, Request, plain

_LONG = 80


class Script:
    """What was done in a scene, as lines of Python that a person can run."""

    def __init__(self) -> None:
        self._done: list[str | tuple[Step, str]] = []

    @property
    def lines(self) -> tuple[str, ...]:
        """All lines. They are written when they are asked for, which in most scenes nobody does."""
        return tuple(one if isinstance(one, str) else self._line(*one) for one in self._done)

    def call(self, step: Step) -> str:
        """A call as an expression. Results of earlier steps stand in it by their labels."""
        texts = []
        for name, value in step.arguments.items():
            text = self.value(value)
            is_first = (name in ("task_id", "status") and step.operation != "list_tasks") or name == "request"
            texts.append(
                text if (is_first and step.operation != "create_task") or name == "request" else f"{name}={text}"
            )
        return f"store{step.on + 1}.{step.operation}({', '.join(texts)})"

    def step(self, step: Step, came: str = "") -> None:
        """Keep a call, and what came of it if that is worth saying."""
        self._done.append((step, came))

    def note(self, line: str) -> None:
        """Keep a line."""
        self._done.append(line)

    def is_last(self, step: Step) -> bool:
        """Whether a call is the last that was kept, alone or among others."""
        last = self._done[-1:]
        return any(one[0] is step if isinstance(one, tuple) else self.call(step) in one for one in last)

    def _line(self, step: Step, came: str) -> str:
        name = f"{step.label} = " if step.label else ""
        return f"{name}await {self.call(step)}{f'  # {came}' if came else ''}"

    def value(self, value: Any) -> str:
        """A value as an expression."""
        if isinstance(value, Text):
            return source(value.value)
        written = _REFERENCES.get(type(value))
        return source(value) if written is None else written(value)


_REFERENCES: Mapping[type, Any] = {
    Ref: lambda ref: " + ".join(
        part for part in (source(ref.before), _spelled(ref), source(ref.behind)) if part != "''"
    ),
    Member: lambda member: f"{member.label}.tasks[{member.index}].task_id",
    Cursor: lambda cursor: f"{cursor.label}.next",
    TimeOf: lambda time: f"{time.label}.{time.name}" + (f" + {source(time.plus)}" if time.plus else ""),
    Copy: lambda copied: f"{copied.label}.model_copy(update={source(dict(copied.fields))})",
}


def _spelled(ref: Ref) -> str:
    return f"respelled({ref.label}.task_id, {ref.spelling!r})" if ref.spelling else f"{ref.label}.task_id"


def source(value: Any) -> str:  # noqa: C901, PLR0911, PLR0912  one for each kind of value
    """A value as a Python expression, short where it repeats itself."""
    if isinstance(value, Request):
        fields = {"video_ids": value.video_ids, "webhook_url": value.webhook_url, "config": value.config}
        given = (f"{name}={source(one)}" for name, one in fields.items() if one is not None)
        return f"TaskCreateRequest({', '.join(given)})"
    if isinstance(value, Record):
        fields = {name: getattr(value, name) for name in FIELDS}
        given = (f"{name}={source(plain(one) if name == 'metadata' else one)}" for name, one in fields.items())
        return f"Task({', '.join(given)})"
    if isinstance(value, Enum):
        return f"{type(value).__name__}.{value.name}"
    if type(value) is str and len(value) > _LONG:
        return _repeated(value)
    if type(value) is int and value.bit_length() > 200:  # noqa: PLR2004  about sixty digits
        return _power(value)
    if type(value) is list or type(value) is tuple:
        return _items(value)
    if type(value) is dict:
        return f"{{{', '.join(f'{source(key)}: {source(one)}' for key, one in value.items())}}}"
    if type(value) is float and not isfinite(value):
        return f"float('{value}')"
    if hasattr(type(value), "model_fields"):  # pydantic
        given = (f"{name}={source(getattr(value, name))}" for name in sorted(value.model_fields_set))
        return f"{type(value).__name__}({', '.join(given)})"
    if isinstance(value, str) and type(value) is not str:
        return f"{type(value).__name__}({str.__repr__(value)})"
    if type(value) is object:
        return "object()"
    if isinstance(value, type):
        return value.__name__
    if isinstance(value, date | time | timedelta):
        return repr(value).replace("datetime.", "").replace("timezone.utc", "UTC")
    try:
        return repr(value)
    except Exception:  # noqa: BLE001  a hostile value may have no repr
        return f"<{type(value).__name__}>"


_RUN = re.compile(r"(.{1,40}?)\1{19,}", re.DOTALL)
"""A few characters, and the same again many times."""


def _repeated(text: str) -> str:
    parts, place = [], 0
    for run in _RUN.finditer(text):
        if run.start() > place:
            parts.append(repr(text[place : run.start()]))
        parts.append(f"{run[1]!r} * {len(run[0]) // len(run[1])}")
        place = run.end()
    return " + ".join([*parts, *([repr(text[place:])] if place < len(text) else [])])


def _power(number: int) -> str:
    digits = len(f"{abs(number):x}") * 4 * 0.30103
    for exponent in range(int(digits) - 2, int(digits) + 3):
        for more in (-1, 0, 1):
            if abs(number) == 10**exponent + more:
                sign = "-" if number < 0 else ""
                return f"{sign}(10**{exponent}{f' {more:+d}' if more else ''})"
    return hex(number)


def _items(values: list[Any] | tuple[Any, ...]) -> str:
    opened, closed = ("[", "]") if type(values) is list else ("(", ",)" if len(values) == 1 else ")")
    if len(values) > 8 and all(one == values[0] for one in values[1:]):  # noqa: PLR2004  shorter ones read well
        return f"{opened}{source(values[0])}{',' if type(values) is tuple else ''}{closed[-1]} * {len(values)}"
    return f"{opened}{', '.join(map(source, values))}{closed}"
