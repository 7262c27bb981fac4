"""Sequences as plain data: what was found once is played first by a later run."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from conformance.backends.registry import find_backend
from conformance.compare.plan import pool
from conformance.compare.play import EndOfLife, Steps, Store
from conformance.engine.scenario import Action, Call, Damage, Mutate, Open, Reopen, Wait, changed
from conformance.files import read_file, write_file
from conformance.operations.operation import Operation
from conformance.operations.trees import mismatches

if TYPE_CHECKING:
    from conformance.compare.report import Line

_LONGEST = 80
"""Letters of the name of a file."""
_FORM: TypeAdapter[Any] = TypeAdapter(tuple[Damage | Reopen | Wait | EndOfLife | Mutate | Open | Call, ...])
"""Arguments are given by their texts. Of actions that have the same fields the first is taken."""
_PROGRAM = """\
# {text}
#
# {script}

from pathlib import Path

from conformance.compare import show

if __name__ == "__main__":
    show(Path(__file__).with_suffix(".json"), {stores})
"""


def as_data(steps: Steps) -> str:
    """Return a sequence as JSON."""

    def texts(call: Call) -> Call:
        return replace(call, arguments={name: choice.text for name, choice in call.arguments.items()})

    data = tuple(changed(step, texts) for step in steps)
    return _FORM.dump_json(data, indent=1).decode()


def from_data(data: Iterable[Action], operations: Mapping[str, Operation]) -> Steps:
    """Return the sequence.

    Raises:
        LookupError: if there is no such operation or value any more.
    """

    def choices(call: Call) -> Call:
        given = {}
        operation = operations[call.operation]
        for name, text in call.arguments.items():
            by_text = {choice.text: choice for choice in pool(operation, name).choices}
            given[name] = by_text[text]
        return replace(call, arguments=given)

    return tuple(changed(step, choices) for step in data)


def _read(file: Path) -> Steps:
    steps: Steps = read_file(file, _FORM.validate_json, "a script of `conformance compare`")
    return steps


def read_scripts(folder: Path) -> list[Steps]:
    """Return the sequences that were written to a folder; none from one that is not there yet."""
    return [*map(_read, sorted(folder.glob("*.json")))]


def write_scripts(folder: Path, lines: Iterable[Line], stores: Sequence[str]) -> None:
    """Write each line as data for the next comparison, and beside it as a program that plays it.

    Races and deaths of one store are left out: a comparison of that store alone says how they are played again.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for line in lines:
        if not line.steps:
            continue
        file = folder / re.sub(r"\W+", "-", line.text).strip("-")[:_LONGEST]
        script = "\n# ".join(line.script)
        program = _PROGRAM.format(text=line.text, script=script, stores=", ".join(map(repr, stores)))
        write_file(file.with_suffix(".py"), program)
        write_file(file.with_suffix(".json"), line.steps)


def show(script: Path, *stores: str) -> None:
    """Play a script on each store, and print where what comes out of its last call differs."""
    trees = []
    for name in stores:
        harness = find_backend(name)()
        store = Store(name, harness)
        steps = from_data(_read(script), store.operations)
        with harness.running():
            history = asyncio.run(store.play(steps))
        trees.append(history[-1].made[-1].observed)
    for mismatch in mismatches(*trees):
        path = "".join(mismatch.path)
        for name, text in zip(stores, mismatch.texts, strict=True):
            print(f"{name}{path}: {text}")  # noqa: T201  what a program of ours is for
