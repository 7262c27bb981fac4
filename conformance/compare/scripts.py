"""Sequences as plain data: what was found once is played first by a later run."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from conformance.backends.registry import find_backend
from conformance.compare.play import EndOfLife, Steps
from conformance.engine.scenario import Action, Call, Damage, Mutate, Open, Reopen, Wait
from conformance.files import read_file, write_file
from conformance.operations.choices import pool_of
from conformance.operations.operation import Operation
from conformance.operations.parts import settled
from conformance.tasks.operations import operations_of
from conformance.text import source

if TYPE_CHECKING:
    from conformance.compare.report import Line

_LONGEST = 80
"""Letters of the name of a file."""
_FORM: TypeAdapter[Any] = TypeAdapter(list[Damage | Reopen | Wait | EndOfLife | Mutate | Open | Call])
"""Arguments are given by their texts. Of actions that have the same fields the first is taken."""
_PROGRAM = '''\
"""{text}

{came}
"""

import asyncio
{imports}
from conformance.compare import show


async def script(store):
    {calls}


if __name__ == "__main__":
    show(script, {stores})
'''


def as_data(steps: Steps) -> str:
    """Return a sequence as JSON."""
    data = [*steps]
    for place, step in enumerate(steps):
        if not isinstance(step, Call):
            continue
        texts = {name: choice.text for name, choice in step.arguments.items()}
        data[place] = replace(step, arguments=texts)
    return _FORM.dump_json(data, indent=1).decode()


def from_data(data: Iterable[Action], operations: Mapping[str, Operation]) -> Steps:
    """Return the sequence.

    Raises:
        LookupError: if there is no such operation or value any more.
    """
    steps = [*data]
    for place, step in enumerate(steps):
        if isinstance(step, Call):
            given = {}
            for name, text in step.arguments.items():
                choices = pool_of(operations[step.operation].strategies[name]).choices
                given[name] = {choice.text: choice for choice in choices}[text]
            steps[place] = replace(step, arguments=given)
    return tuple(steps)


def read_scripts(folder: Path) -> list[Steps]:
    """Return the sequences that were written to a folder; none from one that is not there yet."""
    parse = _FORM.validate_json
    return [read_file(file, parse, "a script of `conformance compare`") for file in sorted(folder.glob("*.json"))]


def write_scripts(folder: Path, lines: Iterable[Line], stores: Sequence[str]) -> None:
    """Write each line as Python that a person can run, and beside it as data for the next comparison."""
    folder.mkdir(parents=True, exist_ok=True)
    for line in lines:
        imports = [text for text in line.script if text.startswith("from ")]
        came = line.script[-len(stores) :]
        *calls, last = line.script[len(imports) : -len(stores)]
        program = _PROGRAM.format(
            text=line.text,
            came="\n".join(came),
            imports="\n".join(imports),
            calls="\n    ".join([*calls, f"return {last}"]),
            stores=", ".join(map(repr, stores)),
        )
        file = folder / re.sub(r"\W+", "-", line.text).strip("-")[:_LONGEST]
        write_file(file.with_suffix(".py"), program)
        write_file(file.with_suffix(".json"), line.steps)


def show(script: Callable[[Any], Any], *stores: str) -> None:
    """Play a script on each store, and print what comes out."""
    for name in stores:
        harness = find_backend(name)()
        with harness.running():
            print(f"{name}: {asyncio.run(_came(script, harness, name))}")  # noqa: T201  what a program of ours is for


async def _came(script: Callable[[Any], Any], harness: Any, name: str) -> str:
    try:
        async with harness.open("script") as store:
            operations = operations_of(harness, name).items()
            calls = SimpleNamespace(**{each: partial(_invoke, operation, store) for each, operation in operations})
            return source(await settled(Operation("script", script), script(calls)))
    except Exception as error:  # noqa: BLE001  it is what comes out
        return f"raises {error!r}"
    finally:
        harness.discard("script")


def _invoke(operation: Operation, store: Any, *placed: Any, **named: Any) -> Any:
    return operation.invoke(store, dict(zip(operation.positional, placed, strict=False)) | named)
