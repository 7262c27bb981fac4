"""A scenario as a script: each action is a line of Python that a person can run, or a comment."""

import re
from collections.abc import Iterator, Mapping, Sequence

from conformance.engine.contract import Contract
from conformance.engine.orders.schedule import CALLERS
from conformance.engine.player import Done
from conformance.engine.scenario import Action, Call, Close, Damage, Open, Race, Reopen, Wait
from conformance.text import source

_WIDTH = 100
_COLUMN = 15
"""Letters by which each caller's requests are further to the right."""
_LONGEST = 90
"""Letters of a request that are shown."""


def lines_of(contract: Contract, history: Sequence[Done]) -> Iterator[str]:
    """Yield what was done as lines of Python, and which exceptions came of it."""
    for done in history:
        calls = []
        for entry in done.made:
            yield from entry.before
            given = {name: source(value) for name, value in entry.call.arguments.items()}
            calls.append(entry.line or call_text(contract, entry.call, given))
        raised = [entry.error and f"raises {contract.describe(entry.observed)}" for entry in done.made]
        match done.action:
            case Call():
                for text, entry in zip(calls, done.made, strict=True):
                    label = entry.call.label
                    name = f"{label} = " if label else ""
                    line = f"{name}await {text}" if entry.is_awaited else name + text
                    yield "  # ".join([line, *filter(None, raised)])
                continue
            case Race():
                yield from _race(done.action, calls)
            case _:
                yield from _line(done.action)
        for request in done.requests:
            yield _beside(request.caller, request.text)
        yield from done.notes
        yield from side_by_side(raised)


def side_by_side(texts: Sequence[str]) -> Iterator[str]:
    """Yield what came of concurrent calls, where there is a text, each in the column of its caller; not of a crowd."""
    if len(texts) <= len(CALLERS):
        for caller, text in zip(CALLERS, texts, strict=False):
            if text:
                yield _beside(caller, text)


def _beside(caller: str, text: str) -> str:
    """Return what a caller does as a comment, in a column of its own."""
    column = _COLUMN * CALLERS.find(caller)  # a store's own requests are furthest to the left
    return f"#   {' ' * column}{caller}: {text[: _LONGEST + column]}"


def used(code: str) -> str:
    """Return a script without the names of results that nothing mentions afterwards."""
    return re.sub(r"(?ms)^(result\d+) = (?!.*\b\1\b)", "", code)


def call_text(contract: Contract, call: Call, given: Mapping[str, str]) -> str:
    """Return a call as Python, without `await`; its arguments are given as Python.

    Of an operation that is a function of the harness, the name of the operation stands for it.
    """
    operation = contract.operations[call.operation]
    store = _store(call.on)
    listed = [text if name in operation.positional else f"{name}={text}" for name, text in given.items()]
    if isinstance(operation.call, str):
        return f"{store}.{operation.call}({', '.join(listed)})"
    return f"{operation.name}({', '.join([store, *listed])})"


def _store(on: int) -> str:
    return f"store{on + 1}" if on else "store"


def _line(action: Action) -> Iterator[str]:
    """Yield the line of an action that makes no calls."""
    match action:
        case Wait(by) if by:
            yield f"harness.advance(namespace, {source(by)})  # {by} pass"
        case Wait():
            yield "await asyncio.sleep(0.002)  # some milliseconds pass"
        case Reopen(on):
            yield from _line(Close(on))
            yield from _line(Open(on))
        case Open(on, url, _, at, behind):
            given = url and repr(url)
            if behind:
                given = f"behind={behind!r}"
            yield f"{_store(on)} = await opened({given})  # {at}"
        case Close(on):
            yield f"await {_store(on)}.aclose()"
        case Damage():
            yield "# a value of another type is put in its place"


def _race(race: Race, calls: Sequence[str]) -> Iterator[str]:
    if race.failure:
        through = "" if race.every_order else "; `store` goes through a proxy"
        yield f"# {race.failure.name}{through}"
    end = ")"
    if race.cancelled_after is not None:
        end += "  # the first is cancelled"
    if race.failure and race.failure.closes:
        end += "  # and aclose"
    line = f"await asyncio.gather({', '.join(calls)}{end}"
    if len(line) <= _WIDTH:
        yield line
    else:
        yield "await asyncio.gather("
        yield from (f"    {text}," for text in calls)
        yield end
