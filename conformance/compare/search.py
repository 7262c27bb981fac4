"""The search: plays sequences on both stores, and makes each difference as short as it gets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from math import inf
from typing import Any, TypeAlias

from conformance.compare.alone import raced
from conformance.compare.difference import Difference
from conformance.compare.plan import Sequences
from conformance.compare.play import ALONE, IDLE, Steps, Store, kind_of
from conformance.compare.report import Known, Line, Report, Row, accepted
from conformance.compare.scripts import from_data
from conformance.compare.shorter import explains, merged, plainer
from conformance.engine.deaths import Deaths, Wreck
from conformance.engine.loom import ChoosingLoop
from conformance.engine.network import NetworkArena
from conformance.engine.orders import Race
from conformance.engine.scenario import Action, Call
from conformance.engine.shrink import Shrinker
from conformance.harness import Capability, Harness
from conformance.operations.operation import EarlierId, OperationsError
from conformance.operations.trees import mismatches

_MOST_PLAYED = 100
"""Sequences that are played to make a difference shorter."""
Script: TypeAlias = Sequence[dict[str, Any]]
"""A sequence as plain data."""


class Search:
    """A comparison of two stores with the operations that their harnesses name.

    `tell` is told each line when it is found, and each call before it is made. `first` are sequences that an earlier
    comparison found.
    """

    def __init__(
        self,
        *stores: tuple[str, Harness],
        seed: int = 0,
        tell: Callable[[Any], object] = id,
        known: Iterable[Known] = (),
        first: Iterable[Script] = (),
    ) -> None:
        self._tell = tell
        self._known = [*known]
        self._first = first
        self._stores = [Store(name, harness, tell) for name, harness in stores]
        here, there = self._stores
        if here.operations.keys() != there.operations.keys():
            raise OperationsError(f"{here.name} names {[*here.operations]}, {there.name} names {[*there.operations]}")
        self._operations = here.operations
        self.report = Report((here.name, there.name), seed, {name: Row() for name in here.operations})
        self._sequences = Sequences(here.operations.values(), seed)
        self._shortest: dict[tuple[str, ...], list[Steps]] = {}
        """The shortest sequences that show a symptom."""
        self._texts: set[tuple[str, str]] = set()
        self._played: dict[Any, set[tuple[str, ...]]] = {}
        """The symptoms of each sequence that was played."""

    async def run(self) -> None:
        """Play every sequence."""
        self._respect_declarations()
        await self._look_for_neighbours()
        for steps in chain(self._earlier(), self._sequences.planned()):
            await self._examine(steps)
        self._check_fields()
        for steps in self._sequences.random():
            await self._examine(steps)

    def finish(self) -> None:
        """Note what was not exercised, and what no longer shows."""
        for name, row in self.report.operations.items():
            if gap := row.gap(self._operations[name]):
                self.report.gaps.add(f"not exercised: {name} {gap}")
        for store in self._stores:
            self.report.notes |= {f"not tried: {kind} in {store.name}: {why}" for kind, why in store.missing.items()}
        self.report.miss(self._known)

    # What is tried

    def _respect_declarations(self) -> None:
        """Try nothing that only one store declares, and no second process unless both are shared."""
        for kind in (Capability.EXPIRING, Capability.SHARED, Capability.PERSISTENT):
            declaring = [store for store in self._stores if kind in store.harness.capabilities]
            if len(declaring) == 1:
                declaring[0].missing[kind] = f"only it declares Capability.{kind.name}"
            if kind is Capability.SHARED and len(declaring) < len(self._stores):
                self._stores[0].missing["process"] = "not both declare Capability.SHARED"

    async def _look_for_neighbours(self) -> None:
        """Try another namespace only where it is another place: one that ignores its name sees all entries anyway."""
        steps = self._sequences.separation()
        for store in self._stores if steps else ():
            history = await store.play(steps)
            before, _, after = [done.made[0].observed for done in history[1:]]
            if before.outcome != after.outcome or (not before.raised and any(mismatches(before, after))):
                store.missing["neighbour"] = "two namespaces of it are one place"

    def _earlier(self) -> Iterator[Steps]:
        for script in self._first:
            try:
                yield from_data(script, self._operations)
            except (LookupError, TypeError) as gone:
                self.report.notes.add(f"a script is not played: there is no {gone} any more")

    def _check_fields(self) -> None:
        """Refuse names of fields that no result has, in operations of the harness's own."""
        if not any(hasattr(store.harness, "operations") for store in self._stores):
            return
        seen = {name for store in self._stores for name in store.fields}
        for operation in self._operations.values():
            named = {*operation.ids, *operation.times, *operation.ignored, *operation.tolerances}
            unknown = sorted(named - seen)
            if unknown and self.report.operations[operation.name].filled:
                names = " and ".join(store.name for store in self._stores)
                raise OperationsError(
                    f"{names}: {operation.name}: no result has a field {', '.join(map(repr, unknown))}"
                )

    # What is found

    async def _examine(self, steps: Steps) -> None:
        """Play a sequence, and file every difference that no line explains."""
        for found in await self._play(steps):
            if not self._is_explained(found):
                await self._file(found)
            if found.is_refusal and not found.probe and found.last.reads is None:
                break

    async def _play(self, steps: Steps) -> list[Difference]:
        """Play a sequence on both stores, as far as both can go, and return every difference in its order."""
        if any(kind_of(step) in store.missing for step in steps for store in self._stores if _is_common(step)):
            return []
        found: list[Difference] = []
        self.report.sequences += 1
        histories = [await store.play(steps) for store in self._stores]
        for end, (step, *dones) in enumerate(zip(steps, *histories, strict=False), start=1):
            if _is_common(step) and any(kind_of(step) in store.missing for store in self._stores):
                break
            if isinstance(step, Call):
                if not all(done.made for done in dones):
                    break  # the instance is not open
                one, other = (done.made[0].observed for done in dones)
                self.report.operations[step.operation].count(one, other)
                differing = mismatches(one, other)
                found += [Difference(steps[:end], histories, mismatch, self._operations) for mismatch in differing]
        return found

    def race(self) -> None:
        """Race the calls of each store by itself: what no order of them explains in one store alone is a line."""
        found = []
        for store in self._stores:
            store.tell("calls at the same time", IDLE.seconds)
            loop = ChoosingLoop()  # which is not closed: a library may have patched that
            found.append(loop.run_until_complete(self._races_of(store)))
        self._tell(IDLE)
        for mine, others in zip(found, reversed(found), strict=True):
            for name in sorted(mine.keys() - others.keys()):
                self._add(mine[name])

    async def _races_of(self, store: Store) -> dict[str, Line]:
        """Return what no order explains in races, and what is wrong after deaths; note what was not tried."""
        found: dict[str, Line] = {}
        missing: dict[str, set[str]] = {}
        waiting = {name for name, operation in self._operations.items() if operation.seconds}
        if waiting:
            missing["it may wait for another call"] = waiting
        operations = {name: operation for name, operation in self._operations.items() if name not in waiting}
        try:
            async with raced(store.own, operations) as races:
                async for race in races.findings():
                    found[race.plan.title] = _line_of_race(store.name, race)
                if isinstance(races.arena, NetworkArena):
                    deaths = Deaths(races.operations, races.arena)
                    async for wreck in deaths.findings():
                        found[f"{wreck.plan.title}: {wreck.rule}"] = _line_of_wreck(store.name, wreck)
            missing |= races.not_raced
        except Exception as error:  # noqa: BLE001  where it races is not all that a store can bear
            missing[f"{type(error).__name__}: {error}"] = {"all"}
        for reason, plans in missing.items():
            self.report.notes.add(f"not raced in {store.name}: {len(plans)} races ({min(plans)}): {reason}")
        return found

    def _is_explained(self, found: Difference) -> bool:
        """Whether the script of a line is a shorter form of this sequence, and shows the same."""
        known = [steps for symptom in found.symptoms for steps in self._shortest.get(symptom, ())]
        return any(explains(steps, found.steps, self._operations) for steps in known)

    async def _file(self, found: Difference) -> None:
        """Make a difference as short as it gets, and tell its line."""
        shortest = found if found.probe in ALONE else await self._reduced(found)
        if shortest is None:
            self.report.gaps.add(f"{found.last.name} differed, and did not when called again")
            return
        for symptom in shortest.symptoms:
            self._shortest.setdefault(symptom, []).append(shortest.steps)
        self._add(shortest.line(self.report.stores))

    def _add(self, found: Line) -> None:
        line = accepted(found, self._known)
        if (line.kind, line.text) not in self._texts:
            self._texts.add((line.kind, line.text))
            self.report.add(line)
            self._tell(line)

    async def _reduced(self, found: Difference) -> Difference | None:
        """Return the fewest steps and the plainest values that show the same; None if it does not show again."""
        best: Difference | None = None

        async def again(steps: Steps) -> Steps:
            nonlocal best
            key = tuple(map(_key, steps))
            if found.symptoms.isdisjoint(self._played.get(key, found.symptoms)):
                return ()
            shown = await self._play(steps)
            self._played[key] = {symptom for each in shown for symptom in each.symptoms}
            for each in shown:
                if not found.symptoms.isdisjoint(each.symptoms):
                    best = each
                    return each.steps
            return ()

        if await again(found.steps):
            shrinker = Shrinker(again, self._operations, plainer, _MOST_PLAYED, seconds=inf)
            shortest = await shrinker.shrink(found.steps)
            for steps in (merged(shortest), *self._sequences.with_plain_entries(shortest)):
                if steps != shortest and await again(steps):
                    shortest = await shrinker.shrink(steps)
        return best


def _line_of_race(store: str, race: Race) -> Line:
    """Return a race that only one store has as a finding."""
    name, operation = race.plan.title, race.plan.racing[0].operation
    read = race.plan.after[-1].operation if race.plan.after else operation
    calls = ", ".join(map(_written, race.plan.racing))
    script = [f"await {_written(call)}" for call in race.plan.start]
    script += [f"await asyncio.gather({calls})", *(f"await {_written(call)}" for call in race.plan.after[-1:])]
    script += [
        f"# {store}: in {race.wrong} of {race.orders} orders of their requests, as in no order of the calls",
        *(f"# {line}" for line in race.lines),
    ]
    script.append(f"# in {store}: conformance compare STORE --only '{name}' --schedule {race.schedule}")
    return Line(operation, "race", f"{name}, in {store}", read, tuple(script))


def _line_of_wreck(store: str, wreck: Wreck) -> Line:
    """Return what is wrong after a death as a finding."""
    (call, *_) = wreck.plan.racing
    script = [f"await {_written(call)}", f"# {store}: {wreck.rule}", *(f"# {line}" for line in wreck.lines)]
    text = f"{wreck.plan.title}: {wreck.rule}, in {store}"
    return Line(call.operation, "death", text, call.operation, tuple(script))


def _written(call: Call) -> str:
    """Return a call as Python, of which ids are those of the first result."""
    texts = []
    for name, choice in call.arguments.items():
        texts.append(f"{name}={'result0' if isinstance(choice.value, EarlierId) else choice.text}")
    return f"store.{call.operation}({', '.join(texts)})"


def _is_common(step: Action) -> bool:
    """Whether an action is tried only where both stores can do it."""
    return kind_of(step) not in ("", *ALONE)


def _key(action: Action) -> Any:
    """Return what is alike for two actions that do the same."""
    if isinstance(action, Call):
        return action.operation, action.on, *((name, choice.text) for name, choice in action.arguments.items())
    return repr(action)
