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

from conformance.compare.checks import opening
from conformance.compare.choices import Choice
from conformance.compare.operation import EarlierId, Operation
from conformance.compare.values import IncomparableError, Mismatch, Observer, Tree, changes_of, drained, mismatches
from conformance.guard import guarded
from conformance.harness import Harness, HookMissingError
from conformance.subjects.proxy import Action, Proxy

CALL_SECONDS = 5.0
_SERVER_SECONDS = 0.5
_RACES = 2


@dataclass(frozen=True)
class Call:
    """A call, on the first instance of the store or a second one."""

    operation: str
    arguments: Mapping[str, Choice]
    on: int = 0


@dataclass(frozen=True)
class Race:
    """Two calls at the same time, or one after the other. What they leave behind is read by the calls after it."""

    calls: tuple[Call, Call]
    order: int = 0
    """1 if the first call comes first, -1 if the second does, 0 for at the same time."""
    kind: ClassVar[str] = "race"


@dataclass(frozen=True)
class Change:
    """The caller changes an argument, or the result if it is empty, of the first call of an operation, at one place.

    Without a place it only looks at the value again.
    """

    operation: str
    argument: str = ""
    place: int | None = None
    kind: ClassVar[str] = "aliasing"


@dataclass(frozen=True)
class Act:
    """What is done to the store itself: `reopening`, `expiry`, `foreign value` or `server`."""

    kind: str
    seconds: float = 0.0


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
        """Take the steps, and return what came out of each; of a race, whether it came out as in one of its orders."""
        race = next((step for step in steps if isinstance(step, Race)), None)
        return self._raced(steps, race) if race else self._run(steps)

    def _run(self, steps: Steps) -> list[Outcome]:
        return asyncio.run(_Playing(self, steps).run(steps))

    def _raced(self, steps: Steps, race: Race) -> list[Outcome]:
        def run(order: int) -> list[Outcome]:
            return self._run(tuple(replace(race, order=order) if step is race else step for step in steps))

        orders = {order: run(order) for order in (1, -1)}
        for _ in range(_RACES):
            seen = run(0)
            odd = [_apart(seen, order) for order in orders.values()]
            # a store that gives something else each time decides nothing
            is_odd = all(odd) and not any(_apart(run(order), known) for order, known in orders.items())
            text = f"as in neither order: {min(odd, key=len)[0].text}" if is_odd else "as one after the other"
            seen[steps.index(race)] = replace(seen[steps.index(race)], tree=Tree(Race, is_odd, text))
            if is_odd:
                break
        return seen


def _apart(seen: Sequence[Outcome], order: Sequence[Outcome]) -> list[Outcome]:
    """What was seen that differs from what comes in an order."""
    return [mine for mine, theirs in zip(seen, order, strict=True) if differences(mine, theirs)]


class _Playing:
    """A sequence on one store."""

    def __init__(self, store: Store, steps: Steps) -> None:
        self._changed = {replace(step, place=None) for step in steps if isinstance(step, Change)}
        self._of, self._namespace = store, f"compare-{secrets.token_hex(6)}"
        self._observer = Observer()
        self._instances: dict[int, Any] = {}
        self._entry: Any = None
        self._held: dict[tuple[str, str], tuple[str, Any]] = {}
        """The first result and arguments of each operation, with the Python that names them."""
        self._proxy: Proxy | None = None
        self._has_failed = False
        self._before: dict[Any, list[Outcome]] = {}
        """What each call gave, to be compared with what it gives when the server has failed."""

    async def run(self, steps: Steps) -> list[Outcome]:
        outcomes: list[Outcome] = []
        try:
            async with AsyncExitStack() as around, AsyncExitStack() as self._opened:
                if Act("server") in steps:
                    try:
                        self._proxy = await around.enter_async_context(Proxy(self._of.harness.url()))
                    except HookMissingError as missing:
                        self._of.missing["server"] = str(missing)
                await self._open(0)
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
            return Outcome(Tree(Act), line=f"# {await self._act(step)}")
        except HookMissingError as missing:
            self._of.missing[step.kind] = str(missing)
            return Outcome(Tree(Act))

    async def _race(self, index: int, race: Race) -> Outcome:
        one, other = race.calls
        if race.order:
            first, second = [await self._call(index, call) for call in race.calls[:: race.order]][:: race.order]
        else:
            await asyncio.gather(*(self._call(index, self._latest) for _ in race.calls))  # opens the connections
            first, second = await asyncio.gather(self._call(index, one), self._call(index, other))
        line = f"await asyncio.gather({first.line.removeprefix('await ')}, {second.line.removeprefix('await ')})"
        return Outcome(Tree(tuple, parts={"[0]": first.tree, "[1]": second.tree}), line=line)

    async def _open(self, on: int) -> Any:
        if on not in self._instances:
            harness, namespace = self._of.harness, self._namespace
            if self._proxy:
                made = harness.open_at(namespace, self._proxy.url, _SERVER_SECONDS)
            else:
                made = opening(harness, self._of.name, namespace)
            self._instances[on] = await self._opened.enter_async_context(made)
        return self._instances[on]

    async def _call(self, index: int, call: Call) -> Outcome:
        operation, ids = self._of.operations[call.operation], self._observer.ids
        given = {name: _filled(_copied(choice.value), ids) for name, choice in call.arguments.items()}
        shown = {name: self._written(operation, choice) for name, choice in call.arguments.items()}
        store = await self._open(call.on)
        held = [
            name
            for name in shown
            if Change(operation.name, name) in self._changed and (operation.name, name) not in self._held
        ]
        before = "".join(f"given{index} = {shown[name]}\n" for name in held)
        shown |= dict.fromkeys(held, f"given{index}")
        listed = (text if name in operation.positional else f"{name}={text}" for name, text in shown.items())
        line = f"store{call.on + 1 if call.on else ''}.{operation.name}({', '.join(listed)})"
        self._of.hear(f"{self._of.name}: {line}")
        result: Any = None
        error: BaseException | None = None
        try:
            async with asyncio.timeout(CALL_SECONDS) as limit:
                result = operation.invoke(store, given)
                if inspect.isawaitable(result):
                    line = f"await {line}"
                    result = await result
                result = await drained(result)
        except (KeyboardInterrupt, asyncio.CancelledError):
            raise
        except BaseException as fault:  # noqa: BLE001  whatever comes out is what is compared, SystemExit too
            error = HungError() if isinstance(fault, TimeoutError) and limit.expired() else fault
        self._of.hear("")
        try:
            if error is None:
                result = operation.view(result) if operation.view else result
                self._observer.look(result, operation, f"result{index}")
                self._held.setdefault((operation.name, ""), (f"result{index}", result))
            tree = self._observer.look(result if error is None else error, operation)
        except IncomparableError as fault:
            tree = Tree(IncomparableError, str(fault))
        for name, value in given.items():
            self._held.setdefault((operation.name, name), (f"given{index}", value))
        if operation.reads is None:
            self._entry = next((given[name] for name in operation.entry if name in given), ids[-1] if ids else None)
        return self._denied(call, Outcome(tree, error is not None, before + line))

    def _denied(self, call: Call, outcome: Outcome) -> Outcome:
        """The outcome; after the server or the entry has failed, only whether it denies that there is an entry."""
        known = self._before.setdefault((call.operation, *(one.text for one in call.arguments.values())), [])
        if not self._has_failed:
            known.append(outcome)
            return outcome
        denies = len(known) > 1 and bool(differences(known[0], known[-1])) and not differences(known[0], outcome)
        text = f"as if it were not there: {outcome.text}" if denies else outcome.text
        return replace(outcome, tree=Tree(Act, denies, text), raised=False)

    async def _act(self, act: Act) -> str:
        if act.kind == "reopening":
            await self._opened.aclose()
            self._instances.clear()
            return "the store is closed, and opened again"
        if act.kind == "expiry":
            self._of.harness.advance(self._namespace, timedelta(seconds=act.seconds))
            return f"{timedelta(seconds=act.seconds)} pass"
        self._has_failed = True
        if self._proxy:
            await self._proxy.refuse()
            self._proxy.break_all(Action.RESET)
        elif act.kind == "foreign value" and self._entry is not None:
            self._of.harness.inspector(self._namespace).overwrite_with_another_type(self._entry)
        return "the server goes away" if act.kind == "server" else "a value of another type is put in its place"

    def _change(self, change: Change) -> Outcome:
        operation = self._of.operations[change.operation]
        expression, value = self._held.get((change.operation, change.argument), ("", None))
        if not expression:
            return Outcome(Tree(Change))
        if change.place is None:
            return Outcome(self._observer.look(value, operation), line=expression)
        for text, make in [*changes_of(value, {*operation.ids, *operation.times}, expression)][change.place :][:1]:
            with suppress(AttributeError, TypeError, ValueError):  # it may be frozen
                make()
            return Outcome(Tree(Change), line=text)
        return Outcome(Tree(Change))

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
