"""What was done, as lines of Python that a person can run."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, time, timedelta
from enum import Enum
from math import isfinite
from typing import Any

from conformance.core.observe import describe
from conformance.core.scenario import (
    Action,
    Call,
    Close,
    CursorOf,
    Fail,
    Id,
    Look,
    Next,
    Pages,
    Populate,
    Race,
    Reopen,
    TaskOf,
    Tick,
    TimeOf,
    Wait,
)
from conformance.spec.model import FIELDS, Raised, Record, Request, plain

_LONG = 80
_SHOWN_CALLS = 8


def lines_of(done: Sequence[tuple[Action, Any]]) -> tuple[str, ...]:
    """The lines of what was performed, each with its result where that is worth saying."""
    return tuple(line for action, result in done for line in line_of(action, result).splitlines())


def line_of(action: Action, result: Any = None) -> str:  # noqa: C901, PLR0911  one form for each
    """An action as a line of Python. Reads that showed nothing have none."""
    match action:
        case Call(label=label):
            came = f"  # raises {describe(result)}" if isinstance(result, Raised) else ""
            return f"{f'{label} = ' if label else ''}await {call_of(action)}{came}"
        case Fail(failure=failure):
            head = f"# {failure.name}; `store` goes through a proxy"
            return f"{head}\n{line_of(Race(action.calls, action.cancelled, 1, action.closes))}{_failed(result)}"
        case Race(calls, cancelled, _, closes):
            shown = ", ".join(map(call_of, calls[:_SHOWN_CALLS]))
            more = f", …  # {len(calls)} calls" if len(calls) > _SHOWN_CALLS else ""
            lost = f"  # cancelled: {', '.join(call_of(calls[place]) for place in cancelled)}" if cancelled else ""
            return f"await asyncio.gather({shown}{more}){lost}{'  # and aclose' if closes else ''}"
        case Wait(by):
            return f"# {by} pass"
        case Tick():
            return "# some milliseconds pass"
        case Reopen(on):
            return f"# {_store(on)} is closed, and opened again"
        case Close(on):
            return f"await {_store(on)}.aclose()"
        case Populate(count, statuses):
            return f"# {count:,} tasks are created, {', '.join(statuses)}"
        case Pages(limit, status, by_cursor):
            return f"# all pages of {limit}, {status or 'of any status'}, by {'cursor' if by_cursor else 'offset'}"
        case Look():
            return ""


def _failed(results: Any) -> str:
    return "".join(f"\n#   {describe(one)}" for one in results or () if isinstance(one, Raised))


def call_of(call: Call) -> str:
    """A call as an expression. Results of earlier calls stand in it by their labels."""
    texts = [
        value
        if name in ("request", "task", "before")
        or (name in ("task_id", "status") and call.operation not in ("create_task", "list_tasks"))
        else f"{name}={value}"
        for name, value in ((name, source(value)) for name, value in call.arguments.items())
    ]
    return f"{_store(call.on)}.{call.operation}({', '.join(texts)})"


def _store(on: int) -> str:
    return "store" if on == 0 else f"store{on + 1}"


_REFERENCES: Mapping[type, Callable[[Any], str]] = {
    Id: lambda ref: " + ".join(part for part in (_text(ref.before), f"{ref.label}.task_id", _text(ref.behind)) if part),
    Next: lambda ref: f"{ref.label}.next",
    TimeOf: lambda ref: f"{ref.label}.{ref.name}" + (f" + {source(ref.plus)}" if ref.plus else ""),
    CursorOf: lambda ref: f"cursor_of({ref.label})",
    TaskOf: lambda ref: f"{ref.label}.model_copy(update={source(dict(ref.fields))})" if ref.fields else ref.label,
}


def _text(text: str) -> str:
    return source(text) if text else ""


def source(value: Any) -> str:  # noqa: C901, PLR0911  one for each kind of value
    """A value as a Python expression, short where it repeats itself."""
    if (written := _REFERENCES.get(type(value))) is not None:
        return written(value)
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
    if type(value) is int and abs(value) > 10**40:
        return hex(value)
    if type(value) is list or type(value) is tuple:
        return _items(value)
    if type(value) is dict:
        return f"{{{', '.join(f'{source(key)}: {source(one)}' for key, one in value.items())}}}"
    if type(value) is float and not isfinite(value):
        return f"float('{value}')"
    if isinstance(value, str) and type(value) is not str:
        return f"{type(value).__name__}({str.__repr__(value)})"
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


def _items(values: list[Any] | tuple[Any, ...]) -> str:
    opened, closed = ("[", "]") if type(values) is list else ("(", ",)" if len(values) == 1 else ")")
    if len(values) > 8 and all(one == values[0] for one in values[1:]):  # noqa: PLR2004  shorter ones read well
        return f"{opened}{source(values[0])}{',' if type(values) is tuple else ''}{closed[-1]} * {len(values)}"
    return f"{opened}{', '.join(map(source, values))}{closed}"
