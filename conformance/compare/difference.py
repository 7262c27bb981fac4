"""A difference that a sequence shows: where, in words, as a script, and whether another explains it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby

from conformance.compare.plan import pool
from conformance.compare.play import ALONE, EndOfLife, Operations, Steps, kind_of
from conformance.compare.report import Line
from conformance.compare.scripts import as_data
from conformance.engine.player import Done
from conformance.engine.scenario import Action, Call, Scenario, Wait
from conformance.engine.script import lines_of
from conformance.operations.operation import Operation
from conformance.operations.parts import imports_of, inside
from conformance.operations.trees import Mismatch
from conformance.text import cut, printable, source

_SHOWN = 80
"""Letters of a result that a script shows."""
_GIVEN = "a given value"
_NONE = ("None",)
_SHORT = 6
"""Letters of a number that a line shows; a longer one may be a time."""
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
        """The calls, but for those of a race."""
        return [step for step in self.steps if isinstance(step, Call)]

    @property
    def last(self) -> Operation:
        """The operation that shows it."""
        return self.operations[self.calls[-1].operation]

    @cached_property
    def field(self) -> str:
        """The names of fields in the path, without indexes, keys that a caller gave, and the list around a member."""
        drawn = self._drawn_keys()
        index = r"\[(\d+|result.*)\]"
        path = ("#" if re.match(index, label) else "" if label in drawn else label for label in self.mismatch.path)
        return "".join(path).rstrip("#").rpartition("#")[2]

    def _drawn_keys(self) -> set[str]:
        drawn = set()
        for call in self.calls:
            entry = self.operations[call.operation].entry
            for name, choice in call.arguments.items():
                drawn |= {label for labels, _ in inside(choice.value) for label in labels if label[0] == "["}
                if name in entry:
                    drawn.add(f"[{choice.text}]")
        return drawn

    @cached_property
    def probe(self) -> str:
        """The kind of what is done besides plain calls."""
        return "".join(dict.fromkeys(map(kind_of, self.steps)))

    @property
    def kind(self) -> str:
        """The kind of the line: what is done besides plain calls, or how the values differ."""
        return self.probe or self.mismatch.kind

    @cached_property
    def symptoms(self) -> frozenset[tuple[str, ...]]:
        """What it has in common with the same difference in another sequence: one of these is enough.

        Where one store has another of the values that were given, or none, it does not matter which they are.
        """
        kind, what = self.mismatch.kind, self.mismatch.what
        if what == "bool":
            what = self._gives()  # one store says yes, and the other no: which does makes another difference
        found = {(kind, self.last.name, self.field, what)}
        if kind in ("value", "type"):
            roles = [text if text in _NONE else _GIVEN if text in self._given else "" for text in self.mismatch.texts]
            if all(roles):
                found.add(("value", self.last.name, self.field, " / ".join(roles)))
        return frozenset(found)

    @cached_property
    def _given(self) -> set[str]:
        """The texts of values that the caller gave, and of what is in them."""
        given = [choice.value for call in Scenario(self.steps).calls for choice in call.arguments.values()]
        return {source(part) for value in given for _, part in inside(value)}

    @property
    def is_refusal(self) -> bool:
        """Whether only one store has done what was asked: from here on they hold something else."""
        return self.mismatch.kind == "exception" and "a result" in self.mismatch.what

    @property
    def is_odd(self) -> bool:
        """Whether no caller would do this: both stores refuse it, or it gives an argument a value of a foreign kind."""
        last = len(self.steps) - 1
        if all(history[last].made[0].observed.raised for history in self.histories):
            return True
        for call in Scenario(self.steps).calls:
            operation = self.operations[call.operation]
            if any(pool(operation, name).is_foreign(choice) for name, choice in call.arguments.items()):
                return True
        return False

    # What it is

    def line(self, stores: Sequence[str]) -> Line:
        """Return it as a finding."""
        return Line(
            operation=self._origin(),
            kind=self.kind,
            text=self._text(),
            seen=self.last.name + self.field,
            script=tuple(self._script(stores)),
            is_odd=self.is_odd,
            steps=as_data(self.steps),
        )

    def particulars(self, call: Call) -> dict[str, str]:
        """Return the arguments that are not plain, with what is particular about each."""
        operation = self.operations[call.operation]
        found = {}
        for name, choice in call.arguments.items():
            if name in operation.optional or choice != pool(operation, name).plain:
                found[name] = " + ".join(sorted(choice.classes)) or _PLAIN_CHANGE
        return found

    def _origin(self) -> str:
        """Return the operation that it comes from: the last that is given something particular, writes first."""
        if self.probe in ALONE:
            return self.last.name
        writes = [call for call in Scenario(self.steps).calls if self._is_write(call)]
        for candidates in (writes, self.calls):
            particular = [call for call in candidates if self._content(call)]
            if particular:
                return particular[-1].operation
        return (writes or self.calls)[-1].operation

    def _content(self, call: Call) -> bool:
        """Whether a call is given something particular besides the name of its entry."""
        return not {*self.particulars(call)} <= {*self.operations[call.operation].entry}

    def _text(self) -> str:
        *before, last = self.steps
        if self.probe in ALONE:
            before = [step for step in before if not isinstance(step, Call) or self._is_write(step)]
        words = [self._word(step) for step in (*before, last)]
        counted = [(word, len([*same])) for word, same in groupby(words)]
        text = " > ".join(f"{word} × {count}" if count > 1 else word for word, count in counted)
        return f"{text}{self.field}{'' if self.probe in ALONE else f': {self._gives()}'}"

    def _is_write(self, call: Call) -> bool:
        return self.operations[call.operation].reads is None

    def _word(self, step: Action) -> str:
        match step:
            case Call():
                given = ", ".join(f"{name}: {what}" for name, what in self.particulars(step).items())
                return f"{step.operation}({given})" if given else step.operation
            case EndOfLife():
                return step.when
            case Wait(by):
                return f"{by}"
        return _LABELS[kind_of(step)]

    def _gives(self) -> str:
        """Say what each side gives: values if they are short, else their classes."""
        texts = self.mismatch.texts
        is_short = self.mismatch.what in ("int", "bool") and all(len(text) < _SHORT for text in texts)
        return " / ".join(texts) if is_short else self.mismatch.what

    def _script(self, stores: Sequence[str]) -> list[str]:
        """Return the calls of one store as Python, the imports that they need, and what each side gave."""
        lines = self._code()
        given = [choice.value for call in Scenario(self.steps).calls for choice in call.arguments.values()]
        imports = imports_of(given, "\n".join(lines))
        for store, text in zip(stores, self.mismatch.texts, strict=True):
            came = cut(" ".join(text.splitlines()), _SHOWN)
            lines.append(f"# {store}: {came}")
        return [printable(line) for line in (*imports, *lines)]

    def _code(self) -> list[str]:
        """Return the calls as Python, with the path to the place that differs behind the last."""
        contract = Operations(self.operations)
        history = [*self._history(contract)][: len(self.steps)]
        lines = [*lines_of(contract, history)]
        everything = "\n".join([*lines, *self.mismatch.texts])
        first = 0
        for done in history[:-1]:
            if isinstance(done.action, Call) and re.search(rf"\bresult{first}\b", everything):
                done.action = replace(done.action, label=f"result{first}")
            first += len(done.made)
        lines = [*lines_of(contract, history)]
        if path := "".join(self.mismatch.path):
            lines[-1] = re.sub(r"^(await .*)\Z", r"(\1)", lines[-1], flags=re.MULTILINE) + path
        return "\n".join(lines).splitlines()

    def _history(self, contract: Operations) -> Iterator[Done]:
        """Yield what was done, each from the store that could do more."""
        for dones in zip(*self.histories, strict=False):
            yield max(dones, key=lambda done: len("".join(lines_of(contract, [done]))))
