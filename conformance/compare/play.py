"""One of two stores while a sequence is played on it in a new namespace, and what came out of each call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from conformance.compare.elsewhere import Elsewhere, opened_elsewhere
from conformance.compare.values import Observer
from conformance.engine.contract import Contract, Entry
from conformance.engine.mutation import changes_of
from conformance.engine.outcome import Raised
from conformance.engine.player import Done, Player
from conformance.engine.scenario import Action, Call, Damage, Mutate, Open, Reopen, Scenario, Wait
from conformance.engine.script import call_text
from conformance.guard import HarnessFailedError, guarded
from conformance.harness import Harness, HookMissingError
from conformance.operations.operation import Operation, OperationsError, with_ids
from conformance.operations.trees import Tree, mismatches
from conformance.tasks.operations import operations_of
from conformance.text import source

Steps: TypeAlias = tuple[Action, ...]
"""A sequence: the last of its actions is a call."""

BESIDE = "on another namespace"
ELSEWHERE = "in another process"
"""Where an instance is opened besides, other than on the same place."""


@dataclass(frozen=True, slots=True)
class Doing:
    """Something that is done next, and in how many seconds it has to be over."""

    text: str
    seconds: float


IDLE = Doing("", 120.0)
"""Between the sequences: stores are set up, or the search goes on by itself."""


@dataclass(frozen=True, slots=True)
class EndOfLife(Wait):
    """So much time passes that a lifetime that was given is nearly over, or just over."""

    when: str = field(default="", compare=False, repr=False)


_KINDS = {
    EndOfLife: "lifetime",
    Wait: "expiring",
    Reopen: "persistent",
    Damage: "foreign value",
}
_OPENED = {BESIDE: "neighbour", ELSEWHERE: "process"}

CALL_SECONDS = 10.0
"""In which a call returns, and a store opens, closes, and makes a hook's work."""

ALONE = "foreign value", "server"
"""Kinds that each store judges alone: one without the hook is as it was."""


def kind_of(action: Action) -> str:
    """Return what an action does besides a plain call; nothing for one."""
    if isinstance(action, Mutate):
        return action.what
    if isinstance(action, Open):
        return "server" if action.url else _OPENED.get(action.at, "shared")
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
        self._neighbour = f"{self.namespace}-neighbour"  # a prefix that ends too early meets it
        self._has_neighbour = False

    async def play(self, draw: Any = None) -> None:
        """Play the sequence. Opening and closing are told of like calls."""
        self._store.tell("`open` of the harness")
        try:
            await super().play(draw)
            self._store.fields |= self.contract.observer.fields
        finally:
            if self._has_neighbour:
                self.harness.discard(self._neighbour)
            self._store.hear(IDLE)

    def end(self) -> None:
        """Tell that the instances are closed."""
        self._store.tell("closing the store that `open` gave")

    async def perform(self, action: Action) -> None:
        """Perform an action; one for which a hook is missing is left out."""
        try:
            await super().perform(action)
        except (HookMissingError, HarnessFailedError) as missing:
            self._store.missing.setdefault(kind_of(action), str(missing))
            if isinstance(action, Open):
                self.stores[action.on] = self.stores[0]
        if self.is_over:
            self.end()

    async def _change_surroundings(self, action: Action) -> None:
        self._store.tell(f"a hook of the harness ({kind_of(action)})")
        match action:
            case Open(on, at=at) if at == BESIDE:
                self._has_neighbour = True
                await self._open(on, self.harness.open(self._neighbour))
            case Open(on, at=at) if at == ELSEWHERE:
                await self._open(on, opened_elsewhere(self.harness, self.namespace, self.contract.operations))
            case _:
                await super()._change_surroundings(action)

    async def _open(self, on: int, opening: AbstractAsyncContextManager[Any] | None = None) -> None:
        await super()._open(on, opening)
        if self.stores[on] is None:
            raise OperationsError(f"{self._store.name}: `open` gives None, and no store")

    async def make(self, entry: Entry, seconds: float | None = None) -> None:
        """Make a call, and tell of it before."""
        number, self._count = self._count, self._count + 1
        operation, store = self.contract.operations[entry.call.operation], self.stores[entry.call.on]
        if not isinstance(store, Elsewhere):
            operation.check(store)
        self._write(number, entry, operation)
        self._store.tell(entry.line)

        if isinstance(store, Elsewhere):
            self._make_elsewhere(entry, store)
        else:
            await super().make(entry, seconds or operation.seconds)
        self._look(number, entry, operation)

    def _make_elsewhere(self, entry: Entry, store: Elsewhere) -> None:
        """Make a call in another process."""
        call = entry.invocation
        try:
            entry.answer = entry.observed = store.call(call.operation, call.arguments)
        except HookMissingError:
            raise  # the process has ended
        except Exception as error:  # noqa: BLE001  whatever the store raises is its result
            entry.answer = error
            entry.observed = self.contract.observe_error(error)

    def _look(self, number: int, entry: Entry, operation: Operation) -> None:
        """Read what came out of a call as a tree."""
        observer = self.contract.observer
        result = entry.lacks or entry.answer
        if not isinstance(entry.observed, Raised) and entry.lacks is None:
            path = f"result{number}"
            self.held["result"] = {path: result}
            if operation.ids:
                observer.learn(result, operation, path)
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
    """One of the two stores. `name` is what reports call it; `hear` is told what is done before it is done."""

    def __init__(self, name: str, harness: Harness, hear: Callable[[Doing], object]) -> None:
        self.name = name
        self.own = harness
        self.harness = guarded(harness)
        self.hear = hear
        self.operations = operations_of(harness, name)
        self.missing: dict[str, str] = {}
        """Why a kind of action is not tried: there is no hook, or it is declared."""
        self.fields: set[str] = set()
        """The names of fields that its results had."""

    def tell(self, text: str, seconds: float = 0.0) -> None:
        """Say what is done next."""
        self.hear(Doing(f"{self.name}: {text}", seconds or CALL_SECONDS))

    async def play(self, steps: Steps) -> list[Done]:
        """Play a sequence, and return what was done.

        After a failure the result of the last call is a verdict, whether it denies that there is an entry.
        """
        recorder = Recorder(self, steps)
        await recorder.play()
        match steps:
            case (Call(), Call(), Call(), Damage() | Open(_, str(_)), Call()) if kind_of(steps[-2]) in ALONE:
                recorder.history[-1].made[0].observed = _failure_verdict(recorder.history)
        return recorder.history


def _results(history: list[Done]) -> list[Tree]:
    return [entry.observed for done in history for entry in done.made]


def _failure_verdict(history: list[Done]) -> Tree:
    before, _, made, now = _results(history)
    denies = any(mismatches(before, made)) and not any(mismatches(before, now))
    return Tree(bool, denies, text=now.text)
