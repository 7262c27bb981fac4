"""The search: plays sequences on both stores, reduces what differs to the shortest script, and joins it by cause."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product, takewhile
from math import inf
from typing import Any, TypeAlias

from conformance.compare.plan import Sequences, pool
from conformance.compare.play import ALONE, Operations, Steps, Store, kind_of
from conformance.compare.report import Difference, Report, Row
from conformance.engine.player import Done
from conformance.engine.scenario import Call, Race, Scenario
from conformance.engine.script import lines_of
from conformance.engine.shrink import Shrinker
from conformance.harness import Capability, Harness
from conformance.operations.choices import Choice
from conformance.operations.operation import Operation, OperationsError
from conformance.operations.parts import imports_of, inside
from conformance.operations.trees import Mismatch, mismatches
from conformance.text import cut, printable

_MOST_PLAYED = 100
"""Sequences that are played to make a difference shorter."""
_MOST_VALUES = 12
_SHOWN = 80
"""Letters of a result that a script shows."""
Trait: TypeAlias = tuple[str, str, str]
"""An operation, or with it one of its arguments and a class of its value that is not plain."""
_TIMED = "", "expiring", "lifetime"
"""Kinds of sequences whose differences may come from an argument."""


@dataclass(frozen=True)
class Shown:
    """A sequence whose last step shows a difference."""

    steps: Steps
    histories: list[list[Done]]
    mismatch: Mismatch
    operations: Mapping[str, Operation]

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
        drawn = set()
        for call in self.calls:
            for name, choice in call.arguments.items():
                drawn |= {label for labels, _ in inside(choice.value) for label in labels}
                if name in self.operations[call.operation].entry:
                    drawn.add(f"[{choice.text}]")
        index = r"\[(\d+|result.*)\]"
        path = ("#" if re.match(index, one) else "" if one in drawn else one for one in self.mismatch.path)
        return "".join(path).rstrip("#").rpartition("#")[2]

    @cached_property
    def special(self) -> list[Trait]:
        """The arguments of its writes and of the last call, with each class of their values that is not plain."""
        traits = []
        for call in self.calls:
            operation = self.operations[call.operation]
            if operation.reads is not None and call is not self.calls[-1]:
                continue
            for name, choice in call.arguments.items():
                if name in operation.optional or choice is not pool(operation, name).plain:
                    traits += [(call.operation, name, kind) for kind in sorted(choice.classes or ["another value"])]
        return traits

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

    @property
    def probe(self) -> str:
        """The kind of what is done besides plain calls."""
        return "".join(dict.fromkeys(map(kind_of, self.steps)))

    @property
    def place(self) -> str:
        """Where it shows: the field or, if none differs, the operation."""
        return self.field or self.last.name

    @property
    def symptom(self) -> tuple[str, ...]:
        """Equal for the same difference in another sequence."""
        return self.mismatch.kind, self.place, self.mismatch.what

    def script(self, names: Sequence[str]) -> list[str]:
        """Return the steps as Python, with the imports that they need, and what the last gives on each side."""
        text = "\n".join(self._lines())
        given = [choice.value for call in Scenario(self.steps).calls for choice in call.arguments.values()]
        sides = zip(names, self.mismatch.texts, strict=True)
        came = [f"# {name}: {cut(' '.join(shown.splitlines()), _SHOWN)}" for name, shown in sides]
        return [*map(printable, (*imports_of(given, text), *text.splitlines(), *came))]

    def _lines(self) -> list[str]:
        """Return the lines of what was done; each from the store that could do more."""
        contract = Operations(self.operations)
        longest: list[Done] = []
        for step, *dones in zip(self.steps, *self.histories, strict=False):
            if isinstance(step, Race) and longest and isinstance(longest[-1].action, Race):
                longest.pop()  # the reads that open the connections
            longest.append(max(dones, key=lambda done: len("".join(lines_of(contract, [done])))))
        lines = [*lines_of(contract, longest)]
        everything = "\n".join([*lines, *self.mismatch.texts])
        first = 0
        for done in longest[:-1]:
            if isinstance(done.action, Call) and re.search(rf"\bresult{first}\b", everything):
                done.action = replace(done.action, label=f"result{first}")
            first += len(done.made)
        lines = [*lines_of(contract, longest)]
        if path := "".join(self.mismatch.path):
            lines[-1] = re.sub(r"^(await .*)\Z", r"(\1)", lines[-1], flags=re.MULTILINE) + path
        return lines


class Search:
    """A comparison of two stores with the operations that their harnesses name.

    `tell` is told each finding when it is new, and each call before it is made.
    """

    def __init__(self, *stores: tuple[str, Harness], seed: int = 0, tell: Callable[[Any], object] = id) -> None:
        self._tell, self._stores = tell, [Store(name, harness, tell) for name, harness in stores]
        here, there = self._stores
        if here.operations.keys() != there.operations.keys():
            raise OperationsError(f"{here.name} names {[*here.operations]}, {there.name} names {[*there.operations]}")
        self._operations = here.operations
        self.report = Report((here.name, there.name), seed, {name: Row() for name in here.operations})
        for kind in (Capability.EXPIRING, Capability.SHARED, Capability.PERSISTENT):
            declaring = [store for store in self._stores if kind in store.harness.capabilities]
            if len(declaring) == 1:
                declaring[0].missing[kind] = f"only it declares Capability.{kind.name}"
        self._sequences = Sequences(here.operations.values(), seed)
        self._findings: dict[Any, Difference] = {}  # by what all that come from one cause have in common
        self._explained = set[tuple[Trait, tuple[str, ...]]]()  # known causes, with their symptoms or probes

    async def run(self) -> None:
        """Play every sequence. More may be added to a finding until the end."""
        for steps in self._sequences.all():
            for shown in await self._play(steps):
                if not self._explains(shown):
                    await self._take(shown)
                    break  # from here on the stores hold something else
                is_refused = shown.mismatch.kind == "exception" and "a result" in shown.mismatch.what
                if is_refused and (shown.special or shown.last.reads is None):
                    break
        for name, row in self.report.operations.items():
            self.report.gaps |= {*row.gaps(self._operations[name])}
        for store in self._stores:
            self.report.notes |= {f"not tried: {kind} in {store.name}: {text}" for kind, text in store.missing.items()}

    def _explains(self, shown: Shown) -> bool:
        """Whether a difference comes from a known cause."""
        traits = (*((call.operation, "", "") for call in shown.calls), *shown.special)
        signs = shown.symptom, (shown.probe, shown.place), ("", shown.place)
        return not self._explained.isdisjoint(product(traits, signs))

    async def _play(self, steps: Steps) -> list[Shown]:
        """Play a sequence on both stores, as far as both can go, and return every difference in its order."""
        found: list[Shown] = []
        self.report.sequences += 1
        histories = [await store.play(steps) for store in self._stores]
        for end, (step, *dones) in enumerate(zip(steps, *histories, strict=False), start=1):
            kind = kind_of(step)
            if kind and kind not in ALONE and any(kind in store.missing for store in self._stores):
                break
            if isinstance(step, Call):
                if not all(done.made for done in dones):
                    break  # the instance is not open
                one, other = (done.made[0].observed for done in dones)
                self.report.operations[step.operation].count(one, other)
                differing = mismatches(one, other)
                found += [Shown(steps[:end], histories, mismatch, self._operations) for mismatch in differing]
        return found

    async def _take(self, shown: Shown) -> None:
        """Reduce a difference, and tell its finding if it is a new one."""
        is_single = len({one[:2] for one in shown.special}) == 1
        is_known = is_single and any(one in self._findings for one in self._cause(shown)[0])
        if not is_known and shown.probe not in ALONE:
            again = await self._shortest(shown)
            if again is None:
                self.report.gaps.add(f"{shown.last.name} differed, and did not when called again")
                return
            shown = again
            last = shown.calls[-1]
            plainly = replace(last, arguments={name: last.arguments[name] for name in shown.last.arguments})
            without = await self._play((*shown.steps[:-1], plainly)) if plainly != last and not shown.probe else ()
            if any(one.place == shown.place and self._explains(one) for one in without):
                return  # its optional arguments do not make the difference
        keys, traits = self._cause(shown)
        taints = traits[0] in self._sequences.others and shown.last.reads is not None
        sign = (shown.probe, shown.place) if shown.probe or taints else shown.symptom
        self._explained |= {(one, sign) for one in traits}
        seen, script = shown.last.name + shown.field, shown.script(self.report.stores)
        kind = shown.probe or shown.mismatch.kind
        new = Difference(traits[0][0], kind, seen=seen, script=script, is_odd=shown.is_odd)
        is_joint = len({one[:2] for one in shown.special}) > 1 and not shown.probe
        causes = [*keys, *(shown.special if is_joint else ())]
        finding = next((self._findings[one] for one in causes if one in self._findings), new)
        self._findings = dict.fromkeys([*keys, *(one for one in traits if one[1])], finding) | self._findings
        came = f"{shown.place}{'' if shown.probe else f': {shown.mismatch.what}'}"
        for operation, argument, one in traits:
            finding.shows.add(f"{operation}{f'({argument}: {one})' if argument else ''} > {came}")
        if finding is new:
            self.report.findings.append(finding)
            self._tell(finding)

    def _cause(self, shown: Shown) -> tuple[list[Any], list[Trait]]:
        """Return the keys that group differences by cause, and this one's triggers."""
        kind = shown.mismatch.kind
        if shown.special and shown.probe in _TIMED:
            content = [one for one in shown.special if one[1] not in self._operations[one[0]].entry]
            operation, argument, _ = (content[-1:] or shown.special)[0]
            owner = self._operations[operation]
            keys: list[Any] = [(kind, operation, owner.reads is None or argument), (kind, owner.strategies[argument])]
            traits = [one for one in shown.special if one[:2] == (operation, argument)]
            keys = [*(keys if content else [(kind, "")]), *((one, shown.place) for one in traits)]
        else:
            first = takewhile(lambda step: isinstance(step, Call), shown.steps)
            calls = [self._operations[call.operation] for call in first if isinstance(call, Call)]
            writes = [] if shown.probe else [operation for operation in calls if operation.reads is None]
            traits = [((writes or calls or [shown.last])[-1].name, "", "")]
            keys = [(kind, shown.field, one) for one in (shown.mismatch.what, traits[0])]
        return [(shown.probe,)] if shown.probe else keys, traits

    async def _shortest(self, shown: Shown) -> Shown | None:
        """The fewest steps and the plainest values that show the same; None if it does not show again."""
        best: Shown | None = None

        async def again(steps: Steps) -> Steps:
            nonlocal best
            for each in await self._play(steps):
                if each.symptom == shown.symptom and not self._explains(each):
                    best = each
                    return each.steps
            return ()

        if await again(shown.steps):
            await Shrinker(again, self._operations, _plainer, _MOST_PLAYED, seconds=inf).shrink(shown.steps)
        return best


def _plainer(operation: Operation, argument: str, choice: Choice) -> list[Choice]:
    return pool(operation, argument).plainer(choice)[:_MOST_VALUES]
