"""Sequences as plain data: what was found once is played first by a later run."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from pydantic import TypeAdapter

from conformance.compare.plan import pool
from conformance.compare.play import EndOfLife, Steps
from conformance.engine.scenario import Action, Call, Damage, Mutate, Open, Reopen, Wait, changed
from conformance.operations.operation import Operation

_FORM: TypeAdapter[Any] = TypeAdapter(tuple[Damage | Reopen | Wait | EndOfLife | Mutate | Open | Call, ...])
"""Arguments are given by their texts. Of actions that have the same fields the first is taken."""
sequence = _FORM.validate_json
"""Returns a sequence, from JSON; pydantic.ValidationError if it is none."""


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
