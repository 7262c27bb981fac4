"""The search: plays sequences on both stores, reduces what differs to the shortest script, and joins it by cause."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from conformance.compare.checks import operations_of
from conformance.compare.choices import Choice
from conformance.compare.operation import OperationsError
from conformance.compare.plan import Plan
from conformance.compare.play import Act, Call, Change, Outcome, Race, Step, Steps, Store, calls_in, differences
from conformance.compare.report import Finding, Report, Row
from conformance.compare.script import script_of
from conformance.compare.values import IncomparableError, Mismatch, inside
from conformance.harness import Capability, Harness

_MOST_PLAYED, _MOST_VALUES = 100, 12
"""For one difference; in the place of one argument."""
Feature: TypeAlias = tuple[str, str, str]
"""What is not plain in a sequence: an operation, its argument and a class; without operation, what else is done."""


class NotOpenedError(Exception):
    """A store could not be opened."""


@dataclass(frozen=True)
class Shown:
    """A sequence whose last step shows a difference."""

    steps: Steps
    operation: str
    where: str
    """The field that differs."""
    mismatch: Mismatch
    outcomes: list[list[Outcome]]
    features: list[Feature]

    @property
    def symptom(self) -> tuple[str, ...]:
        """What makes it the same difference in another sequence."""
        return "" if self.where else self.operation, self.mismatch.kind, self.where, self.mismatch.what


@dataclass(frozen=True)
class Cause:
    """What a difference comes from. Differences whose causes have the same key are one finding."""

    kind: str
    operation: str
    argument: str
    key: tuple[object, ...]


class Search:
    """A comparison of two stores with the operations that their harnesses name.

    Raises:
        OperationsError: if the operations cannot be used, or are not the same.
        NotOpenedError: if a store cannot be opened.
        HarnessFailedError: if a hook of a harness raises.
    """

    def __init__(
        self,
        one: tuple[str, Harness],
        other: tuple[str, Harness],
        seed: int = 0,
        hear: Callable[[str], object] = len,
    ) -> None:
        here, there = (Store(name, harness, operations_of(harness, name), hear) for name, harness in (one, other))
        if set(here.operations) != set(there.operations):
            raise OperationsError(f"{here.name} names {[*here.operations]}, {there.name} names {[*there.operations]}")
        self._stores = here, there
        for store in self._stores:
            asyncio.run(_check(store))
        self._operations = here.operations
        self._plan = Plan(here.operations, seed)
        self._findings: dict[tuple[object, ...], Finding] = {}
        self._explained: dict[tuple[str, ...], list[frozenset[Feature]]] = {}
        """For each symptom the features with which a known cause shows it; under `()` those that explain anything."""
        self._hung = set[str]()
        self.report = Report((here.name, there.name), seed, {name: Row() for name in here.operations})

    def run(self) -> Iterator[Finding]:
        """Give each finding when it is new. More may be added to it until the end of the search."""
        for steps in self._plan.sequences():
            yield from self._look_at(steps)
        for name, row in self.report.operations.items():
            self.report.gaps |= {*row.gaps(self._operations[name])}

    def _look_at(self, steps: Steps) -> Iterator[Finding]:
        """Play a sequence, and find the cause of each difference that no known cause explains."""
        for shown in self._play(steps, self.report.operations):
            if self._explanation(shown) is None and (finding := self._take(shown)):
                yield finding
            explanation = self._explanation(shown)
            is_refused = shown.mismatch.kind == "exception" and "a result" in shown.mismatch.what
            is_write = shown.operation in self._operations and self._operations[shown.operation].reads is None
            if explanation is None or (is_refused and (is_write or explanation)) or shown.mismatch.kind == "hanging":
                return  # from here on the stores hold something else

    def _play(self, steps: Steps, rows: Mapping[str, Row] | None = None) -> Iterator[Shown]:
        """Play a sequence on both stores, and give every difference in its order."""
        if any(call.operation in self._hung for call in calls_in(steps)):
            return
        self.report.sequences += 1
        outcomes = [store.play(steps) for store in self._stores]
        for index, (step, one, other) in enumerate(zip(steps, *outcomes, strict=False)):
            if isinstance(step, Act) and not self._is_done(step):
                return
            if isinstance(step, Call) and rows is not None:
                rows[step.operation].count(one, other)
            strange = [tree.value for tree in (one.tree, other.tree) if tree.kind is IncomparableError]
            if strange:
                self.report.gaps |= {f"not exercised: {text}" for text in strange}
                continue
            end = len(steps) if isinstance(step, Race) else index + 1  # what follows a race is part of it
            for mismatch in differences(one, other):
                name = getattr(step, "operation", "")
                self._hung |= {name} if mismatch.kind == "hanging" else set()
                where, features = _field(mismatch.path, steps), self._features(steps[:end])
                yield Shown(steps[:end], name, where, mismatch, [seen[:end] for seen in outcomes], features)
            if isinstance(step, Race):
                return

    def _is_done(self, act: Act) -> bool:
        """Whether the harnesses have the hooks for an act. A foreign value or a failing server needs one that has."""
        missing = [store for store in self._stores if act.kind in store.missing]
        self.report.notes |= {f"not tried: {act.kind} in {one.name}: {one.missing[act.kind]}" for one in missing}
        return not missing or (act.kind != "expiry" and len(missing) == 1)

    def _features(self, steps: Steps) -> list[Feature]:
        calls = calls_in(steps)
        has_lifetime = any(self._operations[call.operation].lifetime in call.arguments for call in calls)
        found: list[Feature] = []
        for step in steps:
            if isinstance(step, Change):
                found.append(("", step.kind, "argument" if step.argument else "result"))
            elif isinstance(step, (Act, Race)):
                found.append(("", step.kind, "lifetime" if has_lifetime else ""))
        for call in calls:
            for argument, choice in call.arguments.items():
                is_given = argument in self._operations[call.operation].optional or not choice.is_plain
                classes = choice.classes or ({"another value"} if is_given else set())
                found += ((call.operation, argument, one) for one in sorted(classes))
        return found

    def _explanation(self, shown: Shown) -> frozenset[Feature] | None:
        """What a sequence has with which a known cause shows this; None if no known cause explains it."""
        triggers = [*self._explained.get(shown.symptom, ()), *self._explained.get((), ())]
        return next((trigger for trigger in triggers if trigger <= {*shown.features}), None)

    def _take(self, shown: Shown) -> Finding | None:
        """Reduce a difference, and return its finding if it is a new one."""
        cause = self._cause(shown)
        is_sure = cause.key in self._findings and len({one[:2] for one in shown.features}) == 1
        if not is_sure and not {"hanging", "race"} & {shown.mismatch.kind, cause.kind}:
            again = self._again(shown.steps, shown.symptom)
            if again is None:
                self.report.gaps.add(f"{shown.operation} differed, and did not when called again")
                return None
            shown = self._shrunk(again)
            cause = self._cause(shown)
        is_marked = cause.kind != shown.mismatch.kind
        needed = shown.features[:1] if is_marked and cause.kind != "expiry" else shown.features
        self._explained.setdefault(() if is_marked else shown.symptom, []).append(frozenset(needed))
        declaring = [one.name for one in self._stores if Capability.EXPIRING in one.harness.capabilities]
        if ("", "expiry", "") in shown.features and len(declaring) == 1:
            self.report.notes.add(f"as declared: only {declaring[0]} declares Capability.EXPIRING")
            return None
        known = self._findings.get(cause.key)
        finding = known or Finding(cause.operation, cause.kind, shown.operation + shown.where)
        if known is None:
            finding.script = script_of(shown.steps, shown.outcomes, self.report.stores, shown.mismatch)
            self._findings[cause.key] = finding
            self.report.findings.append(finding)
        came = f"{shown.where or shown.operation or cause.kind}{'' if is_marked else f': {shown.mismatch.what}'}"
        for one in {one[2] for one in shown.features if one[:2] == (cause.operation, cause.argument)} or {""}:
            given = f"({cause.argument}{': ' if one else ''}{one})" if cause.argument else ""
            finding.shows.add(f"{cause.operation}{given} > {came}")
        return None if known else finding

    def _cause(self, shown: Shown) -> Cause:
        kind, calls = shown.mismatch.kind, calls_in(shown.steps)
        named = [one for one in shown.features if one[0]]
        content = [one for one in named if one[1] not in self._operations[one[0]].entry]
        writes = [call.operation for call in calls if self._operations[call.operation].reads is None]
        operation, argument, _ = [*content[-1:], *named[:1], ((writes or [calls[-1].operation])[-1], "", "")][0]
        for mark in shown.features[:1]:
            for change in shown.steps:
                if isinstance(change, Change):
                    return Cause(change.kind, change.operation, change.argument, mark)
            if mark[:2] == ("", "expiry"):
                return Cause(mark[1], operation, argument, mark)
            if not mark[0]:
                return Cause(mark[1], shown.operation or calls[0].operation, "", mark)
        if not argument:
            is_raised = kind in ("exception", "message", "hanging")
            place = shown.where or ("" if is_raised else operation)
            return Cause(kind, shown.operation if is_raised else operation, "", (kind, place, shown.mismatch.what))
        strategy = self._operations[operation].strategies[argument]  # what shares it is the same argument
        names = [name for name, one in self._operations.items() if strategy in one.strategies.values()]
        keys = [(kind, name if content else "entry") for name in (operation, *names)]
        return Cause(kind, operation, argument, next((key for key in keys if key in self._findings), keys[0]))

    def _again(self, steps: Steps, symptom: tuple[str, ...]) -> Shown | None:
        return next((one for one in self._play(steps) if one.symptom == symptom), None)

    def _shrunk(self, shown: Shown) -> Shown:
        """The fewest steps and the plainest values that show the same."""
        left = _MOST_PLAYED

        def shows(steps: Steps) -> bool:
            nonlocal shown, left
            left -= 1
            found = self._again(steps, shown.symptom) if left > 0 else None
            shown = found or shown
            return found is not None

        size = len(shown.steps)
        while size := size // 2:
            place = 0
            while place < (last := len(shown.steps) - 1):  # the last one shows it
                if not shows(shown.steps[:place] + shown.steps[min(place + size, last) :]):
                    place += size
        place = 0
        while place < len(shown.steps):
            if not any(shows(plainer) for plainer in self._plainer(shown.steps, place)):
                place += 1
        return shown

    def _plainer(self, steps: Steps, place: int) -> Iterator[Steps]:
        """The same steps with less at one place."""
        call = steps[place]
        if not isinstance(call, Call):
            return
        for argument, choice in call.arguments.items():
            if argument in self._operations[call.operation].optional:
                others = {name: one for name, one in call.arguments.items() if name != argument}
                yield (*steps[:place], replace(call, arguments=others), *steps[place + 1 :])
            for less in self._plan.pool(call.operation, argument).plainer(choice)[:_MOST_VALUES]:
                yield tuple(_replaced(step, choice, less) for step in steps)


def _replaced(step: Step, choice: Choice, less: Choice) -> Step:
    """The step with another value in the place of one, wherever it is given."""
    if not isinstance(step, Call):
        return step
    given = {name: less if one is choice else one for name, one in step.arguments.items()}
    return replace(step, arguments=given)


def _field(path: tuple[str, ...], steps: Steps) -> str:
    """The names of fields in a path, without indexes, keys that the caller gave, and the list around a member."""
    choices = [choice for call in calls_in(steps) for choice in call.arguments.values()]
    drawn = {label for choice in choices for label, _ in inside(choice.value)} | {f"[{one.text}]" for one in choices}
    marked = ["#" if re.fullmatch(r"\[(\d+|<.*)\]", label) else "" if label in drawn else label for label in path]
    return "".join(marked).rstrip("#").rpartition("#")[2]


async def _check(store: Store) -> None:
    try:
        async with store.harness.open("compare-check"):
            pass
    except Exception as fault:
        raise NotOpenedError(f"{store.name} could not be set up: {type(fault).__name__}: {fault}") from fault
    finally:
        store.harness.discard("compare-check")
