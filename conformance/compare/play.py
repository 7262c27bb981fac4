"""One store while a sequence is played on it in a new namespace: what a caller does, and what comes out."""

from __future__ import annotations

import asyncio
import copy
import inspect
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, ClassVar, TypeAlias

from conformance.compare.choices import Choice
from conformance.compare.operation import EarlierId, Operation
from conformance.compare.values import IncomparableError, Mismatch, Observer, Tree, changes_of, drained, mismatches
from conformance.guard import guarded
from conformance.harness import Harness, HookMissingError
from conformance.subjects.proxy import Action, Proxy

CALL_SECONDS = 5.0
_SERVER_SECONDS = 0.5
_RACES = 2
_FAILURES = "foreign value", "server"


@dataclass(frozen=True)
class Call:
    """A call of an operation."""

    operation: str
    arguments: Mapping[str, Choice]


@dataclass(frozen=True)
class Race:
    """Two calls at the same time, or one after the other. What they leave behind is read by the calls after it."""

    calls: tuple[Call, Call]
    order: int = 0
    """1 if the first call comes first, -1 if the second does, 0 for at the same time."""
    kind: ClassVar[str] = "race"


@dataclass(frozen=True)
class Change:
    """The caller changes an argument, or the result if it is empty, of the call before it, at one place."""

    operation: str
    argument: str
    place: int
    kind: ClassVar[str] = "aliasing"


@dataclass(frozen=True)
class Act:
    """What is done to the store itself: `expiry`, `foreign value` or `server`."""

    kind: str
    seconds: float = 0.0

    @property
    def text(self) -> str:
        """What is done, as a script says it."""
        time = f"{timedelta(seconds=self.seconds)} pass"
        return {"expiry": time, "server": "the server goes away"}.get(self.kind, "another type is put in its place")


Step: TypeAlias = Call | Race | Change | Act
Steps: TypeAlias = tuple[Step, ...]


def calls_in(steps: Steps) -> list[Call]:
    """The calls of a sequence."""
    around = (step.calls if isinstance(step, Race) else (step,) for step in steps)
    return [call for calls in around for call in calls if isinstance(call, Call)]


class HungError(Exception):
    """A call did not return in time."""


@dataclass(frozen=True)
class Outcome:
    """What came out of a step, and how a script writes it."""

    tree: Tree
    raised: bool = False
    line: str = ""

    @property
    def name(self) -> str:
        """The full name of the exception; `a result` if there was none."""
        kind = self.tree.kind
        return f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.") if self.raised else "a result"

    @property
    def text(self) -> str:
        """The outcome as a person reads it."""
        if self.tree.kind is HungError:
            return "does not return"
        return f"raises {self.tree.text}" if self.raised else self.tree.text


def differences(one: Outcome, other: Outcome) -> list[Mismatch]:
    """How two outcomes of one step differ: as exceptions, or as results."""
    texts = one.text, other.text
    if one.name != other.name:
        kind = "hanging" if HungError in (one.tree.kind, other.tree.kind) else "exception"
        return [Mismatch(kind, f"{one.name} / {other.name}", texts)]
    found = list(mismatches(one.tree, other.tree))
    return [Mismatch("message", one.name, texts)] if found and one.raised else found


class Store:
    """One of the two stores: its harness, by the name that reports call it.

    `hear` is told each call before it is made, and an empty text after it.
    """

    def __init__(
        self, name: str, harness: Harness, operations: Mapping[str, Operation], hear: Callable[[str], object] = len
    ) -> None:
        self.name, self.harness, self.operations, self.hear = name, guarded(harness), operations, hear
        self.missing: dict[str, str] = {}
        """For each kind of act that the harness has no hook for, what is missing."""

    def play(self, steps: Steps) -> list[Outcome]:
        """Take the steps, and return what came out of each.

        Of a race this is whether it came out as in one of its orders; of the last step after a failure, whether it
        denies that there is an entry.
        """
        race = next((step for step in steps if isinstance(step, Race)), None)
        if race:
            return self._raced(steps, race)
        outcomes = self._run(steps)
        if any(isinstance(step, Act) and step.kind in _FAILURES for step in steps[-2:-1]):
            before = [seen for step, seen in zip(steps[:-2], outcomes, strict=False) if step == steps[-1]]
            outcomes[-1] = _denial(before, outcomes[-1])
        return outcomes

    def _run(self, steps: Steps) -> list[Outcome]:
        return asyncio.run(_Playing(self, steps).run(steps))

    def _raced(self, steps: Steps, race: Race) -> list[Outcome]:
        def run(order: int) -> list[Outcome]:
            return self._run(tuple(replace(race, order=order) if step is race else step for step in steps))

        orders = [run(1), run(-1)]
        for _ in range(_RACES):
            seen = run(0)
            odd = [_apart(seen, order) for order in orders]
            if all(odd):
                break
        text = f"as in neither order: {min(odd, key=len)[0].text}" if all(odd) else "as one after the other"
        place = steps.index(race)
        seen[place] = replace(seen[place], tree=Tree(Race, all(odd), text))
        return seen


def _denial(before: Sequence[Outcome], now: Outcome) -> Outcome:
    """Whether a read gives, after a failure, what it gave before there was an entry."""
    denies = bool(differences(before[0], before[-1])) and not differences(before[0], now) if before else False
    text = f"as if it were not there: {now.text}" if denies else now.text
    return replace(now, tree=Tree(Act, denies, text), raised=False)


def _apart(seen: Sequence[Outcome], order: Sequence[Outcome]) -> list[Outcome]:
    """What was seen that differs from what comes in an order."""
    return [mine for mine, theirs in zip(seen, order, strict=True) if differences(mine, theirs)]


class _Playing:
    """A sequence on one store."""

    def __init__(self, store: Store, steps: Steps) -> None:
        self._changed = {index: step.argument for index, step in enumerate(steps[1:]) if isinstance(step, Change)}
        """The argument that is changed after each call."""
        self._of, self._namespace = store, f"compare-{secrets.token_hex(6)}"
        self._observer = Observer()
        self._entry: Any = None
        self._held: dict[str, tuple[str, Any]] = {}
        """The arguments of the latest call and, under an empty name, its result, with the Python that names them."""
        self._proxy: Proxy | None = None

    async def run(self, steps: Steps) -> list[Outcome]:
        outcomes: list[Outcome] = []
        try:
            async with AsyncExitStack() as opened:
                harness = self._of.harness
                at = None
                if Act("server") in steps:
                    try:
                        self._proxy = await opened.enter_async_context(Proxy(harness.url()))
                        at = harness.open_at(self._namespace, self._proxy.url, _SERVER_SECONDS)
                    except HookMissingError as missing:
                        self._of.missing["server"] = str(missing)
                self._store = await opened.enter_async_context(at or harness.open(self._namespace))
                for index, step in enumerate(steps):
                    outcomes.append(await self._take(index, step))
                    if outcomes[-1].tree.kind is HungError:
                        break
        finally:
            self._of.harness.discard(self._namespace)
        return outcomes

    async def _take(self, index: int, step: Step) -> Outcome:
        if isinstance(step, Call):
            self._latest = step
            return await self._call(index, step)
        if isinstance(step, Race):
            return await self._race(index, step)
        if isinstance(step, Change):
            return self._change(step)
        try:
            await self._act(step)
        except HookMissingError as missing:
            self._of.missing[step.kind] = str(missing)
        return Outcome(Tree(Act), line=f"# {step.text}")

    async def _race(self, index: int, race: Race) -> Outcome:
        one, other = race.calls
        if race.order:
            first, second = [await self._call(index, call) for call in race.calls[:: race.order]][:: race.order]
        else:
            await asyncio.gather(*(self._call(index, self._latest) for _ in race.calls))  # opens the connections
            first, second = await asyncio.gather(self._call(index, one), self._call(index, other))
        line = f"await asyncio.gather({first.line.removeprefix('await ')}, {second.line.removeprefix('await ')})"
        return Outcome(Tree(tuple, parts={"[0]": first.tree, "[1]": second.tree}), line=line)

    async def _call(self, index: int, call: Call) -> Outcome:
        operation, ids = self._of.operations[call.operation], self._observer.ids
        given = {name: _filled(_copied(choice.value), ids) for name, choice in call.arguments.items()}
        shown = {name: self._written(operation, choice) for name, choice in call.arguments.items()}
        changed, before = self._changed.get(index), ""
        if changed in shown:
            before = f"given{index} = {shown[changed]}\n"
            shown[changed] = f"given{index}"
        listed = (text if name in operation.positional else f"{name}={text}" for name, text in shown.items())
        line = f"store.{operation.name}({', '.join(listed)})"
        self._of.hear(f"{self._of.name}: {line}")
        is_raised = False
        try:
            async with asyncio.timeout(CALL_SECONDS) as limit:
                result = operation.invoke(self._store, given)
                if inspect.isawaitable(result):
                    line = f"await {line}"
                    result = await result
                result = await drained(result)
        except (KeyboardInterrupt, asyncio.CancelledError):
            raise
        except BaseException as fault:  # noqa: BLE001  whatever comes out is what is compared, SystemExit too
            is_raised, result = True, HungError() if isinstance(fault, TimeoutError) and limit.expired() else fault
        self._of.hear("")
        self._held = {name: (f"given{index}", value) for name, value in given.items()}
        try:
            if not is_raised:
                result = operation.view(result) if operation.view else result
                self._observer.look(result, operation, f"result{index}")
                self._held[""] = f"result{index}", result
            tree = self._observer.look(result, operation)
        except IncomparableError as fault:
            tree = Tree(IncomparableError, str(fault))
        if operation.reads is None:
            self._entry = next((given[name] for name in operation.entry if name in given), ids[-1] if ids else None)
        return Outcome(tree, is_raised, before + line)

    async def _act(self, act: Act) -> None:
        if act.kind == "expiry":
            self._of.harness.advance(self._namespace, timedelta(seconds=act.seconds))
        if self._proxy:
            await self._proxy.refuse()
            self._proxy.break_all(Action.RESET)
        if act.kind == "foreign value" and self._entry is not None:
            self._of.harness.inspector(self._namespace).overwrite_with_another_type(self._entry)

    def _change(self, change: Change) -> Outcome:
        operation = self._of.operations[change.operation]
        path, value = self._held.get(change.argument, ("", None))
        changes = [*changes_of(value, {*operation.ids, *operation.times}, path)][change.place :]
        if not changes:
            return Outcome(Tree(Change))
        text, make = changes[0]
        with suppress(AttributeError, TypeError, ValueError):  # it may be frozen
            make()
        return Outcome(Tree(Change), line=text)

    def _written(self, operation: Operation, choice: Choice) -> str:
        names, text = self._observer.names, operation.show(choice.value) if operation.show else None

        def name(match: re.Match[str]) -> str:
            return names[-1 - int(match[1]) % len(names)] if names else "'no such id'"

        return re.sub(r"EarlierId\(back=(\d+)\)", name, choice.text if text is None else text)


def _filled(value: Any, ids: Sequence[Any]) -> Any:
    """A drawn value with the store's own id in the place of every `EarlierId` in it."""
    if isinstance(value, EarlierId):
        return ids[-1 - value.back % len(ids)] if ids else "no such id"
    if type(value) in (list, tuple, set, frozenset):
        return type(value)(_filled(one, ids) for one in value)
    return {_filled(key, ids): _filled(one, ids) for key, one in value.items()} if type(value) is dict else value


def _copied(value: Any) -> Any:
    try:
        return copy.deepcopy(value)
    except Exception:  # noqa: BLE001  not everything can be copied; both stores get the same then
        return value
