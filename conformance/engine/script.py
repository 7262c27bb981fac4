"""A scenario as a script: each action is a line of Python that a person can run, or a comment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from conformance.engine.contract import Contract, Entry
from conformance.engine.outcome import Raised
from conformance.engine.player import Done
from conformance.engine.scenario import Action, Call, Close, Damage, Open, Race, Reopen, Series, Wait, calls_of
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
        calls = []
        for place, call in enumerate(calls_of(done.action)):
            calls.append(_text(contract, call, done.made[place : place + 1]))
        if isinstance(done.action, Call):
            yield "  # ".join([_awaited(done.action, calls[0], done.made), *raised])
            continue
        if isinstance(done.action, Race):
            yield from _race(done.action, calls)
        yield from _line(done.action)
        for text in (*done.order, *raised[:_SHOWN]):
            yield f"#   {text}"
        yield from done.changes


def call_text(contract: Contract, call: Call, given: Mapping[str, str]) -> str:
    """Return a call as Python, without `await`; its arguments are given as Python."""
    unnamed = contract.operations[call.operation].positional
    listed = [text if name in unnamed else f"{name}={text}" for name, text in given.items()]
    return f"{_store(call.on)}.{call.operation}({', '.join(listed)})"


def _store(on: int) -> str:
    return f"store{on + 1}" if on else "store"


def _text(contract: Contract, call: Call, made: Sequence[Entry]) -> str:
    written = "".join(entry.line for entry in made)
    return written or call_text(contract, call, {name: source(value) for name, value in call.arguments.items()})


def _awaited(call: Call, text: str, made: Sequence[Entry]) -> str:
    line = f"await {text}" if all(entry.is_awaited for entry in made) else text
    return f"{call.label} = {line}" if call.label else line


def _line(action: Action) -> Iterator[str]:
    """Yield the line of an action that makes no calls."""
    match action:
        case Wait(by) if by:
            yield f"harness.advance(namespace, {source(by)})  # {by} pass"
        case Wait():
            yield "await asyncio.sleep(0.002)  # some milliseconds pass"
        case Reopen(on):
            yield f"await {_store(on)}.aclose()"
            yield f"{_store(on)} = await opened()  # on the same place"
        case Open(on, url, _, at):
            yield f"{_store(on)} = await opened({repr(url) if url else ''})  # {'where no server is' if url else at}"
        case Close(on):
            yield f"await {_store(on)}.aclose()"
        case Damage():
            yield "# a value of another type is put in its place"
        case Series():
            yield str(action)


def _race(race: Race, calls: Sequence[str]) -> Iterator[str]:
    if race.failure:
        through = "" if race.is_deadly else "; `store` goes through a proxy"
        yield f"# {race.failure.name}{through}"
    end = ")"
    if race.cancelled:
        end += f"  # the first {len(race.cancelled)} cancelled"
    if race.failure and race.failure.closes:
        end += "  # and aclose"
    line = f"await asyncio.gather({', '.join(calls)}{end}"
    if len(line) <= _WIDTH:
        yield line
        return
    yield "await asyncio.gather("
    yield from (f"    {text}," for text in calls)
    yield end
