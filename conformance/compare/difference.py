"""A difference that a sequence shows: where, in words, as a script, and whether another explains it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Any

from conformance.compare.plan import is_odd, plain_call
from conformance.compare.play import ALONE, EndOfLife, Steps, kind_of
from conformance.compare.report import Line
from conformance.compare.scripts import as_data
from conformance.engine.player import Done
from conformance.engine.reader import Operations
from conformance.engine.scenario import Action, Call, Scenario, calls_of
from conformance.engine.script import lines_of, used
from conformance.operations.choices import Choice
from conformance.operations.operation import Operation
from conformance.operations.parts import imports_of, inside
from conformance.operations.trees import Mismatch
from conformance.text import cut, printable, source

_SHOWN = 80
"""Letters of a result that a script shows."""
_SHORT = 13
"""Letters of two numbers that a line shows; longer ones may be times."""
_LABELS = {
    "argument": "change what was passed in",
    "result": "change the result",
    "expiring": "time passes",
    "persistent": "reopen",
    "shared": "a second instance",
    "process": "a second process",
    "neighbour": "another namespace",
    "foreign value": "a value of another type",
    "server": "no server",
}
_PLAIN_CHANGE = "another value"
"""What is particular about a value that has no class of its own."""


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
        return self.histories[0][-1].made[0].operation

    @property
    def refusals(self) -> list[bool]:
        """Whether each store raised."""
        return [bool(history[-1].made[0].observed.error) for history in self.histories]

    @property
    def _given(self) -> list[Choice]:
        """What the caller gave."""
        return [choice for call in self.calls for choice in call.arguments.values()]

    @cached_property
    def field(self) -> str:
        """The names of fields in the path, without indexes, keys that a caller gave, and the list around a member."""
        given = set()
        for choice in self._given:
            for labels, part in inside(choice.value):
                given |= {*labels, source(part)}
        members = ""
        for label in self.mismatch.path:
            if re.match(r"\[(\d+|result.*)\]", label):
                members += "\n"
            elif label[0] == "." or given.isdisjoint((label, label[1:-1])):
                members += label
        return members.strip("\n").rpartition("\n")[2]

    @cached_property
    def probe(self) -> str:
        """The kind of what is done besides plain calls."""
        return max(map(kind_of, self.steps))

    @cached_property
    def symptom(self) -> tuple[str, ...]:
        """What it has in common with the same difference in another sequence.

        Which store gives None matters, and which says yes; what the other gives instead of None does not.
        """
        what = self._gives() if self.mismatch.what == "bool" else self.mismatch.what
        if self.mismatch.kind == "value" and "None" in self.mismatch.texts:
            what = str(self.mismatch.texts.index("None"))
        return self.mismatch.kind, self.last.name, self.field, what

    # As a line

    def line(self, stores: Sequence[str]) -> Line:
        """Return it as a finding; no caller would do what both stores refuse, or what takes other values."""
        return Line(
            operation=self._origin(),
            kind=self.probe or self.mismatch.kind,
            text=self._text(),
            seen=self.last.name + self.field,
            script=tuple(self._script(stores)),
            is_odd=all(self.refusals) or is_odd(self.operations, self.steps),
            steps=as_data(self.steps),
        )

    def _particulars(self, step: Action) -> dict[str, list[str]]:
        """Return the arguments of a call that are not plain, with what is particular about each."""
        found: dict[str, list[str]] = {}
        for call in calls_of(step):
            operation = self.operations[call.operation]
            plain = plain_call(operation).arguments
            for name, choice in call.arguments.items():
                if name in operation.optional or choice != plain[name]:
                    found[name] = sorted(choice.classes) or [_PLAIN_CHANGE]
        return found

    @cached_property
    def features(self) -> list[set[Any]]:
        """What each step is, and what is particular about its arguments."""
        found = []
        for step in self.steps:
            features: set[Any] = {_label(step)}
            for name, classes in self._particulars(step).items():
                features |= {(name, each) for each in (*classes, _PLAIN_CHANGE)}
            found.append(features)
        return found

    def _origin(self) -> str:
        """Return the operation that it comes from: the last that is given something particular, writes first."""
        if self.probe in ALONE:
            return self.last.name

        def weight(call: Call) -> tuple[bool, bool]:
            return bool(self._particulars(call)), not self.operations[call.operation].is_read

        return max(reversed(self.calls), key=weight).operation

    def _text(self) -> str:
        words = []
        for word, same in groupby(map(self._word, self.steps)):
            count = len([*same])
            words.append(f"{word} × {count}" if count > 1 else word)
        return f"{' > '.join(words)}{self.field}: {self._gives()}"

    def _word(self, step: Action) -> str:
        given = ", ".join(f"{name}: {' + '.join(what)}" for name, what in self._particulars(step).items())
        return f"{_label(step)}({given})" if given else _label(step)

    def _gives(self) -> str:
        """Say what each side gives: values if they are short, else their classes."""
        text = " / ".join(self.mismatch.texts)
        return text if self.mismatch.what in ("int", "bool") and len(text) < _SHORT else self.mismatch.what

    def _script(self, stores: Sequence[str]) -> Iterator[str]:
        """Yield the imports that the calls need, the calls as Python, and what each side gave."""
        contract = Operations(self.operations)
        scripts = [[*lines_of(contract, history)] for history in self.histories]
        *lines, last = max(scripts, key=len)  # from the store that could do more
        last = re.sub(r"^result\d+ = |  # raises .*", "", last)
        path = "".join(self.mismatch.path)
        if path and last.startswith("await "):
            last = f"({last})"
        lines.append(last + path)
        for store, text in zip(stores, self.mismatch.texts, strict=True):
            lines.append(f"# {store}: {cut(' '.join(text.splitlines()), _SHOWN)}")

        code = printable(used("\n".join(lines)))
        yield from imports_of([choice.value for choice in self._given], code)
        yield from code.splitlines()


def _label(step: Action) -> str:
    match step:
        case Call():
            return step.operation
        case EndOfLife():
            return step.when
    return _LABELS[kind_of(step)]


def explains(line: Difference, found: Difference) -> bool:
    """Whether the sequence of a line is another one without some steps and with plainer values, and shows the same."""
    if line.symptom != found.symptom or not line.features[-1] <= found.features[-1]:
        return False
    steps = iter(found.features)
    return all(any(short <= step for step in steps) for short in line.features)
