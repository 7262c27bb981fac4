"""What was done, as lines of Python that a person can run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
from conformance.text import source

_SHOWN_CALLS = 8
_GIVEN = "video_ids", "webhook_url", "config"


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


def _text(text: str) -> str:
    return source(text) if text else ""


_REFERENCES: Mapping[type, Callable[[Any], str]] = {
    Id: lambda ref: " + ".join(part for part in (_text(ref.before), f"{ref.label}.task_id", _text(ref.behind)) if part),
    Next: lambda ref: f"{ref.label}.next",
    TimeOf: lambda ref: f"{ref.label}.{ref.name}" + (f" + {source(ref.plus)}" if ref.plus else ""),
    CursorOf: lambda ref: f"cursor_of({ref.label})",
    TaskOf: lambda ref: f"{ref.label}.model_copy(update={source(dict(ref.fields))})" if ref.fields else ref.label,
    Request: lambda value: _made(
        "TaskCreateRequest", {name: one for name in _GIVEN if (one := getattr(value, name)) is not None}
    ),
    Record: lambda value: _made(
        "Task",
        {**{name: getattr(value, name) for name in FIELDS}, "metadata": plain(value.metadata)},
    ),
}
for _kind, _write in _REFERENCES.items():
    source.register(_kind, _write)


def _made(name: str, fields: Mapping[str, Any]) -> str:
    return f"{name}({', '.join(f'{field}={source(value)}' for field, value in fields.items())})"
