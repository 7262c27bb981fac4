"""One store while a sequence is played on it in a new namespace: what a caller does, and what comes out."""

from __future__ import annotations

import asyncio
import copy
import inspect
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, TypeAlias

from conformance.compare.operation import EarlierId, Operation
from conformance.compare.values import Mismatch, Observer, Tree, changes_of, drained, mismatches
from conformance.core.scenario import Call
from conformance.guard import guarded
from conformance.harness import Harness, HookMissingError
from conformance.subjects.proxy import Action, Proxy
from conformance.text import source

CALL_SECONDS = 5.0
_SERVER_SECONDS = 0.5
_RACES = 2


@dataclass(frozen=True)
class Act:
    """What is done besides plain calls, or what happens to the store.

    `argument` and `result`: the caller changes every argument so far, or the last result, at one `place` or all;
    `race`: calls at the same time; `expiry` and `lifetime`: seconds pass; `foreign value`; `server`: it goes.
    """

    kind: str
    seconds: float = 0.0
    calls: tuple[Call, ...] = ()
    place: int | None = None


Step: TypeAlias = Call | Act
Steps: TypeAlias = tuple[Step, ...]
_ALONE = "race", "foreign value", "server"
"""Acts after which a store is compared with itself, and the stores in what came of that."""


def calls_in(steps: Steps) -> list[Call]:
    """The calls of a sequence."""
    return [call for step in steps for call in ((step,) if isinstance(step, Call) else step.calls)]


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
        self.ids = {name for operation in operations.values() for name in operation.ids}
        self.missing: dict[str, str] = {}
        """For each kind of act that the harness has no hook for, what is missing."""

    async def play(self, steps: Steps) -> list[Outcome]:
        """Take the steps, and return what came out of each.

        After a race the last is whether it came out as in one of its orders; after a failure, whether a read denies
        that there is an entry.
        """
        outcomes = await _Playing(self, steps).run()
        for place, step in enumerate(steps):
            if isinstance(step, Act) and step.kind in _ALONE and len(outcomes) == len(steps):
                seen = await self._raced(steps, outcomes) if step.kind == "race" else _denial(steps, outcomes)
                blank = [replace(one, tree=Tree(Act), raised=False) for one in outcomes[place:]]
                return [*outcomes[:place], *blank[:-1], replace(blank[-1], tree=seen)]
        return outcomes

    async def _raced(self, steps: Steps, seen: list[Outcome]) -> Tree:
        orders = [await _Playing(self, steps, order).run() for order in (1, -1)]
        for _ in range(_RACES):
            apart = [[one for one in map(differences, seen, order) if one] for order in orders]
            if all(apart):
                return Tree(Act, value=True, written=f"as in neither order: {min(apart, key=len)[0][0].texts[0]}")
            seen = await _Playing(self, steps).run()
        return Tree(Act, value=False, written="as one after the other")


def _denial(steps: Steps, seen: Sequence[Outcome]) -> Tree:
    """Whether the last read gives what it gave before there was an entry."""
    before = [one for step, one in zip(steps, seen, strict=True) if step == steps[-1]]
    denies = bool(differences(before[0], before[-2])) and not differences(before[0], seen[-1])
    return Tree(Act, value=denies, written=f"as if it were not there: {seen[-1].text}" if denies else seen[-1].text)


class _Playing:
    """A sequence on one store. By `order`, calls of a race are made at once, one after the other, or in reverse."""

    def __init__(self, store: Store, steps: Steps, order: int = 0) -> None:
        self._of, self._steps, self._order = store, steps, order
        self._namespace = f"compare-{secrets.token_hex(6)}"
        self._observer = Observer()
        self._held: dict[str, dict[str, Any]] = {"argument": {}, "result": {}}
        """What the caller has in its hands, by the names in the script."""
        self._entry: list[Any] = []
        """What names the latest entry."""
        self._proxy: Proxy | None = None

    async def run(self) -> list[Outcome]:
        outcomes: list[Outcome] = []
        async with AsyncExitStack() as opened:
            opened.callback(self._of.harness.discard, self._namespace)
            self._store = await self._opened(opened)
            for index, step in enumerate(self._steps):
                done = self._call(index, step) if isinstance(step, Call) else self._act(index, step)
                outcomes.append(await done)
                if outcomes[-1].tree.kind is HungError:
                    break
        return outcomes

    async def _opened(self, opened: AsyncExitStack) -> Any:
        harness = self._of.harness
        try:
            if Act("server") in self._steps:
                self._proxy = await opened.enter_async_context(Proxy(harness.url()))
                at = harness.open_at(self._namespace, self._proxy.url, _SERVER_SECONDS)
                return await opened.enter_async_context(at)
        except HookMissingError as missing:
            self._of.missing["server"] = str(missing)
        return await opened.enter_async_context(harness.open(self._namespace))

    async def _call(self, index: int, call: Call) -> Outcome:
        operation, observer = self._of.operations[call.operation], self._observer
        given = {name: _copied(choice.value, [*observer.names]) for name, choice in call.arguments.items()}
        before, line = self._written(index, call, given)
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
        if not is_raised:
            result = operation.view(result) if operation.view else result
            self._held["result"] = {f"result{index}": result}
        known, path = len(observer.names), "" if is_raised else f"result{index}"
        tree = observer.look(result, operation, path)
        if len(observer.names) > known:  # a new id may stand in what comes before it
            tree = observer.look(result, operation)
        if operation.reads is None:
            self._entry = [*observer.names, *(given[name] for name in operation.entry if name in given)][-1:]
        return Outcome(tree, is_raised, before + line)

    def _written(self, index: int, call: Call, given: Mapping[str, Any]) -> tuple[str, str]:
        """The call as Python, and before it the arguments that the caller changes later."""
        operation, before, listed = self._of.operations[call.operation], "", []
        is_changed = any(getattr(step, "kind", "") == "argument" for step in self._steps)
        for name, value in given.items():
            text = (operation.show and operation.show(value)) or self._observer.named(source(value))
            if is_changed and any(changes_of(value, "")):
                held = f"{name}_{index}"
                self._held["argument"][held] = value
                before, text = f"{before}{held} = {text}\n", held
            listed.append(text if name in operation.positional else f"{name}={text}")
        return before, f"store.{operation.name}({', '.join(listed)})"

    async def _act(self, index: int, act: Act) -> Outcome:
        harness, line = self._of.harness, "# the server goes away"
        try:
            if act.kind == "race":
                return await self._race(index, act.calls)
            if act.kind in self._held:
                line = self._change(act)
            elif act.seconds:
                by = timedelta(seconds=act.seconds)
                line = f"# {by} pass"
                harness.advance(self._namespace, by)
            elif act.kind == "foreign value" and self._entry:
                line = "# another type is put in its place"
                harness.inspector(self._namespace).overwrite_with_another_type(*self._entry)
            elif self._proxy:
                await self._proxy.refuse()
                self._proxy.break_all(Action.RESET)
        except HookMissingError as missing:
            self._of.missing[act.kind] = str(missing)
        return Outcome(Tree(Act), line=line)

    async def _race(self, index: int, calls: tuple[Call, ...]) -> Outcome:
        if self._order:
            seen = [await self._call(index, call) for call in calls[:: self._order]][:: self._order]
        else:
            read = calls_in(self._steps)[-1]
            await asyncio.gather(*(self._call(index, read) for _ in calls))  # opens the connections
            seen = await asyncio.gather(*(self._call(index, call) for call in calls))
        lines = ", ".join(one.line.removeprefix("await ") for one in seen)
        parts = {f"[{place}]": one.tree for place, one in enumerate(seen)}
        return Outcome(Tree(tuple, parts=parts), line=f"await asyncio.gather({lines})")

    def _change(self, act: Act) -> str:
        held = self._held[act.kind]
        changes = [text for name, value in held.items() for text in changes_of(value, name, self._of.ids)]
        made = []
        for text in changes if act.place is None else changes[act.place : act.place + 1]:
            with suppress(Exception):  # it may be frozen
                exec(text, None, held)  # noqa: S102  as a script does it
                made.append(text)
        return "\n".join(made)


def _copied(value: Any, ids: Sequence[Any]) -> Any:
    """A copy of a drawn value, with the store's own id in the place of every `EarlierId` in it."""
    try:
        return copy.deepcopy(value, {id(EarlierId): ids})
    except Exception:  # noqa: BLE001  not everything can be copied; both stores get the same then
        return value
