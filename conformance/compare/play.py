"""One store while a sequence is played on it in a new namespace: what a caller does, and what comes out."""

from __future__ import annotations

import asyncio
import copy
import inspect
import logging
import re
import secrets
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field, replace
from datetime import timedelta
from io import StringIO
from typing import Any, TypeAlias

from conformance.compare.checks import opening
from conformance.compare.choices import Choice
from conformance.compare.operation import EarlierId, Operation
from conformance.compare.values import (
    Drained,
    IncomparableError,
    Mismatch,
    Observer,
    Tree,
    changes_of,
    drained,
    mismatches,
)
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
    """Two calls at the same time. What they leave behind is read by the calls after it."""

    calls: tuple[Call, Call]


@dataclass(frozen=True)
class Change:
    """The caller changes an argument, or the result if it is empty, of the first call of an operation.

    It makes one of the changes, or all of them. With `is_look` it only looks at the value again.
    """

    operation: str
    argument: str = ""
    place: int | None = None
    is_look: bool = False


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
    awaited: bool = False
    line: str = ""
    given: Mapping[str, str] = field(default_factory=dict)
    """The arguments as Python."""

    @property
    def name(self) -> str:
        """The full name of the exception; `a result` if there was none."""
        kind = self.tree.kind
        if kind is HungError:
            return "no return"
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
        kind = "hanging" if "no return" in (one.name, other.name) else "exception"
        return [Mismatch(kind, f"{one.name} / {other.name}", texts, is_loss=one.raised != other.raised)]
    found = list(mismatches(one.tree, other.tree))
    return [Mismatch("message", one.name, texts)] if found and one.raised else found


@contextmanager
def quiet() -> Iterator[None]:
    """Nothing is logged, warned of or printed: hostile arguments make every store complain, thousands of times."""
    disabled = logging.root.manager.disable
    logging.disable()
    try:
        with warnings.catch_warnings(), redirect_stdout(StringIO()), redirect_stderr(StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)


class Store:
    """One of the two stores: its harness, by the name that reports call it.

    `hear` is told each call before it is made.
    """

    def __init__(
        self, name: str, harness: Harness, operations: Mapping[str, Operation], hear: Callable[[str], object] = len
    ) -> None:
        self.name, self.harness, self.operations, self.hear = name, guarded(harness), operations, hear
        self.missing: dict[str, str] = {}
        """For each kind of act that the harness has no hook for, what is missing."""

    def play(self, steps: Steps) -> list[Outcome]:
        """Take the steps, and return what came out of each; of a race and what follows it, whether it is in order."""
        with quiet():
            return asyncio.run(self._play(steps))

    async def _play(self, steps: Steps) -> list[Outcome]:
        race = next((step for step in steps if isinstance(step, Race)), None)
        if race is None:
            return await _Play(self).run(steps)
        at = steps.index(race)

        async def in_turn() -> list[list[Outcome]]:
            one = await _Play(self).run((*steps[:at], *race.calls, *steps[at + 1 :]))
            other = await _Play(self).run((*steps[:at], *race.calls[::-1], *steps[at + 1 :]))
            return [
                [_raced(*one[at : at + 2]), *one[at + 2 :]],
                [_raced(*other[at : at + 2][::-1]), *other[at + 2 :]],
            ]

        orders = await in_turn()
        for _ in range(_RACES):
            seen = await _Play(self).run(steps)
            if all(_apart(seen[at:], order) for order in orders):
                again = await in_turn()  # a store that gives something else each time decides nothing
                if any(_apart(*both) for both in zip(orders, again, strict=True)):
                    break
                odd = min((_apart(seen[at:], order) for order in orders), key=len)[0]
                seen[at] = replace(seen[at], tree=Tree(Race, False, f"as in neither order: {odd.text}"))
                return seen
        seen[at] = replace(seen[at], tree=Tree(Race, True, "as one after the other"))
        return seen


def _raced(one: Outcome, other: Outcome) -> Outcome:
    line = f"await asyncio.gather({', '.join(done.line.removeprefix('await ') for done in (one, other))})"
    return Outcome(Tree(tuple, parts={"[0]": one.tree, "[1]": other.tree}), line=line)


def _apart(seen: Sequence[Outcome], order: Sequence[Outcome]) -> list[Outcome]:
    """What was seen that differs from what comes in an order."""
    return [mine for mine, theirs in zip(seen, order, strict=True) if differences(mine, theirs)]


class _Play:
    """A sequence on one store."""

    def __init__(self, store: Store) -> None:
        self._of = store
        self._namespace = f"compare-{secrets.token_hex(6)}"
        self._observer = Observer()
        self._instances: dict[int, Any] = {}
        self._entry: Any = None
        self._held: dict[tuple[str, str], tuple[str, Any]] = {}
        self._proxy: Proxy | None = None
        self._failed = ""
        self._before: dict[tuple[str, ...], list[Outcome]] = {}
        """What each read gave, to be compared with what it gives when the server fails."""

    async def run(self, steps: Steps) -> list[Outcome]:
        harness = self._of.harness
        outcomes: list[Outcome] = []
        try:
            async with AsyncExitStack() as around, AsyncExitStack() as self._opened:
                if any(isinstance(step, Act) and step.kind == "server" for step in steps):
                    try:
                        self._proxy = await around.enter_async_context(Proxy(harness.url()))
                    except HookMissingError as missing:
                        self._of.missing["server"] = str(missing)
                await self._open(0)
                for index, step in enumerate(steps):
                    outcomes.append(await self._take(index, step, steps[index + 1 :]))
                    if outcomes[-1].tree.kind is HungError:
                        break
        finally:
            harness.discard(self._namespace)
        return outcomes

    async def _take(self, index: int, step: Step, following: Steps) -> Outcome:
        if isinstance(step, Call):
            return await self._call(index, step)
        if isinstance(step, Race):
            reads = [one for one in following[:1] if isinstance(one, Call)] * 2
            await asyncio.gather(*(self._call(index, one) for one in reads))  # opens the connections that are needed
            return _raced(*await asyncio.gather(*(self._call(index, call) for call in step.calls)))
        if isinstance(step, Change):
            return self._change(step)
        try:
            return Outcome(Tree(Act), line=f"# {await self._act(step)}")
        except HookMissingError as missing:
            self._of.missing[step.kind] = str(missing)
            return Outcome(Tree(Act))

    async def _open(self, on: int) -> Any:
        if on not in self._instances:
            harness = self._of.harness
            if self._proxy:
                made = harness.open_at(self._namespace, self._proxy.url, _SERVER_SECONDS)
            else:
                made = opening(harness, self._of.name, self._namespace)
            self._instances[on] = await self._opened.enter_async_context(made)
        return self._instances[on]

    async def _call(self, index: int, call: Call) -> Outcome:
        operation = self._of.operations[call.operation]
        ids, names = self._observer.ids, self._observer.names
        given = {name: _filled(_copied(choice.value), ids) for name, choice in call.arguments.items()}
        shown = {name: self._written(operation, choice, names) for name, choice in call.arguments.items()}
        store = await self._open(call.on)
        listed = (text if name in operation.positional else f"{name}={text}" for name, text in shown.items())
        line = f"store{call.on + 1 if call.on else ''}.{operation.name}({', '.join(listed)})"
        self._of.hear(f"{self._of.name}: {line}")
        result: Any = None
        error: BaseException | None = None
        awaited = False
        try:
            async with asyncio.timeout(CALL_SECONDS) as limit:
                result = operation.invoke(store, given)
                awaited = inspect.isawaitable(result)
                result = await drained(await result if awaited else result)
        except (KeyboardInterrupt, asyncio.CancelledError):
            raise
        except TimeoutError as fault:
            error = HungError() if limit.expired() else fault
        except BaseException as fault:  # noqa: BLE001  whatever comes out is what is compared, SystemExit too
            error = fault
        self._of.hear("")
        if error is None:
            result = _viewed(operation.view, result)
            self._observer.learn(result, operation, f"result{index}")
            self._held.setdefault((operation.name, ""), (f"result{index}", result))
        for name, value in given.items():
            self._held.setdefault((operation.name, name), (f"given{index}", value))
        if operation.reads is None:
            entries = [given[name] for name in operation.entry if name in given]
            self._entry = entries[0] if entries else ids[-1] if ids else None
        awaiting = "await " if awaited else ""
        try:
            tree = self._observer.look(result if error is None else error, operation)
        except IncomparableError as fault:
            tree = Tree(IncomparableError, str(fault)) if error is None else Tree(type(error), str(error), str(error))
        return self._denied(call, Outcome(tree, error is not None, awaited, awaiting + line, shown))

    def _denied(self, call: Call, outcome: Outcome) -> Outcome:
        """The outcome; after the server or the entry has failed, only whether it denies that there is an entry."""
        known = self._before.setdefault((call.operation, *(one.text for one in call.arguments.values())), [])
        if not self._failed:
            known.append(outcome)
            return outcome
        if self._proxy:
            self._proxy.release()
        denies = len(known) > 1 and bool(differences(known[0], known[-1])) and not differences(known[0], outcome)
        text = f"as if it were not there: {outcome.text}" if denies else outcome.text
        return replace(outcome, tree=Tree(Act, denies, text), raised=False)

    async def _act(self, act: Act) -> str:
        harness = self._of.harness
        if act.kind == "reopening":
            await self._opened.aclose()
            self._instances.clear()
            return "the store is closed, and opened again"
        if act.kind == "expiry":
            harness.advance(self._namespace, timedelta(seconds=act.seconds))
            return f"{timedelta(seconds=act.seconds)} pass"
        self._failed = act.kind
        if act.kind == "foreign value" and self._entry is not None:
            harness.inspector(self._namespace).overwrite_with_another_type(self._entry)
            return "a value of another type is put in its place"
        if act.kind == "server" and self._proxy:
            await self._proxy.refuse()
            self._proxy.break_all(Action.RESET)
        return "the server goes away" if act.kind == "server" else "nothing is there"

    def _change(self, change: Change) -> Outcome:
        if (change.operation, change.argument) not in self._held:
            return Outcome(Tree(Change))
        expression, value = self._held[change.operation, change.argument]
        operation = self._of.operations[change.operation]
        if change.is_look:
            try:
                return Outcome(self._observer.look(value, operation), line=expression)
            except IncomparableError:
                return Outcome(Tree(Change))
        found = [*changes_of(value, {*operation.ids, *operation.times}, expression)]
        chosen = found if change.place is None else found[change.place : change.place + 1]
        for _, make in chosen:
            try:
                make()
            except (AttributeError, TypeError, ValueError):  # it is frozen
                continue
        return Outcome(Tree(Change), line="\n".join(text for text, _ in chosen))

    def _written(self, operation: Operation, choice: Choice, names: Sequence[str]) -> str:
        text = operation.show(choice.value) if operation.show else None

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


def _viewed(view: Callable[[Any], Any] | None, result: Any) -> Any:
    if view is None:
        return result
    return replace(result, items=view(result.items)) if isinstance(result, Drained) else view(result)
