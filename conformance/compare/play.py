"""One store while a sequence is played on it in a new namespace: what a caller does, and what comes out."""

from __future__ import annotations

import asyncio
import inspect
import secrets
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, TypeAlias

from conformance.compare.values import Observer, Tree, changes_of, mismatches
from conformance.guard import HarnessFailedError, guarded
from conformance.harness import Harness, HookMissingError
from conformance.operations.choices import Choice
from conformance.operations.operation import Operation, with_ids
from conformance.operations.parts import drained
from conformance.tasks.operations import operations_of
from conformance.text import source

_NOWHERE, _SERVER_SECONDS = "redis://127.0.0.1:1/0", 0.5


@dataclass(frozen=True)
class Step:
    """A call, and by its kind what is done before it.

    `argument` and `result`: the caller changes what it passed in so far, or the last result, at one `place` or all;
    `race`: `calls` are made at the same time; `expiring` and `lifetime`: so many `seconds` pass; `shared`: a second
    instance is opened; `persistent`: the instance is closed, and another opened; `foreign value`: another type is put
    in the place of the latest entry; `server`: an instance is opened where no server is.
    """

    operation: Operation
    arguments: Mapping[str, Choice]
    kind: str = ""
    seconds: float = 0.0
    calls: tuple[Step, ...] = ()
    place: int | None = None


Steps: TypeAlias = tuple[Step, ...]


class Store:
    """One of the two stores while a sequence is played on it, in a namespace of its own.

    `name` is what reports call it. `hear` is told each call before it is made, and an empty text after it.
    """

    def __init__(self, name: str, harness: Harness, hear: Callable[[str], object]) -> None:
        self.name, self.harness, self._hear = name, guarded(harness), hear
        self.operations = operations_of(harness, name)
        self.missing: dict[str, str] = {}  # why a kind of step is not tried: there is no hook, or it is declared

    async def play(self, steps: Steps) -> list[Tree]:
        """Take the steps, and return what came out of each.

        Of a race that is whether it came out as in neither order; of a failure, whether a read denies that there is an
        entry.
        """
        outcomes, last = await self._run(steps), steps[-1]
        if last.kind == "race":
            apart = []
            for calls in (last.calls, last.calls[::-1]):
                order = await self._run((*steps[:-1], *calls, replace(last, kind="")))
                if calls is not last.calls:
                    order[-3:-1] = order[-2:-4:-1]
                pairs = zip(outcomes, order, strict=True)
                found = [found for seen, one in pairs for found in mismatches(seen, one)]
                apart.append([one for one in found if one.kind != "order"])  # replies may overtake each other
            nearest = min(apart, key=len)
            text = "as in neither order: {}, and not {}".format(*nearest[0].texts) if nearest else "as in some order"
            outcomes[-3:] = [Tree(bool, bool(nearest), text=lambda: text, line=outcomes[-1].line)]
        elif last.kind in ("foreign value", "server"):
            before, _, made, now = outcomes
            denies = any(mismatches(before, made)) and not any(mismatches(before, now))
            outcomes[-1] = Tree(bool, denies, text=now.text, line=now.line)
        return outcomes

    async def _run(self, steps: Steps) -> list[Tree]:
        self._namespace, self._observer = f"compare-{secrets.token_hex(6)}", Observer()
        self._outcomes: list[Tree] = []
        self._held: dict[str, dict[str, Any]] = {step.kind: {} for step in steps}
        """What the caller has in its hands and may change, by the names in the script."""
        self._entry: list[Any] = []  # what names the latest entry
        async with AsyncExitStack() as self._stack:
            self._stack.callback(self.harness.discard, self._namespace)
            await self._open(self.harness.open(self._namespace))
            for step in steps:
                before = await self._prepare(step)
                if step.kind in ("argument", "result") and not before:
                    break  # there is nothing to change, and plain calls are played anyway
                outcome = await self._call(step)
                self._outcomes.append(replace(outcome, line=before + outcome.line))
        return self._outcomes

    async def _open(self, opening: AbstractAsyncContextManager[Any]) -> None:
        self._instance = await self._stack.enter_async_context(AsyncExitStack())
        self._store = await self._instance.enter_async_context(opening)

    async def _prepare(self, step: Step) -> str:
        """Do what comes before a call, and return it as Python or as a comment."""
        harness, namespace, line = self.harness, self._namespace, ""
        try:
            match step.kind:
                case "argument" | "result":
                    line = self._change(step)
                case "expiring" | "lifetime":
                    by = timedelta(seconds=step.seconds)
                    line = f"# {by} pass\n"
                    harness.advance(namespace, by)
                case "race":
                    await asyncio.gather(*(self._call(step) for _ in step.calls))  # opens the connections
                    self._outcomes += await asyncio.gather(*map(self._call, step.calls))
                    calls = (one.line.removeprefix("await ") for one in self._outcomes[-2:])
                    line = f"await asyncio.gather({', '.join(calls)})\n"
                case "shared":
                    line = "# another instance is opened on the same place\n"
                    await self._open(harness.open(namespace))
                case "persistent":
                    line = "# it is closed, and opened again\n"
                    await self._instance.aclose()
                    await self._open(harness.open(namespace))
                case "foreign value" if self._entry:
                    line = "# another type is put in its place\n"
                    harness.inspector(namespace).overwrite_with_another_type(*self._entry)
                case "server":
                    line = "# it is opened where no server is\n"
                    await self._open(harness.open_at(namespace, _NOWHERE, _SERVER_SECONDS))
        except (HookMissingError, HarnessFailedError) as missing:
            self.missing.setdefault(step.kind, str(missing))
        return line

    def _change(self, step: Step) -> str:
        held, ids = self._held[step.kind], {name for operation in self.operations.values() for name in operation.ids}
        changes = [text for name, value in held.items() for text in changes_of(value, name, ids)]
        made = []
        for text in changes if step.place is None else changes[step.place : step.place + 1]:
            with suppress(Exception):  # it may be frozen
                exec(text, None, held)  # noqa: S102  as a script does it
                made.append(f"{text}\n")
        return "".join(made)

    async def _call(self, step: Step) -> Tree:
        operation, observer, index = self.operations[step.operation.name], self._observer, len(self._outcomes)
        given = {name: with_ids(choice.value, [*observer.names]) for name, choice in step.arguments.items()}
        before, line = self._written(operation, given)
        operation.check(self._store)
        self._hear(f"{self.name}: {line}")
        path = f"result{index}"
        try:
            result = operation.invoke(self._store, given)
            if inspect.isawaitable(result):
                line = f"await {line}"
                result = await result
            result = await drained(result)
            result = operation.view(result) if operation.view else result
            self._held["result"] = {path: result}
        except (Exception, SystemExit) as fault:  # noqa: BLE001  whatever comes out is what is compared
            result, path = fault, ""
        self._hear("")
        observer.look(result, operation, path)  # learns new ids, which may stand in what comes before them
        if operation.reads is None:
            self._entry = [*observer.names, *(given[name] for name in operation.entry if name in given)][-1:]
        return replace(observer.look(result, operation), line=before + line)

    def _written(self, operation: Operation, given: Mapping[str, Any]) -> tuple[str, str]:
        """The call as Python, and before it the arguments that the caller changes later."""
        before, listed = "", []
        for name, value in given.items():
            text = (operation.show and operation.show(value)) or self._observer.named(source(value))
            if "argument" in self._held and any(changes_of(value, "")):
                held = f"{name}_{len(self._outcomes)}"
                self._held["argument"][held] = value
                before, text = f"{before}{held} = {text}\n", held
            listed.append(text if name in operation.positional else f"{name}={text}")
        return before, f"store.{operation.name}({', '.join(listed)})"
