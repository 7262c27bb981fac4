"""The search: plays sequences on both stores, reduces what differs to the shortest script, and joins it by cause."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product, takewhile
from typing import Any, TypeAlias

from conformance.compare.plan import Plan, pool
from conformance.compare.play import Steps, Store
from conformance.compare.report import Finding, Report, Row
from conformance.compare.values import Mismatch, Tree, mismatches
from conformance.core.shrink import reduce
from conformance.harness import Capability, Harness
from conformance.operations.operation import OperationsError
from conformance.operations.parts import imports_of, inside
from conformance.text import cut, printable

_MOST_PLAYED, _MOST_VALUES, _MOST_PLACES, _SHOWN = 100, 12, 20, 80  # sequences, values, places, letters
Trait: TypeAlias = tuple[str, str, str]
"""An operation, or with it one of its arguments and a class of its value that is not plain."""
_TIMED = "", "expiring", "lifetime"  # kinds of steps whose differences may come from an argument
_ALONE = "race", "foreign value", "server"  # each store judges these alone: one without the hook is as it was


@dataclass(frozen=True)
class Shown:
    """A sequence whose last step shows a difference."""

    steps: Steps
    outcomes: list[list[Tree]]
    mismatch: Mismatch

    @cached_property
    def field(self) -> str:
        """The names of fields in the path, without indexes, keys that a caller gave, and the list around a member."""
        given = [(step.operation.entry, name, one) for step in self.steps for name, one in step.arguments.items()]
        drawn = {label for *_, choice in given for labels, _ in inside(choice.value) for label in labels}
        drawn |= {f"[{choice.text}]" for entry, name, choice in given if name in entry}
        index = r"\[(\d+|result.*)\]"
        path = ("#" if re.match(index, one) else "" if one in drawn else one for one in self.mismatch.path)
        return "".join(path).rstrip("#").rpartition("#")[2]

    @cached_property
    def special(self) -> list[Trait]:
        """The arguments of its writes and of the last step, with each class of their values that is not plain."""
        return [
            (step.operation.name, name, kind)
            for step in self.steps
            if step.operation.reads is None or step is self.steps[-1]
            for name, choice in step.arguments.items()
            if name in step.operation.optional or choice is not pool(step.operation, name).plain
            for kind in sorted(choice.classes or ["another value"])
        ]

    @property
    def is_odd(self) -> bool:
        """Whether no caller would do this: both stores refuse it, or it gives an argument a value of a foreign kind."""
        are_refused = all(outcomes[len(self.steps) - 1].raised for outcomes in self.outcomes)
        return are_refused or any(
            pool(call.operation, name).is_foreign(choice)
            for step in self.steps
            for call in (*step.calls, step)
            for name, choice in call.arguments.items()
        )

    @property
    def probe(self) -> str:
        """What is done besides plain calls."""
        return "".join(step.kind for step in self.steps)

    @property
    def place(self) -> str:
        """Where it shows: the field or, if none differs, the operation."""
        return self.field or self.steps[-1].operation.name

    @property
    def symptom(self) -> tuple[str, ...]:
        """What makes it the same difference in another sequence."""
        return self.mismatch.kind, self.place, self.mismatch.what

    def script(self, names: Sequence[str]) -> list[str]:
        """The steps as Python, with the imports that they need, and what the last gives on each side."""
        lines = [max(one.line, other.line, key=len) for _, one, other in zip(self.steps, *self.outcomes, strict=False)]
        for index, line in enumerate(lines[:-1]):
            if re.search(rf"\bresult{index}\b", "\n".join([*lines, *self.mismatch.texts])):
                lines[index] = re.sub(r"^(await )?store\.", rf"result{index} = \g<0>", line, flags=re.MULTILINE)
        if path := "".join(self.mismatch.path):
            lines[-1] = re.sub(r"^(await .*)\Z", r"(\1)", lines[-1], flags=re.MULTILINE) + path
        text = "\n".join(lines)
        calls = (call for step in self.steps for call in (*step.calls, step))
        given = [choice.value for call in calls for choice in call.arguments.values()]
        sides = zip(names, self.mismatch.texts, strict=True)
        came = [f"# {name}: {cut(' '.join(one.splitlines()), _SHOWN)}" for name, one in sides]
        return [*map(printable, (*imports_of(given, text), *text.splitlines(), *came))]


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
        self._plan = Plan(here.operations.values(), seed)
        self._findings: dict[Any, Finding] = {}  # by what all that come from one cause have in common
        self._explained = set[tuple[Trait, tuple[str, ...]]]()  # known causes, with their symptoms or probes

    async def run(self) -> None:
        """Play every sequence. More may be added to a finding until the end."""
        for steps in self._plan.sequences():
            for shown in await self._play(steps):
                if not self._explains(shown):
                    await self._take(shown)
                    break  # from here on the stores hold something else
                is_refused = shown.mismatch.kind == "exception" and "a result" in shown.mismatch.what
                if is_refused and (shown.special or shown.steps[-1].operation.reads is None):
                    break
        for name, row in self.report.operations.items():
            self.report.gaps |= {*row.gaps(self._operations[name])}
        for store in self._stores:
            self.report.notes |= {f"not tried: {kind} in {store.name}: {text}" for kind, text in store.missing.items()}

    def _explains(self, shown: Shown) -> bool:
        """Whether a difference comes from a known cause."""
        traits = (*((step.operation.name, "", "") for step in shown.steps), *shown.special)
        signs = shown.symptom, (shown.probe, shown.place), ("", shown.place)
        return not self._explained.isdisjoint(product(traits, signs))

    async def _play(self, steps: Steps) -> list[Shown]:
        """Play a sequence on both stores, as far as both can go, and return every difference in its order."""
        found: list[Shown] = []
        self.report.sequences += 1
        outcomes = [await store.play(steps) for store in self._stores]
        for end, (step, one, other) in enumerate(zip(steps, *outcomes, strict=False), start=1):
            if step.kind not in _ALONE and any(step.kind in store.missing for store in self._stores):
                break
            self.report.operations[step.operation.name].count(one, other)
            found += [Shown(steps[:end], outcomes, mismatch) for mismatch in mismatches(one, other)]
        return found

    async def _take(self, shown: Shown) -> None:
        """Reduce a difference, and tell its finding if it is a new one."""
        is_single = len({one[:2] for one in shown.special}) == 1
        is_known = is_single and any(one in self._findings for one in self._cause(shown)[0])
        if not is_known and shown.probe not in _ALONE:
            again = await self._shortest(shown)
            if again is None:
                self.report.gaps.add(f"{shown.steps[-1].operation.name} differed, and did not when called again")
                return
            shown = again
            last = shown.steps[-1]
            plainly = replace(last, arguments={one: last.arguments[one] for one in last.operation.arguments})
            without = await self._play((*shown.steps[:-1], plainly)) if plainly != last and not shown.probe else ()
            if any(one.place == shown.place and self._explains(one) for one in without):
                return  # its optional arguments do not make the difference
        keys, traits = self._cause(shown)
        taints = traits[0] in self._plan.others and shown.steps[-1].operation.reads is not None
        sign = (shown.probe, shown.place) if shown.probe or taints else shown.symptom
        self._explained |= {(one, sign) for one in traits}
        seen, script = shown.steps[-1].operation.name + shown.field, shown.script(self.report.stores)
        new = Finding(traits[0][0], shown.probe or shown.mismatch.kind, seen=seen, script=script, is_odd=shown.is_odd)
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
        """What differences of one cause have in common, at least one of these, and what this one comes from."""
        kind = shown.mismatch.kind
        if shown.special and shown.probe in _TIMED:
            content = [one for one in shown.special if one[1] not in self._operations[one[0]].entry]
            operation, argument, _ = (content[-1:] or shown.special)[0]
            owner = self._operations[operation]
            keys: list[Any] = [(kind, operation, owner.reads is None or argument), (kind, owner.strategies[argument])]
            traits = [one for one in shown.special if one[:2] == (operation, argument)]
            keys = [*(keys if content else [(kind, "")]), *((one, shown.place) for one in traits)]
        else:
            calls = [step.operation for step in takewhile(lambda step: not step.kind, shown.steps)]
            writes = [] if shown.probe else [one for one in calls if one.reads is None]
            traits = [((writes or calls or [shown.steps[-1].operation])[-1].name, "", "")]
            keys = [(kind, shown.field, one) for one in (shown.mismatch.what, traits[0])]
        return [(shown.probe,)] if shown.probe else keys, traits

    async def _shortest(self, shown: Shown) -> Shown | None:
        """The fewest steps and the plainest values that show the same; None if it does not show again."""
        left = _MOST_PLAYED
        best: Shown | None = None

        async def again(steps: Steps) -> Steps:
            nonlocal left, best
            left -= 1
            for one in await self._play(steps) if left > 0 else ():
                if one.symptom == shown.symptom and not self._explains(one):
                    best = one
                    return one.steps
            return ()

        if await again(shown.steps):
            await reduce(shown.steps, again, _plainer)
        return best


def _plainer(steps: Steps, place: int) -> Iterator[Steps]:
    """The same steps with less at one place; a value is replaced wherever it is given."""
    step, given = steps[place], steps[place].arguments
    places = range(_MOST_PLACES) if step.kind in ("argument", "result") and step.place is None else ()
    optional = [name for name in given if name in step.operation.optional]
    less = [replace(step, place=one) for one in places]
    less += [replace(step, arguments={name: given[name] for name in given if name != gone}) for gone in optional]
    yield from ((*steps[:place], one, *steps[place + 1 :]) for one in less)
    for argument, choice in given.items():
        for plain in pool(step.operation, argument).plainer(choice)[:_MOST_VALUES]:
            put = (
                {name: plain if one.text == choice.text else one for name, one in it.arguments.items()} for it in steps
            )
            yield tuple(replace(it, arguments=one) for it, one in zip(steps, put, strict=True))
