"""The search: plays sequences on both stores, and makes each difference as short as it gets."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain, permutations, product, takewhile
from math import inf
from time import perf_counter

from conformance.compare.difference import Difference, explains
from conformance.compare.plan import Sequences, plainer
from conformance.compare.play import ALONE, Steps, Store, kind_of
from conformance.compare.report import Report
from conformance.compare.scripts import from_data
from conformance.engine.scenario import Action, Call
from conformance.engine.shrink import shrink
from conformance.harness import Capability, Harness
from conformance.operations.operation import OperationsError
from conformance.operations.trees import mismatches
from conformance.process import PROGRESS

_REPEATED = 6
"""Times that a sequence is played again to see whether an order is kept."""
_MOST_PLAYED = 100
"""Sequences that are played to make a difference shorter."""
_DECLARED = {Capability.EXPIRING, Capability.SHARED, Capability.PERSISTENT}
"""What is not tried if only one store declares it."""
_ONE_PLACE = "two namespaces of it are one place"


class Search:
    """A comparison of two stores with the operations that their harnesses name.

    Each line is told when it is found, and each call before it is made. `first` are sequences that an earlier
    comparison found. None begins after `until`, by `perf_counter`.
    """

    def __init__(
        self,
        *stores: tuple[str, Harness],
        first: Iterable[Steps] = (),
        until: float = inf,
    ) -> None:
        self._first = first
        self._until = until
        self._stores = [Store(name, harness) for name, harness in stores]
        here, there = self._stores
        if here.operations.keys() != there.operations.keys():
            raise OperationsError(f"{here.name} names {[*here.operations]}, {there.name} names {[*there.operations]}")
        self.operations = here.operations
        self.report = Report([name for name, _ in stores])
        self._sequences = Sequences(here.operations)
        self._shortest: list[Difference] = []
        self._played: dict[str, list[Difference]] = {}
        """What each sequence shows that was played to make a difference shorter."""

    async def run(self) -> None:
        """Play every sequence."""
        self._respect_declarations()
        await self._look_for_neighbours()
        for steps in chain(self._earlier(), self._sequences.planned()):
            if perf_counter() > self._until:
                self.report.gaps.add("not exercised: sequences for which there was no time")
                break
            await self._examine(steps)
        if hasattr(self._stores[0].harness, "operations"):
            self._check_fields()
        self._note_what_is_missing()

    def _note_what_is_missing(self) -> None:
        """Note what was not exercised or tried."""
        for name, operation in self.operations.items():
            if gap := self.report.operations[name].gap(operation):
                self.report.gaps.add(f"not exercised: {name} {gap}")
        for store in self._stores:
            self.report.notes |= {f"not tried: {kind} in {store.name}: {why}" for kind, why in store.missing.items()}
            for name, kind in store.opaque.items():
                self.report.gaps.add(f"not compared: what {name} gives as {kind}: give view= to its Operation")

    # What is tried

    def _respect_declarations(self) -> None:
        """Try nothing that only one store declares, and no second process unless both are shared."""
        for store, other in permutations(self._stores):
            for kind in _DECLARED & store.harness.capabilities - other.harness.capabilities:
                store.missing[kind] = f"only it declares Capability.{kind.name}"
            if Capability.SHARED not in store.harness.capabilities:
                store.missing["process"] = "it does not declare Capability.SHARED"
            if getattr(store.harness, "is_one_place", False):
                store.missing["neighbour"] = _ONE_PLACE

    async def _look_for_neighbours(self) -> None:
        """Try another namespace only where it is another place: one that ignores its name sees all entries anyway."""
        for store, steps in product(self._stores, [*self._sequences.separations()]):
            history = await store.play(steps)
            seen = [entry.observed for done in history for entry in done.made]
            reads = len(seen) // 2
            apart = chain.from_iterable(map(mismatches, seen[:reads], seen[-reads:]))
            if any(mismatch.kind != "message" for mismatch in apart):  # which may name the id
                store.missing["neighbour"] = _ONE_PLACE

    def _earlier(self) -> Iterator[Steps]:
        for script in self._first:
            try:
                yield from_data(script, self.operations)
            except (LookupError, TypeError) as gone:
                self.report.notes.add(f"a script is not played: there is no {gone} any more")

    def _check_fields(self) -> None:
        """Refuse names of fields that no result has."""
        seen = self._stores[0].fields | self._stores[1].fields
        for name, operation in self.operations.items():
            named = {*operation.ids, *operation.times, *operation.ignored, *operation.tolerances}
            fields = ", ".join(map(repr, sorted(named - seen)))
            if fields and self.report.operations[name].filled:
                raise OperationsError(f"{name}: no result has a field {fields}")

    # What is found

    async def _examine(self, steps: Steps) -> None:
        """Play a sequence, and file every difference that no line explains."""
        for found in await self.play(steps):
            if not self._is_explained(found):
                await self._file(found)
            if len({*found.refusals}) > 1 and not found.probe and not found.last.is_read:
                break  # only one store has done what was asked: from here on they hold something else

    async def play(self, steps: Steps) -> list[Difference]:
        """Play a sequence on both stores, as far as both can go, and return every difference in its order."""
        found: list[Difference] = []
        if not all(map(self._is_tried, steps)):
            return found
        self.report.sequences += 1
        histories = [await store.play(steps) for store in self._stores]
        steps = tuple(takewhile(self._is_tried, steps))  # a hook may be missing
        for end, (step, *dones) in enumerate(zip(steps, *histories, strict=False), start=1):
            if not isinstance(step, Call):
                continue
            made = [entry.observed for done in dones for entry in done.made]
            if len(made) < len(dones):
                break  # the instance is not open
            self.report.operations[step.operation].count(*made)
            parts = [history[:end] for history in histories]
            differing = mismatches(*made)
            found += [Difference(steps[:end], parts, mismatch, self.operations) for mismatch in differing]
        return found

    def _is_tried(self, step: Action) -> bool:
        """Whether both stores can do this, or each judges alone."""
        kind = kind_of(step)
        return kind in ALONE or not any(kind in store.missing for store in self._stores)

    def _is_explained(self, found: Difference) -> bool:
        return any(explains(line, found) for line in self._shortest)

    async def _file(self, found: Difference) -> None:
        """Make a difference as short as it gets, and tell its line."""
        shortest = found if found.probe in ALONE else await self._reduced(found)
        if shortest is None:
            where = self.report.notes if found.mismatch.kind == "order" else self.report.gaps
            where.add(f"{found.last.name} differed, and did not when called again")
            return
        is_explained = self._is_explained(shortest)  # plainer values may lead to a line that the first ones did not
        self._shortest.append(shortest)
        if is_explained:
            return
        if shortest.mismatch.kind == "order" and await self._is_any_order(shortest):
            self.report.notes.add(f"{found.last.name} gives another order each time, which is not compared")
            return
        if line := self.report.add(shortest.line(self.report.stores)):
            PROGRESS.tell(line)

    async def _is_any_order(self, found: Difference) -> bool:
        """Whether a store gives another order when the same is done again, such as that of random ids."""
        for store in self._stores:
            plays = [await store.play(found.steps) for _ in range(_REPEATED)]
            first, *others = [history[-1].made[0].observed for history in plays]
            if any(any(mismatches(first, other)) for other in others):
                return True
        return False

    async def _reduced(self, found: Difference) -> Difference | None:
        """Return the fewest steps and the plainest values that show the same; None if it does not show again."""
        best: Difference | None = None

        async def again(steps: Steps) -> Steps:
            nonlocal best
            key = repr(steps)
            if key not in self._played:
                self._played[key] = await self.play(steps)
            for shown in self._played[key]:
                if shown.symptom == found.symptom:
                    # A time just before one end may be just after another: the sequence keeps its own words
                    best = replace(shown, steps=steps[: len(shown.steps)])
                    return best.steps
            return ()

        if steps := await again(found.steps):
            await shrink(steps, again, self.operations, plainer, _MOST_PLAYED, seconds=inf)
        return best
