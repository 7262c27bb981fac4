"""A player of operations of which nobody knows what is right: what comes out is read as trees, and compared later."""

from collections.abc import Mapping
from typing import Any

from conformance.engine.contract import Contract, Entry
from conformance.engine.mutation import changes_of
from conformance.engine.player import Player
from conformance.engine.scenario import Mutate, Race
from conformance.engine.script import call_text
from conformance.operations.observer import Observer
from conformance.operations.operation import Operation, with_ids
from conformance.text import source


class Operations(Contract):
    """Operations of which nobody knows what is right. Arguments are choices, and results are read as trees."""

    def __init__(self, operations: Mapping[str, Operation]) -> None:
        self.operations = operations
        self.observer = Observer()

    def describe(self, result: Any, _names: Any = ()) -> str:
        """Return an exception as Python."""
        text: str = result.text()
        return text.removeprefix("raises ")

    def resolve(self, value: Any, results: Mapping[str, Any]) -> Any:
        """Return the value of a choice, with the store's own ids in it."""
        return with_ids(value.value, self.observer.recent)


class Reader(Player):
    """Plays calls of which nobody knows what is right: whatever comes out is read as trees, and compared later."""

    contract: Operations

    def write(self, entry: Entry) -> None:
        """Write a call as Python, and before it the arguments that the caller changes later."""
        texts = {}
        are_changed = any(isinstance(each, Mutate) and each.what == "argument" for each in self.scenario.actions)
        for name, value in entry.arguments.items():
            text = self.contract.observer.named(source(value))
            if are_changed and any(changes_of(value)):
                held = f"{name}_{len(self.history) - 1}"
                entry.before.append(f"{held} = {text}")
                self.held.setdefault("argument", {})[held] = value
                text = held
            texts[name] = text
        entry.line = call_text(self.contract, entry.call, texts)

    def take(self, race: Race, made: list[Entry]) -> None:
        """Learn the ids of calls at the same time, then make trees of their results."""
        observer = self.contract.observer
        for entry in made:
            if not isinstance(entry.answer, BaseException):
                observer.learn(entry.answer, entry.operation, entry.call.label)
        for entry in made:
            entry.observed = observer.look(entry.answer, entry.operation)
