"""One finding: the cause of a deviation, the key by which causes are joined, and what the finding means."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, TypeAlias

from conformance.compare.document import Finding
from conformance.compare.sequences.limit import Running
from conformance.compare.sequences.play import Deviation, Symptom
from conformance.compare.sequences.steps import Call, Steps, Vocabulary
from conformance.compare.values.classes import telling
from conformance.compare.values.mismatch import NO_RETURN, Kind
from conformance.compare.values.script import Line, imports_of, write_script
from conformance.text import source

Key: TypeAlias = tuple[Any, ...]


@dataclass(frozen=True)
class Cause:
    """The operation, the argument and the classes of its value that matter."""

    operation: str
    argument: str
    classes: frozenset[str]


def cause_of(steps: Steps, deviation: Deviation, vocabulary: Vocabulary) -> Cause:
    """Find the cause of a shrunk deviation: the argument of the last call before it that could not be made plain."""
    if deviation.handed is not None:
        return Cause(deviation.operation, deviation.handed, frozenset())
    step = steps[deviation.index]
    if not isinstance(step, Call):
        return Cause(deviation.operation, "", frozenset())
    operation, pools = vocabulary.operations[step.operation], vocabulary.pools
    matters = [name for name in step.arguments if not vocabulary.is_plain(step, name)]
    if not matters:
        is_missing = operation.entry and len(steps) == 1 and pools[step.operation, operation.entry].has_ids
        argument, classes = (operation.entry or "", {"no such entry"}) if is_missing else ("", set[str]())
        return Cause(step.operation, argument, frozenset(classes))
    novel = {name: pools[step.operation, name].novel(step.arguments[name]) for name in matters}
    argument = min(matters, key=lambda name: (not novel[name], name == operation.entry))
    is_type = deviation.mismatch.kind is Kind.TYPE
    return Cause(
        step.operation, argument, frozenset({deviation.mismatch.what}) if is_type else telling(novel[argument])
    )


def key_of(cause: Cause, deviation: Deviation, vocabulary: Vocabulary) -> Key:
    """Deviations with the same key are one finding."""
    found = deviation.mismatch
    if deviation.handed is not None:
        return Kind.ALIASING, deviation.handed
    if found.kind is Kind.MESSAGE:
        return found.kind, found.what
    names_entry = cause.argument == vocabulary.operations[cause.operation].entry
    argument = "the entry" if names_entry else cause.argument
    operation: Any = cause.operation
    if names_entry or (deviation.operation == cause.operation and argument):
        operation = ""
    elif argument:  # the same argument of another operation, drawn from the same strategy, is no other cause
        operation = id(vocabulary.pools[cause.operation, cause.argument])
    if found.kind is Kind.TYPE:
        return operation, argument, found.kind, deviation.where
    classes = cause.classes if found.kind is Kind.VALUE else frozenset[str]()
    return operation, argument, found.kind, deviation.where, found.what, classes


def finding_of(steps: Steps, cause: Cause, deviation: Deviation, sides: tuple[str, str]) -> Finding:
    """Make a finding of a shrunk deviation."""
    found = deviation.mismatch
    severity, consequence = _judge(cause, deviation, sides)
    script = write_script([*deviation.lines], "".join(found.path), sides, found.texts)
    values = [value for step in steps if isinstance(step, Call) for value in step.arguments.values()]
    return Finding(
        operation=cause.operation,
        argument=cause.argument,
        kind=found.kind.value,
        where=deviation.where,
        what=found.what,
        consequence=consequence,
        script=(*imports_of(script, values), *script),
        severity=severity,
        classes=set(cause.classes),
    )


def _judge(cause: Cause, deviation: Deviation, sides: tuple[str, str]) -> tuple[int, str]:
    """The severity of a deviation, and what it means in one line."""
    found = deviation.mismatch
    shown = f"{deviation.operation}{deviation.where}"
    by_read = deviation.operation != cause.operation
    first, _, second = found.what.partition(" / ")
    names = first.rpartition(".")[2], second.rpartition(".")[2]
    ok, bad = (0, 1) if names[0] == "a result" else (1, 0)
    lost = "kept by one side, lost by the other" if by_read else "one side gives nothing"
    hung = sides[0 if first == NO_RETURN else 1]
    connected = "a change that the caller makes afterwards" if deviation.handed else "what one store hands out"
    effect = "reaches one store only" if deviation.handed else "is still connected to what it keeps"
    judged = {
        Kind.HANGING: (0, f"{shown} does not return in {hung}"),
        Kind.EXCEPTION: (
            (6, f"{shown} raises {names[0]} in {sides[0]}, {names[1]} in {sides[1]}")
            if not found.is_loss
            else (0, f"accepted by both, lost in {sides[bad]}: there {shown} raises {names[bad]}")
            if by_read
            else (3, f"accepted by {sides[ok]}; {sides[bad]} raises {names[bad]}")
        ),
        Kind.VALUE: (0 if by_read else 4, f"{lost}: {shown}") if found.is_loss else (1, f"{shown} has another value"),
        Kind.ALIASING: (2, f"{connected} {effect}"),
        Kind.TYPE: (5, f"{shown} is of another type"),
        Kind.ORDER: (5, f"{shown} comes in another order"),
        Kind.MESSAGE: (8, f"{shown}: both raise {names[0]}, with other facts"),
    }
    return judged[found.kind]


def stuck_finding(lines: list[Line], call: Running, positional: Collection[str]) -> Finding:
    """Make a finding of a call that cannot be interrupted. These lines were played before it."""
    line = Line(f"store.{call.operation}", 0, {name: source(one) for name, one in call.arguments.items()}, positional)
    before = (one.write("")[-1] for one in lines)
    return Finding(
        operation=call.operation,
        argument="",
        kind=Kind.HANGING.value,
        where="",
        what="",
        consequence=f"does not return in {call.side}, and cannot be interrupted: the search ends with it",
        script=(*before, f"{line.write('')[-1]}   # {call.side}: does not return"),
        severity=0,
    )


def symptom_text(symptom: Symptom) -> str:
    """A further symptom of a finding in a few words."""
    operation, kind, where, what = symptom
    return f"{operation}{where} {kind} {what}".strip()
