"""Sequences as plain data: what was found once is played first by a later run."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from conformance.backends.registry import find_backend
from conformance.compare.play import EndOfLife, Steps
from conformance.engine.scenario import Action, Call, Damage, Mutate, Open, Reopen, Wait
from conformance.files import read_file, write_file
from conformance.operations.choices import Choice, pool_of
from conformance.operations.operation import Operation
from conformance.operations.parts import settled
from conformance.tasks.operations import operations_of
from conformance.text import source

if TYPE_CHECKING:
    from conformance.compare.report import Line

_AS_IT_IS = Operation("script", "script")
_LONGEST = 80
"""Letters of the name of a file."""
_ACTIONS: Mapping[str, Any] = {kind.__name__: kind for kind in (Damage, EndOfLife, Mutate, Open, Reopen, Wait)}


def as_data(steps: Iterable[Action]) -> list[dict[str, Any]]:
    """Return a sequence as JSON can hold it: arguments are given by their texts."""
    return [_step_as_data(step) for step in steps]


def _step_as_data(step: Action) -> dict[str, Any]:
    if isinstance(step, Call):
        given = {name: choice.text for name, choice in step.arguments.items()}
        return {"call": step.operation, "on": step.on, "given": given}
    data: dict[str, Any] = {"action": type(step).__name__}
    for each in fields(cast(Any, step)):
        value = getattr(step, each.name)
        data[each.name] = value.total_seconds() if isinstance(value, timedelta) else value
    return data


def from_data(data: Iterable[Mapping[str, Any]], operations: Mapping[str, Operation]) -> Steps:
    """Return the sequence.

    Raises:
        LookupError: if there is no such operation or value any more.
    """
    return tuple(_steps(data, operations))


def _steps(data: Iterable[Mapping[str, Any]], operations: Mapping[str, Operation]) -> Iterator[Action]:
    for step in data:
        if "call" in step:
            yield _call(step, operations)
        else:
            given = {name: value for name, value in step.items() if name != "action"}
            if "by" in given:
                given["by"] = timedelta(seconds=given["by"])
            yield _ACTIONS[step["action"]](**given)


def _call(step: Mapping[str, Any], operations: Mapping[str, Operation]) -> Call:
    strategies = operations[step["call"]].strategies
    given = {name: _choice(strategies[name], text) for name, text in step["given"].items()}
    return Call(step["call"], given, on=step["on"])


def _choice(strategy: Any, text: str) -> Choice:
    for choice in pool_of(strategy).choices:
        if choice.text == text:
            return choice
    raise LookupError(text)


def read_scripts(folder: Path) -> list[Any]:
    """Return the sequences that were written to a folder; none from one that is not there yet."""
    files = sorted(folder.glob("*.json")) if folder.exists() else []
    return [read_file(file, json.loads, "a script of `conformance compare`") for file in files]


def write_scripts(folder: Path, lines: Iterable[Line], stores: Sequence[str]) -> None:
    """Write each line as Python that a person can run, and beside it as data for the next comparison."""
    folder.mkdir(parents=True, exist_ok=True)
    for line in lines:
        name = re.sub(r"\W+", "-", line.text).strip("-")[:_LONGEST]
        write_file(folder / f"{name}.py", _program(line, stores))
        write_file(folder / f"{name}.json", json.dumps(line.steps, indent=1) + "\n")


def _program(line: Line, stores: Sequence[str]) -> str:
    """Return a program that plays the script on both stores, and prints what comes out."""
    imports = [text for text in line.script if text.startswith("from ")]
    code = [text for text in line.script if text not in imports]
    came = [text for text in code if text.startswith("# ")][-len(stores) :]
    *calls, last = [text for text in code if text not in came]
    body = [*calls, f"return {last}"]
    return "\n".join(
        [
            f'"""{line.text}',
            "",
            *came,
            '"""',
            "",
            "import asyncio",
            *imports,
            "",
            "from conformance.compare import show",
            "",
            "",
            "async def script(store):",
            *(f"    {text}" for text in body),
            "",
            "",
            'if __name__ == "__main__":',
            f"    show(script, {', '.join(map(repr, stores))})",
            "",
        ]
    )


class _Calls:
    """A store whose methods are the operations that its harness names."""

    def __init__(self, store: Any, operations: Mapping[str, Operation]) -> None:
        self._store = store
        self._operations = operations

    def __getattr__(self, name: str) -> Callable[..., Any]:
        operation = self._operations[name]
        call = getattr(self._store, operation.call) if isinstance(operation.call, str) else operation.call
        given = () if isinstance(operation.call, str) else (self._store,)
        return lambda *arguments, **named: call(*given, *arguments, **named)


def show(script: Callable[[Any], Any], *stores: str) -> None:
    """Play a script on each store, and print what comes out."""
    for name in stores:
        harness = find_backend(name)()
        with harness.running():
            print(f"{name}: {asyncio.run(_came(script, harness, name))}")  # noqa: T201  what a program of ours is for


async def _came(script: Callable[[Any], Any], harness: Any, name: str) -> str:
    try:
        async with harness.open("script") as store:
            return source(await settled(_AS_IT_IS, script(_Calls(store, operations_of(harness, name)))))
    except Exception as error:  # noqa: BLE001  it is what comes out
        return f"raises {error!r}"
    finally:
        harness.discard("script")
