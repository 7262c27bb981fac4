"""A scenario as a script: each action is a line of Python that a person can run, or a comment."""

from __future__ import annotations

from collections.abc import Sequence

from conformance.engine.contract import Contract, Entry
from conformance.engine.outcome import Raised
from conformance.engine.scenario import Action, Call, Close, Race, ReadBack, Reopen, Wait
from conformance.text import source

_SHOWN = 8
"""Exceptions of concurrent calls that are shown."""


def lines_of(contract: Contract, action: Action, made: Sequence[Entry]) -> list[str]:
    """Return an action as lines of Python, and which exceptions came of it."""
    raised = [f"raises {contract.describe(entry.observed)}" for entry in made if isinstance(entry.observed, Raised)]
    match action:
        case Call(label=label):
            came = f"  # {raised[0]}" if raised else ""
            assigned = f"{label} = " if label else ""
            return [f"{assigned}await {_call(contract, action)}{came}"]
        case Race():
            lines = _race(contract, action)
        case ReadBack():
            lines = []
        case Wait(by):
            lines = [f"# {by or 'some milliseconds'} pass"]
        case Reopen(on):
            lines = [f"# {_store(on)} is closed, and opened again"]
        case Close(on):
            lines = [f"await {_store(on)}.aclose()"]
        case _:
            lines = [str(action)]
    return [*lines, *(f"#   {text}" for text in raised[:_SHOWN])]


def _store(on: int) -> str:
    return f"store{on + 1}" if on else "store"


def _call(contract: Contract, call: Call) -> str:
    unnamed = contract.positional(call.operation)
    given = []
    for name, value in call.arguments.items():
        given.append(source(value) if name in unnamed else f"{name}={source(value)}")
    return f"{_store(call.on)}.{call.operation}({', '.join(given)})"


def _race(contract: Contract, race: Race) -> list[str]:
    lines = [f"# {race.failure.name}; `store` goes through a proxy"] if race.failure else []
    cancelled = f"  # the first {len(race.cancelled)} cancelled" if race.cancelled else ""
    closed = "  # and aclose" if race.closes else ""
    lines.append("await asyncio.gather(")
    lines += [f"    {_call(contract, call)}," for call in race.calls]
    return [*lines, f"){cancelled}{closed}"]
