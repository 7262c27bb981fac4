"""The search: plays sequences on both stores, reduces what differs to the shortest script, and joins it by cause."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from conformance.compare.checks import check_methods, opening, operations_of
from conformance.compare.choices import Choice
from conformance.compare.operation import OperationsError
from conformance.compare.plan import Plan
from conformance.compare.play import Act, Call, Change, Outcome, Race, Step, Steps, Store, calls_in, differences
from conformance.compare.report import Finding, Report, Row
from conformance.compare.script import script_of
from conformance.compare.values import IncomparableError, Mismatch, inside
from conformance.harness import Capability, Harness

_MOST_PLAYED = 100
"""Sequences that are played to reduce one difference: a number and no time, so that every machine finds the same."""
_DECLARED = {
    "instance": Capability.SHARED,
    "reopening": Capability.PERSISTENT,
    "expiry": Capability.EXPIRING,
}
_WHATEVER = ("aliasing", "race", "instance", "reopening", "expiry", "foreign value", "server")
"""Kinds that are one cause, whatever shows them."""
Symptom: TypeAlias = tuple[str, str, str, str]
"""Where something shows: operation, kind, field, and what differs there."""


class NotOpenedError(Exception):
    """A store could not be opened."""


@dataclass(frozen=True)
class Shown:
    """A sequence whose last step shows a difference."""

    steps: Steps
    operation: str
    symptom: Symptom
    mismatch: Mismatch
    outcomes: tuple[list[Outcome], list[Outcome]]


@dataclass(frozen=True)
class Cause:
    """What a difference comes from: an operation, an argument, and the classes that the plain value has not."""

    kind: str
    operation: str
    argument: str
    classes: frozenset[str]
    key: tuple[Any, ...]
    """Differences with the same key are one finding."""


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
        self._stores = [Store(name, harness, operations_of(harness, name), hear) for name, harness in (one, other)]
        here, there = self._stores
        if set(here.operations) != set(there.operations):
            raise OperationsError(
                f"{here.name} names the operations {[*here.operations]}, {there.name} names {[*there.operations]}"
            )
        for store in self._stores:
            asyncio.run(_check(store))
        self._plan = Plan(here.operations, seed)
        self._findings: dict[tuple[Any, ...], Finding] = {}
        self._explained: dict[Symptom | None, list[frozenset[Any]]] = {}
        """For each symptom what a sequence has to have so that a known cause explains it; under None whatever shows."""
        self._hung = set[str]()
        self._tries = Counter[Any]()
        self.report = Report((here.name, there.name), seed, {name: Row() for name in here.operations})

    def run(self) -> Iterator[Finding]:
        """Give each finding when it is new. More may be added to it until the end of the search."""
        for part in (self._plan.sequences(), self._plan.random()):
            for steps in part:
                yield from self._look_at(steps)
        for row, (name, operation) in zip(self.report.operations.values(), self._plan.operations.items(), strict=True):
            self.report.gaps += (f"{name} {gap}" for gap in row.gaps(operation))

    def _look_at(self, steps: Steps) -> Iterator[Finding]:
        """Play a sequence, and find the cause of each difference that no known cause explains."""
        for shown in self._play(steps, self.report.operations):
            if self._explanation(shown) is None:
                finding = self._take(shown)
                if finding:
                    yield finding
            explanation = self._explanation(shown)
            is_refused = shown.symptom[1] == "exception" and shown.mismatch.is_loss
            is_write = shown.operation in self._plan.operations and self._plan.operations[shown.operation].reads is None
            if explanation is None or (is_refused and (is_write or explanation)) or shown.symptom[1] == "hanging":
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
            name = getattr(step, "operation", "")
            if isinstance(step, Call) and rows is not None:
                rows[name].count(one, other)
            if {IncomparableError, Change} & {one.tree.kind, other.tree.kind}:
                continue
            end = len(steps) if isinstance(step, Race) else index + 1  # what follows a race is part of it
            for mismatch in differences(one, other):
                if mismatch.kind == "hanging":
                    self._hung.add(name)
                where = self._field(mismatch.path, steps)
                symptom = ("" if where else name, mismatch.kind, where, mismatch.what)
                yield Shown(steps[:end], name, symptom, mismatch, (outcomes[0][:end], outcomes[1][:end]))
            if end > index + 1:
                return

    def _is_done(self, act: Act) -> bool:
        """Whether the harnesses have the hooks for an act. A foreign value or a failing server needs one that has."""
        missing = [
            f"{act.kind} in {one.name}: {one.missing[act.kind]}" for one in self._stores if act.kind in one.missing
        ]
        self.report.not_tried = [*dict.fromkeys([*self.report.not_tried, *missing])]
        return not missing or (act.kind != "expiry" and len(missing) == 1)

    def _field(self, path: tuple[str, ...], steps: Steps) -> str:
        """The names of fields in a path, without indexes, keys that the caller gave, and the list around a member."""
        choices = [choice for call in calls_in(steps) for choice in call.arguments.values()]
        drawn = {label for choice in choices for label, _ in inside(choice.value)} | {
            f"[{one.text}]" for one in choices
        }
        found = ""
        for label in path:
            is_index = re.fullmatch(r"\[(\d+|<.*)\]", label)
            is_name = not is_index and label not in drawn
            found = f"{found}{label}" if is_name else found if not is_index else f"{found}#"
        return found.rstrip("#").rpartition("#")[2]

    def _explanation(self, shown: Shown) -> frozenset[Any] | None:
        """What a sequence has that a known cause needs to show this; None if no known cause explains it."""
        found = self._features(shown.steps)
        triggers = [*self._explained.get(shown.symptom, ()), *self._explained.get(None, ())]
        return next((trigger for trigger in triggers if trigger <= found), None)

    def _features(self, steps: Steps) -> frozenset[Any]:
        """What is not plain in a sequence."""
        found: set[Any] = set()
        for step in steps:
            if isinstance(step, Change):
                found.add(("change", bool(step.argument)))
            elif isinstance(step, (Act, Race)):
                found.add((getattr(step, "kind", "race"), self._has_lifetime(steps)))
            else:
                found |= {("instance",)} if step.on else set()
                for argument, choice in step.arguments.items():
                    for one in self._novel(step.operation, argument, choice):
                        found.add((step.operation, argument, one))
        return frozenset(found)

    def _novel(self, operation: str, argument: str, choice: Choice) -> frozenset[str]:
        """The classes that make an argument other than plain; `another value` where no class does."""
        is_optional = argument in self._plan.operations[operation].optional
        return choice.classes or frozenset({"another value"} if is_optional or not choice.is_plain else ())

    def _has_lifetime(self, steps: Steps) -> bool:
        calls = (step for step in steps if isinstance(step, Call))
        return any(self._plan.operations[call.operation].lifetime in call.arguments for call in calls)

    def _take(self, shown: Shown) -> Finding | None:
        """Reduce a difference, and return its finding if it is a new one."""
        cause = self._cause(shown)
        known = self._findings.get(cause.key)
        is_sure = known is not None and len(cause.classes) == 1 and len(self._given(shown.steps)) == 1
        if not is_sure:
            self._tries[shown.symptom] += 1
            if self._tries[shown.symptom] > 20:  # noqa: PLR2004
                return None
            if cause.kind not in ("hanging", "race"):  # each takes long, or comes by chance
                again = self._again(shown.steps, shown.symptom)
                if again is None:
                    self.report.gaps.append(
                        f"{shown.operation or 'a race'} differed, and did not when the same calls were made again"
                    )
                    return None
                shown = self._shrunk(again)
            cause = self._cause(shown)
            known = self._findings.get(cause.key)
        is_whatever = cause.kind in _WHATEVER
        self._explained.setdefault(None if is_whatever else shown.symptom, []).append(self._features(shown.steps))
        if self._is_declared(shown, cause):
            return None
        if known is None:
            finding = self._findings[cause.key] = self._finding(shown, cause)
            self.report.findings.append(finding)
        else:
            finding = known
        operation, _, where, what = shown.symptom
        place = f"{cause.operation}({cause.argument})" if cause.argument else cause.operation
        came = f"{operation}{where}" if is_whatever else f"{operation}{where}: {what}"
        finding.shows.setdefault(f"{place} > {came}", set()).update(cause.classes)
        return None if known else finding

    def _again(self, steps: Steps, symptom: Symptom) -> Shown | None:
        return next((one for one in self._play(steps) if one.symptom == symptom), None)

    def _given(self, steps: Steps) -> list[tuple[int, str]]:
        """The arguments that are not plain, of which step; entries apart."""
        return [
            (index, argument)
            for index, step in enumerate(steps)
            if isinstance(step, Call)
            for argument, choice in step.arguments.items()
            if self._novel(step.operation, argument, choice)
            and argument not in self._plan.operations[step.operation].entry
        ]

    def _cause(self, shown: Shown) -> Cause:
        steps, (operation, kind, where, what) = shown.steps, shown.symptom
        for step in steps:
            if isinstance(step, Change):
                return Cause("aliasing", step.operation, step.argument, frozenset(), ("aliasing", bool(step.argument)))
            if isinstance(step, Race):
                return Cause("race", step.calls[0].operation, "", frozenset(), ("race",))
        act = next((step.kind for step in steps if isinstance(step, Act)), "")
        act = act or ("instance" if any(isinstance(step, Call) and step.on for step in steps) else "")
        calls = [step for step in steps if isinstance(step, Call)]
        given = self._given(steps)
        if given:
            index, argument = given[-1]
            call: Any = steps[index]
        else:
            named = [
                (one, argument)
                for one in calls
                for argument, choice in one.arguments.items()
                if choice.classes or (len(calls) == 1 and argument in self._plan.operations[one.operation].entry)
            ]
            call, argument = (
                named[-1] if named else (calls[-2] if kind in ("value", "order") and len(calls) > 1 else calls[-1], "")
            )
        classes = self._novel(call.operation, argument, call.arguments[argument]) if argument else frozenset[str]()
        if argument and not classes:
            classes = frozenset({"no such entry"})
        if act:
            return Cause(act, call.operation, argument, classes, (act, self._has_lifetime(steps)))
        is_refused = call is calls[-1]
        key: tuple[Any, ...] = (kind, is_refused if kind == "exception" else None)
        if kind == "hanging":
            key = (kind, operation)
        elif not argument:
            key = (kind, where, what, "" if where or kind == "exception" else operation)
        elif not given:
            key += ("entry", "no such entry" in classes)
        else:
            pool = self._plan.pool(call.operation, argument)
            names = {
                call.operation,
                *(
                    one
                    for one in self._plan.operations
                    for name in self._plan.operations[one].strategies
                    if self._plan.pool(one, name) is pool
                ),
            }
            joined = next((one for one in self._findings if one[:2] == key and one[2] in names), None)
            key = joined or (*key, call.operation)
        return Cause(kind, call.operation, argument, classes, key)

    def _is_declared(self, shown: Shown, cause: Cause) -> bool:
        """Whether the harnesses declare a difference: only one of them has the capability that it comes from."""
        capability = _DECLARED.get(cause.kind)
        declaring = [store.name for store in self._stores if capability in store.harness.capabilities]
        if capability is None or len(declaring) != 1 or self._has_lifetime(shown.steps):
            return False
        told = f"{cause.kind}: only {declaring[0]} declares Capability.{capability.name}"
        self.report.declared = [*dict.fromkeys([*self.report.declared, told])]
        return True

    def _finding(self, shown: Shown, cause: Cause) -> Finding:
        names = self.report.stores
        script = script_of(shown.steps, shown.outcomes, names, "".join(shown.mismatch.path), shown.mismatch.texts)
        operation, _, where, what = shown.symptom
        return Finding(cause.operation, cause.kind, shown.mismatch.is_loss, f"{operation}{where}", what, script)

    def _shrunk(self, shown: Shown) -> Shown:
        """The fewest steps and the plainest values that show the same."""
        left = _MOST_PLAYED

        def shows(steps: Steps) -> bool:
            nonlocal shown, left
            left -= 1
            found = self._again(steps, shown.symptom) if left > 0 else None
            shown = found or shown
            return found is not None

        size = max(len(shown.steps) // 2, 1)
        while size:
            place = 0
            while place < len(shown.steps) - 1 and left > 0:  # the last one shows it
                kept = shown.steps[:place] + shown.steps[min(place + size, len(shown.steps) - 1) :]
                if not shows(kept):
                    place += size
            size //= 2
        place = 0
        while place < len(shown.steps) and left > 0:
            if not any(shows(plainer) for plainer in self._plainer(shown.steps, place)):
                place += 1
        return shown

    def _plainer(self, steps: Steps, place: int) -> Iterator[Steps]:
        """The same steps with less at one place."""
        step = steps[place]
        before, after = steps[:place], steps[place + 1 :]
        if isinstance(step, Change) and step.place is None and not step.is_look:
            yield from ((*before, replace(step, place=one), *after) for one in range(12))
        if not isinstance(step, Call):
            return
        operation = self._plan.operations[step.operation]
        for argument, choice in step.arguments.items():
            others = {name: one for name, one in step.arguments.items() if name != argument}
            if argument in operation.optional:
                yield (*before, replace(step, arguments=others), *after)
            for less in [*self._plan.pool(step.operation, argument).plainer(choice)][:12]:
                if argument in operation.entry:
                    yield tuple(self._renamed(one, choice.text, less) for one in steps)
                yield (*before, replace(step, arguments={**step.arguments, argument: less}), *after)

    def _renamed(self, step: Step, text: str, less: Choice) -> Step:
        """The step with another entry in the place of the one with this text."""
        if not isinstance(step, Call):
            return step
        entry = self._plan.operations[step.operation].entry
        given = {name: less if name in entry and one.text == text else one for name, one in step.arguments.items()}
        return replace(step, arguments=given)


async def _check(store: Store) -> None:
    try:
        async with opening(store.harness, store.name, "compare-check") as opened:
            check_methods(opened, store.operations, store.name)
    except OperationsError:
        raise
    except Exception as fault:
        raise NotOpenedError(f"{store.name} could not be set up: {type(fault).__name__}: {fault}") from fault
    finally:
        store.harness.discard("compare-check")
