"""One of two stores while a sequence is played on it in a new namespace, and what came out of each call."""

import asyncio
import sys
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any
from unittest import mock

from conformance.engine.contract import Entry
from conformance.engine.player import Done
from conformance.engine.reader import Operations, Reader
from conformance.engine.scenario import Action, Call, Damage, Mutate, Open, Race, Reopen, Scenario, Wait
from conformance.files import CommandFailedError
from conformance.guard import guarded
from conformance.harness import Harness, HookMissingError
from conformance.operations.operation import OperationsError
from conformance.operations.trees import Tree
from conformance.process import PROGRESS, in_new_process
from conformance.tasks.operations import operations_of

Steps = tuple[Action, ...]
"""A sequence: the last of its actions is a call."""
BESIDE, ELSEWHERE, NOWHERE = "on another namespace", "in another process", "where no server is"
"""Where an instance is opened besides, other than on the same place."""
CALL_SECONDS = 10.0
"""In which a call returns, and a store opens, closes, and makes a hook's work."""
_ELSEWHERE_SECONDS = 3.0
"""In which another process opens the store, and makes a call."""
_PAUSES: Any = {"redis.retry.sleep": id, "redis.asyncio.retry.sleep": partial(asyncio.sleep, 0)}
"""Where redis-py pauses before it tries again, which is in vain where no server is, and what it does instead."""


@dataclass(frozen=True)
class EndOfLife(Wait):
    """Time passes until so much has passed since the start: a lifetime is nearly over, or just over."""

    when: str = field(default="", compare=False, repr=False)


_KINDS: dict[object, str] = {
    BESIDE: "neighbour",
    ELSEWHERE: "process",
    NOWHERE: "server",
    EndOfLife: "lifetime",
    Wait: "expiring",
    Reopen: "persistent",
    Damage: "foreign value",
}
ALONE = "foreign value", "server"
"""Kinds that each store judges alone: one without the hook is as it was."""


def kind_of(action: Action) -> str:
    """Return what an action does besides a plain call; nothing for one."""
    match action:
        case Mutate(what):
            return what
        case Open(at=at):
            return _KINDS.get(at, "shared")
    return _KINDS.get(type(action), "")


class Recorder(Reader):
    """Plays a sequence on one of two stores."""

    def __init__(self, store: "Store", steps: Steps) -> None:
        super().__init__(Operations(store.operations), store.harness, Scenario(steps))
        self._store = store

    def end(self) -> None:
        """Tell that the instances are closed."""
        self._store.tell("closing the store that `open` gave")

    async def perform(self, action: Action) -> None:
        """Perform an action; one for which a hook is missing is left out, and so is a call in another process."""
        kind = kind_of(action) or "process"  # a plain call lacks nothing but another process
        match action:
            case EndOfLife(by):
                action = Wait(by - self.passed)
            case Call():
                label = f"result{len(self.history)}"
                action = replace(action, label=label)
        try:
            await super().perform(action)
        except OperationsError:
            raise
        except (HookMissingError, CommandFailedError) as missing:
            self._store.missing.setdefault(kind, str(missing))
            if isinstance(action, Open):
                self.stores[action.on] = self.stores[0]

    async def change_surroundings(self, action: Action) -> None:
        """Perform an action that is no call, and tell of it before."""
        kind = kind_of(action)
        self._store.tell(f"a hook of the harness ({kind})")
        match kind:
            case "process":
                self.stores[1] = ELSEWHERE
                return
            case "server" if "redis.asyncio.retry" in sys.modules:
                for place, at_once in _PAUSES.items():
                    self._stack.enter_context(mock.patch(place, at_once))
        await super().change_surroundings(action)

    async def make(self, entry: Entry, seconds: float = 0.0) -> None:
        """Make a call, and tell of it before."""
        operation = entry.operation
        store = self.stores[entry.call.on]
        if store is None:
            raise OperationsError(f"{self._store.name}: `open` gives None, and no store")
        self.write(entry)
        self._store.tell(entry.line)
        if store is ELSEWHERE:
            entry.answer = in_new_process(lambda: asyncio.run(self._answer_elsewhere(entry)), method="fork")
        else:
            operation.check(store)
            await super().make(entry, operation.seconds or 0.0)

    async def _answer_elsewhere(self, entry: Entry) -> Any:
        """Make a call in this process, which was forked for it, and return the result, or the exception."""
        PROGRESS.begin("a call in another process", _ELSEWHERE_SECONDS)
        async with self.harness.open(self.namespace) as self.stores[1]:
            await super().make(entry)
        return entry.answer

    def take(self, race: Race, made: list[Entry]) -> None:
        """Keep what the caller may change, and what a value of another type may take the place of."""
        super().take(race, made)
        (entry,) = made
        if not isinstance(entry.answer, BaseException):
            self.held["result"] = {entry.call.label: entry.answer}
        if not entry.operation.is_read:
            given = entry.arguments
            keys = [given[name] for name in entry.operation.entry if name in given]
            self.latest = [None, *self.contract.observer.names, *keys][-1]


class Store:
    """One of the two stores. `name` is what reports call it."""

    def __init__(self, name: str, harness: Harness) -> None:
        self.name = name
        self.harness = guarded(harness)
        self.operations = operations_of(harness, name)
        self.missing: dict[str, str] = {}
        """Why a kind of action is not tried: there is no hook, or it is declared."""
        self.fields: set[str] = set()
        """The names of fields that its results had."""
        self.opaque: dict[str, str] = {}
        """By operation, the class of a result that cannot be taken apart."""

    def tell(self, text: str) -> None:
        """Say what is done next."""
        PROGRESS.begin(f"{self.name}: {text}", CALL_SECONDS)

    async def play(self, steps: Steps) -> list[Done]:
        """Play a sequence, and return what was done.

        After a failure the result of the last call is a verdict, whether it denies that there is an entry.
        """
        recorder = Recorder(self, steps)
        self.tell("`open` of the harness")
        await recorder.play()
        PROGRESS.begin("")
        observer = recorder.contract.observer
        self.fields |= observer.fields
        self.opaque |= observer.opaque
        history = recorder.history
        match [entry for done in history for entry in done.made]:
            case [before, _, made, now] if kind_of(steps[-2]) in ALONE:
                denies = before.observed == now.observed != made.observed
                now.observed = Tree(bool, denies, text=now.observed.text)
        return history
