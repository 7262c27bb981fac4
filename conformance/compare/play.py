"""One of two stores while a sequence is played on it in a new namespace, and what came out of each call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import permutations
from typing import Any, TypeAlias

from conformance.compare.values import Observer
from conformance.engine.contract import Contract, Entry
from conformance.engine.mutation import changes_of
from conformance.engine.outcome import Raised
from conformance.engine.player import Done, Player
from conformance.engine.scenario import Action, Call, Damage, Mutate, Open, Race, Reopen, Scenario, Wait
from conformance.engine.script import call_text
from conformance.guard import HarnessFailedError, guarded
from conformance.harness import Harness, HookMissingError
from conformance.operations.operation import Operation, with_ids
from conformance.operations.trees import Mismatch, Tree, mismatches
from conformance.tasks.operations import operations_of
from conformance.text import source

Steps: TypeAlias = tuple[Action, ...]
"""A sequence: the last of its actions is a call."""


class EndOfLife(Wait):
    """So much time passes that a lifetime that was given is nearly over, or just over."""

    __slots__ = ()


_KINDS = {
    EndOfLife: "lifetime",
    Wait: "expiring",
    Race: "race",
    Reopen: "persistent",
    Damage: "foreign value",
}


def kind_of(action: Action) -> str:
    """Return what an action does besides a plain call; nothing for one."""
    if isinstance(action, Mutate):
        return action.what
    if isinstance(action, Open):
        return "server" if action.url else "shared"
    return _KINDS.get(type(action), "")


class Operations(Contract):
    """Operations of which nobody knows what is right. Arguments are choices, and results are read as trees."""

    def __init__(self, operations: Mapping[str, Operation]) -> None:
        self.operations = operations
        self.observer = Observer()

    def resolve(self, value: Any, results: Mapping[str, Any]) -> Any:
        """Return the value of a choice, with the store's own ids in it."""
        return with_ids(value.value, [*self.observer.names])

    def written(self, operation: Operation, name: str, value: Any) -> str:
        """Return an argument as Python, with the names of ids in it."""
        return (operation.show and operation.show(value)) or self.observer.named(source(value))


class Recorder(Player):
    """Plays a sequence; what comes out is kept as trees, and compared later."""

    caught = (Exception, SystemExit)  # whatever comes out is what is compared
    contract: Operations

    def __init__(self, store: Store, steps: Steps) -> None:
        super().__init__(Operations(store.operations), store.harness, Scenario(steps))
        self._store = store
        self._count = 0
        self._is_held = any(isinstance(action, Mutate) and action.what == "argument" for action in steps)

    async def perform(self, action: Action) -> None:
        """Perform an action; one for which a hook is missing is left out."""
        try:
            await super().perform(action)
        except (HookMissingError, HarnessFailedError) as missing:
            self._store.missing.setdefault(kind_of(action), str(missing))
            if isinstance(action, Open):
                self.stores[action.on] = self.stores[0]

    async def make(self, entry: Entry, seconds: float | None = None) -> None:
        """Make a call, and tell of it before and after."""
        number, self._count = self._count, self._count + 1
        operation = self.contract.operations[entry.call.operation]
        operation.check(self.stores[entry.call.on])
        self._write(number, entry, operation)
        self._store.hear(f"{self._store.name}: {entry.line}")
        await super().make(entry, seconds)
        self._store.hear("")

        observer = self.contract.observer
        has_failed = isinstance(entry.observed, Raised) or entry.lacks is not None
        result = entry.lacks or entry.answer
        path = "" if has_failed else f"result{number}"
        if not has_failed:
            self.held["result"] = {path: result}
        observer.look(result, operation, path)  # learns new ids, which may stand in what comes before them
        entry.observed = observer.look(result, operation)
        if operation.reads is None:
            given = entry.invocation.arguments
            named = [*observer.names, *(given[name] for name in operation.entry if name in given)]
            self.latest = named[-1] if named else None

    def _write(self, number: int, entry: Entry, operation: Operation) -> None:
        """Write a call as Python, and before it the arguments that the caller changes later."""
        texts = {}
        for name, value in entry.invocation.arguments.items():
            texts[name] = self.contract.written(operation, name, value)
            if self._is_held and any(changes_of(value)):
                held = f"{name}_{number}"
                entry.before.append(f"{held} = {texts[name]}")
                self.held.setdefault("argument", {})[held] = value
                texts[name] = held
        entry.line = call_text(self.contract, entry.call, texts)


class Store:
    """One of the two stores. `name` is what reports call it; `hear` is told each call before it is made."""

    def __init__(self, name: str, harness: Harness, hear: Callable[[str], object]) -> None:
        self.name = name
        self.harness = guarded(harness)
        self.hear = hear
        self.operations = operations_of(harness, name)
        self.missing: dict[str, str] = {}
        """Why a kind of action is not tried: there is no hook, or it is declared."""

    async def play(self, steps: Steps) -> list[Done]:
        """Play a sequence, and return what was done.

        The result of the last call is a verdict after a race, whether it came out as in neither order, and after a
        failure, whether a read denies that there is an entry.
        """
        history = await self._run(steps)
        match steps:
            case (*before, Race(), Race(calls), Call() as read):
                history[-1].made[0].observed = await self._race_verdict(history, (*before,), calls, read)
            case (Call(), Call(), Call(), Damage() | Open(_, str(_)), Call()) if kind_of(steps[-2]) in ALONE:
                history[-1].made[0].observed = _failure_verdict(history)
        return history

    async def _run(self, steps: Steps) -> list[Done]:
        recorder = Recorder(self, steps)
        await recorder.play()
        return recorder.history

    async def _race_verdict(self, history: list[Done], before: Steps, calls: tuple[Call, ...], read: Call) -> Tree:
        """Play the calls in each order, and return whether the race came out as in none of them."""
        raced = _results(history)
        del raced[len(before) : -len(calls) - 1]  # the reads that open the connections
        apart: list[list[Mismatch]] = []
        for order in permutations(range(len(calls))):
            results = _results(await self._run((*before, *(calls[place] for place in order), read)))
            in_a_row = results[len(before) : -1]
            by_call = [in_a_row[order.index(place)] for place in range(len(calls))]
            results = [*results[: len(before)], *by_call, results[-1]]
            pairs = zip(raced, results, strict=True)
            found = [mismatch for seen, expected in pairs for mismatch in mismatches(seen, expected)]
            apart.append(
                [mismatch for mismatch in found if mismatch.kind != "order"]
            )  # replies may overtake each other
        nearest = min(apart, key=len)
        text = "as in neither order: {}, and not {}".format(*nearest[0].texts) if nearest else "as in some order"
        return Tree(bool, bool(nearest), text=lambda: text)


ALONE = "race", "foreign value", "server"
"""Kinds that each store judges alone: one without the hook is as it was."""


def _results(history: list[Done]) -> list[Tree]:
    return [entry.observed for done in history for entry in done.made]


def _failure_verdict(history: list[Done]) -> Tree:
    before, _, made, now = _results(history)
    denies = any(mismatches(before, made)) and not any(mismatches(before, now))
    return Tree(bool, denies, text=now.text)
