"""The search: plays sequences on both stores, reduces what differs to the shortest script, and joins it by cause."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from conformance.compare.operation import OperationsError
from conformance.compare.plan import Plan
from conformance.compare.play import Outcome, Steps, Store
from conformance.compare.report import Finding, Report, Row, script_of
from conformance.compare.values import Mismatch, inside, mismatches
from conformance.core.shrink import reduce
from conformance.harness import Capability, Harness

_MOST_PLAYED, _MOST_VALUES, _MOST_PLACES = 100, 12, 20
"""For one difference; in the place of one argument; of a change that the caller makes."""
Trait: TypeAlias = tuple[str, str, str]
"""An operation, one of its arguments, and a class of its value that is not plain."""


@dataclass(frozen=True)
class Shown:
    """A sequence whose last step shows a difference."""

    steps: Steps
    outcomes: list[list[Outcome]]
    mismatch: Mismatch
    where: str
    """The field that differs."""
    traits: tuple[Trait, ...]

    @property
    def operation(self) -> str:
        """The operation that shows it."""
        return self.steps[-1].operation

    @property
    def probe(self) -> str:
        """What is done besides plain calls."""
        return next((step.kind for step in self.steps if step.kind), "")

    @property
    def symptom(self) -> tuple[str, ...]:
        """What makes it the same difference in another sequence."""
        return "" if self.where else self.operation, self.mismatch.kind, self.where, self.mismatch.what


class Search:
    """A comparison of two stores with the operations that their harnesses name.

    Raises:
        OperationsError: if the operations cannot be used, or are not the same.
        HarnessFailedError: if a hook of a harness raises.
    """

    def __init__(self, *stores: tuple[str, Harness], seed: int = 0, hear: Callable[[str], object] = len) -> None:
        self._stores = [Store(name, harness, hear) for name, harness in stores]
        here, there = self._stores
        if here.operations.keys() != there.operations.keys():
            raise OperationsError(f"{here.name} names {[*here.operations]}, {there.name} names {[*there.operations]}")
        self._operations = here.operations
        self.report = Report((here.name, there.name), seed, {name: Row() for name in here.operations})
        probes = []
        for one in (Capability.EXPIRING, Capability.SHARED, Capability.PERSISTENT):
            declaring = [store.name for store in self._stores if one in store.harness.capabilities]
            if len(declaring) == 1:
                self.report.notes.add(f"as declared: only {declaring[0]} declares Capability.{one.name}")
            else:
                probes.append(one.value)
        self._plan = Plan(here.operations, seed, probes)
        self._findings: dict[tuple[str, ...], Finding] = {}
        self._explained: dict[tuple[str, ...], list[frozenset[Trait]]] = defaultdict(list)
        """For each symptom, and for what is done besides calls, the traits with which a known cause shows it."""

    async def run(self) -> AsyncIterator[Finding]:
        """Give each finding when it is new. More may be added to it until the end of the search."""
        for steps in self._plan.sequences():
            for shown in await self._play(steps):
                if not self._is_explained(shown):
                    if finding := await self._take(shown):
                        yield finding
                    break  # from here on the stores hold something else
                is_refused = shown.mismatch.kind == "exception" and "a result" in shown.mismatch.what
                if is_refused and (shown.traits or self._writes(shown.operation)):
                    break
        for name, row in self.report.operations.items():
            self.report.gaps |= {*row.gaps(self._operations[name])}
        for store in self._stores:
            self.report.notes |= {f"not tried: {kind} in {store.name}: {text}" for kind, text in store.missing.items()}

    def _writes(self, name: str) -> bool:
        return self._operations[name].reads is None

    async def _play(self, steps: Steps) -> list[Shown]:
        """Play a sequence on both stores, and return every difference in its order."""
        found: list[Shown] = []
        self.report.sequences += 1
        outcomes = [await store.play(steps) for store in self._stores]
        for end, (step, one, other) in enumerate(zip(steps, *outcomes, strict=True), start=1):
            if step.seconds and any(step.kind in store.missing for store in self._stores):
                break
            self.report.operations[step.operation].count(one.tree, other.tree)
            for mismatch in mismatches(one.tree, other.tree):
                where, traits = _field(mismatch.path, steps), tuple(self._traits(steps[:end]))
                found.append(Shown(steps[:end], [seen[:end] for seen in outcomes], mismatch, where, traits))
        return found

    def _traits(self, steps: Steps) -> Iterator[Trait]:
        for step in steps:
            optional = self._operations[step.operation].optional
            for argument, choice in step.arguments.items():
                is_plain = argument not in optional and choice is self._plan.pool(step.operation, argument).plain
                for one in sorted(choice.classes or (() if is_plain else ("another value",))):
                    yield step.operation, argument, one

    def _is_explained(self, shown: Shown) -> bool:
        known = self._explained[shown.symptom] + self._explained[shown.probe,]
        return any(trigger <= {*shown.traits} for trigger in known)

    async def _take(self, shown: Shown) -> Finding | None:
        """Reduce a difference, and return its finding if it is a new one."""
        is_known = self._cause(shown)[0] in self._findings and len({one[:2] for one in shown.traits}) == 1
        if not is_known and shown.probe != "race":
            again = await self._shortest(shown)
            if again is None:
                self.report.gaps.add(f"{shown.operation} differed, and did not when called again")
                return None
            shown = again
        key, operation, argument = self._cause(shown)
        self._explained[(shown.probe,) if shown.probe else shown.symptom].append(frozenset(shown.traits))
        is_known = key in self._findings
        kind = shown.probe or shown.mismatch.kind
        finding = self._findings.setdefault(key, Finding(operation, kind, shown.operation + shown.where))
        came = f"{shown.where or shown.operation}{'' if shown.probe else f': {shown.mismatch.what}'}"
        for one in {one[2] for one in shown.traits if one[:2] == (operation, argument)} or {""}:
            given = f"({argument}{': ' if one else ''}{one})" if argument else ""
            finding.shows.add(f"{operation}{given} > {came}")
        if is_known:
            return None
        finding.script = script_of(shown.steps, shown.outcomes, self.report.stores, shown.mismatch)
        self.report.findings.append(finding)
        return finding

    def _cause(self, shown: Shown) -> tuple[tuple[str, ...], str, str]:
        """What a difference comes from: what all that come from it have in common, the operation and its argument."""
        kind, calls = shown.mismatch.kind, [step.operation for step in shown.steps]
        if shown.traits and shown.probe in ("", "expiring", "lifetime"):
            content = [one for one in shown.traits if one[1] not in self._operations[one[0]].entry]
            operation, argument, _ = (content[-1:] or shown.traits)[0]
            common = kind, self._plan.owner(operation, argument) if content else "", ""
        else:
            probed = [place for place, step in enumerate(shown.steps) if step.kind]
            writes = [name for name in calls if self._writes(name)]
            operation = calls[max(probed[0] - 1, 0)] if probed else (writes or calls)[-1]
            argument, common = "", (kind, shown.where, shown.mismatch.what)
        return (shown.probe,) if shown.probe else common, operation, argument

    async def _shortest(self, shown: Shown) -> Shown | None:
        """The fewest steps and the plainest values that show the same; None if it does not show again."""
        left = _MOST_PLAYED
        best: Shown | None = None

        async def again(steps: Steps) -> Steps:
            nonlocal left, best
            left -= 1
            for one in await self._play(steps) if left > 0 else ():
                if one.symptom == shown.symptom:
                    best = one
                    return one.steps
            return ()

        if await again(shown.steps):
            await reduce(shown.steps, again, self._plainer)
        return best

    def _plainer(self, steps: Steps, place: int) -> Iterator[Steps]:
        """The same steps with less at one place; a value is replaced wherever it is given."""
        step = steps[place]
        for one in range(_MOST_PLACES) if step.kind in ("argument", "result") and step.place is None else ():
            yield (*steps[:place], replace(step, place=one), *steps[place + 1 :])
        for argument, choice in step.arguments.items():
            if argument in self._operations[step.operation].optional:
                others = {name: one for name, one in step.arguments.items() if name != argument}
                yield (*steps[:place], replace(step, arguments=others), *steps[place + 1 :])
            for less in self._plan.pool(step.operation, argument).plainer(choice)[:_MOST_VALUES]:
                given = ({name: less if one is choice else one for name, one in it.arguments.items()} for it in steps)
                yield tuple(replace(it, arguments=one) for it, one in zip(steps, given, strict=True))


def _field(path: Sequence[str], steps: Steps) -> str:
    """The names of fields in a path, without indexes, keys that the caller gave, and the list around a member."""
    choices = [choice for step in steps for choice in step.arguments.values()]
    drawn = {label for choice in choices for label, _ in inside(choice.value)} | {f"[{one.text}]" for one in choices}
    marked = ["#" if re.fullmatch(r"\[(\d+|result.*)\]", label) else "" if label in drawn else label for label in path]
    return "".join(marked).rstrip("#").rpartition("#")[2]
