"""A scenario as a script: each action is a line of Python that a person can run, or a comment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from conformance.engine.contract import Contract, Entry
from conformance.engine.outcome import Raised
from conformance.engine.player import Done
from conformance.engine.scenario import Call, Close, Damage, Open, Race, Reopen, Series, Wait
from conformance.text import source

_WIDTH = 100
_SHOWN = 8
"""Exceptions of concurrent calls that are shown."""


def lines_of(contract: Contract, history: Sequence[Done]) -> Iterator[str]:
    """Yield what was done as lines of Python, and which exceptions came of it."""
    for done in history:
        raised = []
        for entry in done.made:
            yield from entry.before
            if isinstance(entry.observed, Raised):
                raised.append(f"raises {contract.describe(entry.observed)}")
        if isinstance(done.action, Call):
            came = f"  # {raised[0]}" if raised else ""
            yield f"{_one(contract, done.action, done.made)}{came}"
        else:
            yield from _several(contract, done)
            yield from (f"#   {text}" for text in done.order)
            yield from (f"#   {text}" for text in raised[:_SHOWN])


def call_text(contract: Contract, call: Call, given: Mapping[str, str]) -> str:
    """Return a call as Python, without `await`; its arguments are given as Python."""
    unnamed = contract.operations[call.operation].positional
    listed = []
    for name, text in given.items():
        listed.append(text if name in unnamed else f"{name}={text}")
    return f"{_store(call.on)}.{call.operation}({', '.join(listed)})"


def _store(on: int) -> str:
    return f"store{on + 1}" if on else "store"


def _text(contract: Contract, call: Call, made: Sequence[Entry]) -> str:
    if made and made[0].line:
        return made[0].line
    return call_text(contract, call, {name: source(value) for name, value in call.arguments.items()})


def _one(contract: Contract, call: Call, made: Sequence[Entry]) -> str:
    line = _text(contract, call, made)
    if all(entry.is_awaited for entry in made):
        line = f"await {line}"
    return f"{call.label} = {line}" if call.label else line


def _several(contract: Contract, done: Done) -> list[str]:
    match done.action:
        case Race():
            return _race(contract, done.action, done.made)
        case Wait(by) if by:
            line = f"harness.advance(namespace, {source(by)})  # {by} pass"
        case Wait():
            line = "await asyncio.sleep(0.002)  # some milliseconds pass"
        case Reopen(on):
            return [f"await {_store(on)}.aclose()", f"{_store(on)} = await opened()  # on the same place"]
        case Open(on, url) if url:
            line = f"{_store(on)} = await opened({url!r})  # where no server is"
        case Open(on, at=at):
            line = f"{_store(on)} = await opened()  # {at}"
        case Close(on):
            line = f"await {_store(on)}.aclose()"
        case Damage():
            line = "# a value of another type is put in its place"
        case Series():
            line = str(done.action)
        case _:
            return done.changes
    return [line]


def _race(contract: Contract, race: Race, made: Sequence[Entry]) -> list[str]:
    lines = []
    if race.failure:
        through = "" if race.is_deadly else "; `store` goes through a proxy"
        lines.append(f"# {race.failure.name}{through}")
    end = ")"
    if race.cancelled:
        end += f"  # the first {len(race.cancelled)} cancelled"
    if race.failure and race.failure.closes:
        end += "  # and aclose"
    calls = [_text(contract, call, made[place : place + 1]) for place, call in enumerate(race.calls)]
    line = f"await asyncio.gather({', '.join(calls)}{end}"
    if len(line) <= _WIDTH:
        return [*lines, line]
    lines.append("await asyncio.gather(")
    lines += [f"    {text}," for text in calls]
    return [*lines, end]
