"""A difference that a sequence shows: where, in words, as a script, and whether another explains it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Any

from conformance.compare.plan import pool
from conformance.compare.play import ALONE, EndOfLife, Operations, Steps, kind_of
from conformance.compare.report import Line
from conformance.compare.scripts import as_data
from conformance.engine.player import Done
from conformance.engine.scenario import Action, Call, Scenario, Wait
from conformance.engine.script import lines_of
from conformance.operations.choices import Choice
from conformance.operations.operation import Operation
from conformance.operations.parts import imports_of, inside
from conformance.operations.trees import Mismatch
from conformance.text import cut, printable, source

_SHOWN = 80
"""Letters of a result that a script shows."""
_GIVEN = "a given value"
_SHORT = 13
"""Letters of two numbers that a line shows; longer ones may be times."""
_LABELS = {
    "argument": "change what was passed in",
    "result": "change the result",
    "persistent": "reopen",
    "shared": "a second instance",
    "process": "a second process",
    "neighbour": "another namespace",
    "foreign value": "a value of another type",
    "server": "no server",
}
_PLAIN_CHANGE = "another value"
"""What is particular about a value that has no class of its own."""
_EACH, _EACH_SEVERAL = 2, 12
"""Values of each set of classes that are tried, as some sequences need two; collections have more in them."""


@dataclass(frozen=True)
class Difference:
    """A sequence whose last step shows a difference."""

    steps: Steps
    histories: Sequence[Sequence[Done]]
    mismatch: Mismatch
    operations: Mapping[str, Operation]

    # Where it shows

    @cached_property
    def calls(self) -> list[Call]:
        """The calls."""
        return Scenario(self.steps).calls

    @property
    def last(self) -> Operation:
        """The operation that shows it."""
        return self.operations[self.calls[-1].operation]

    @cached_property
    def _given(self) -> list[tuple[Operation, str, Choice]]:
        """The values that the caller gave."""
        given = []
        for call in self.calls:
            given += [(self.operations[call.operation], name, choice) for name, choice in call.arguments.items()]
        return given

    @cached_property
    def _texts(self) -> set[str]:
        """Everything in the given values as Python, and what leads there."""
        texts = set()
        for _, _, choice in self._given:
            for labels, part in inside(choice.value):
                texts |= {*labels, source(part)}
        return texts

    @cached_property
    def field(self) -> str:
        """The names of fields in the path, without indexes, keys that a caller gave, and the list around a member."""
        path = ""
        for label in self.mismatch.path:
            if re.match(r"\[(\d+|result.*)\]", label):
                path = f"{path}#"
            elif label[0] == "." or self._texts.isdisjoint((label, label[1:-1])):
                path += label
        return path.rstrip("#").rpartition("#")[2]

    @cached_property
    def probe(self) -> str:
        """The kind of what is done besides plain calls."""
        return "".join(dict.fromkeys(map(kind_of, self.steps)))

    @cached_property
    def symptoms(self) -> frozenset[tuple[str, ...]]:
        """What it has in common with the same difference in another sequence: one of these is enough.

        Where one store has another of the values that were given, or none, it does not matter which they are.
        """
        kind, what, texts = self.mismatch.kind, self.mismatch.what, self.mismatch.texts
        place = self.last.name, self.field
        if what == "bool":
            what = self._gives()  # one store says yes, and the other no: which does makes another difference
        found: set[tuple[str, ...]] = {(kind, *place, what)}
        if kind in ("value", "type") and self._texts.issuperset({*texts} - {"None"}):
            found.add(("value", *place, *("None" if text == "None" else _GIVEN for text in texts)))
        return frozenset(found)

    @property
    def is_refusal(self) -> bool:
        """Whether only one store has done what was asked: from here on they hold something else."""
        return self.mismatch.kind == "exception" and "a result" in self.mismatch.what

    @property
    def is_odd(self) -> bool:
        """Whether no caller would do this: both stores refuse it, or it gives an argument a value of a foreign kind."""
        is_refused = all(history[-1].made[0].observed.raised for history in self.histories)
        return is_refused or any(pool(operation, name).is_foreign(choice) for operation, name, choice in self._given)

    # What it is

    def line(self, stores: Sequence[str]) -> Line:
        """Return it as a finding."""
        return Line(
            operation=self._origin(),
            kind=self.probe or self.mismatch.kind,
            text=self._text(),
            seen=self.last.name + self.field,
            script=tuple(self._script(stores)),
            is_odd=self.is_odd,
            steps=as_data(self.steps),
        )

    def _particulars(self, call: Call) -> dict[str, list[str]]:
        """Return the arguments that are not plain, with what is particular about each."""
        operation = self.operations[call.operation]
        found = {}
        for name, choice in call.arguments.items():
            if name in operation.optional or choice != pool(operation, name).plain:
                classes = sorted(choice.classes)
                found[name] = classes or [_PLAIN_CHANGE]
        return found

    @cached_property
    def features(self) -> list[set[Any]]:
        """What each step is, and what is particular about its arguments."""
        found = []
        for step in self.steps:
            features = {getattr(step, "when", kind_of(step)), getattr(step, "operation", None)}
            if isinstance(step, Call):
                for name, classes in self._particulars(step).items():
                    features |= {(name, each) for each in (*classes, _PLAIN_CHANGE)}
            found.append(features)
        return found

    def _origin(self) -> str:
        """Return the operation that it comes from: the last that is given something particular, writes first."""
        if self.probe in ALONE:
            return self.last.name

        def weight(call: Call) -> tuple[bool, bool]:
            operation = self.operations[call.operation]
            return bool(self._particulars(call)), not operation.is_read

        return max(reversed(self.calls), key=weight).operation

    def _text(self) -> str:
        is_alone = self.probe in ALONE
        steps = self.steps
        if is_alone:
            steps = (*steps[1::2], steps[-1])
        words = []
        for word, same in groupby(map(self._word, steps)):
            count = len([*same])
            words.append(f"{word} × {count}" if count > 1 else word)
        text = " > ".join(words) + self.field
        if is_alone:
            return text
        return f"{text}: {self._gives()}"

    def _word(self, step: Action) -> str:
        match step:
            case Call():
                given = ", ".join(f"{name}: {' + '.join(what)}" for name, what in self._particulars(step).items())
                if given:
                    return f"{step.operation}({given})"
                return step.operation
            case EndOfLife():
                return step.when
            case Wait(by):
                return f"{by}"
        return _LABELS[kind_of(step)]

    def _gives(self) -> str:
        """Say what each side gives: values if they are short, else their classes."""
        text = " / ".join(self.mismatch.texts)
        return text if self.mismatch.what in ("int", "bool") and len(text) < _SHORT else self.mismatch.what

    def _script(self, stores: Sequence[str]) -> Iterator[str]:
        """Yield the imports that the calls need, the calls as Python, and what each side gave."""
        lines: list[str] = []
        for dones in zip(*self.histories, strict=True):  # each from the store that could do more
            texts = ["\n".join(lines_of(Operations(self.operations), [done])) for done in dones]
            lines.append(max(texts, key=len))
        last = re.sub(r"^result\d+ = ", "", lines.pop())
        if path := "".join(self.mismatch.path):
            last = (f"({last})" if last.startswith("await ") else last) + path
        code = "\n".join([*lines, last])
        for label in re.findall(r"^(result\d+) = ", code, re.MULTILINE):
            if len(re.findall(rf"\b{label}\b", code + "".join(self.mismatch.texts))) == 1:
                code = code.replace(f"{label} = ", "")
        yield from imports_of([choice.value for _, _, choice in self._given], code)
        yield from printable(code).splitlines()
        for store, text in zip(stores, self.mismatch.texts, strict=True):
            yield printable(f"# {store}: {cut(' '.join(text.splitlines()), _SHOWN)}")


# What is shorter


def plainer(operation: Operation, argument: str, choice: Choice) -> Iterator[Choice]:
    """Yield the plainest values of every set of classes that has nothing which this value has not."""
    tried = Counter[frozenset[str]]()
    for plain in pool(operation, argument).plainer(choice):
        tried[plain.classes] += 1
        if tried[plain.classes] <= (_EACH_SEVERAL if choice.is_several else _EACH):
            yield plain


def explains(line: Difference, found: Difference) -> bool:
    """Whether the sequence of a line is another one without some steps and with plainer values, and shows the same."""
    if line.symptoms.isdisjoint(found.symptoms) or not line.features[-1] <= found.features[-1]:
        return False
    steps = iter(found.features[:-1])
    return all(any(short <= step for step in steps) for short in line.features[:-1])
