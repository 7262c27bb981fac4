"""A record of what is done to stores through a harness, as lines of Python."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import functools
import inspect
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast

from conformance.engine.script import source
from conformance.equality import FIELDS
from conformance.harness import Harness
from conformance.reproduction.writing import Names, changes, series
from taskstore import Task, TaskCreateRequest

NAMESPACE = "x"
"""What a script calls the namespace of a case."""
_TRACKED = 6
"""How many of the latest objects are watched for changes by their caller."""
_WRITTEN = ("overwrite", "overwrite_with_another_type", "delete")


@dataclass
class Call:
    """A call of a store, and how it ended."""

    store: str
    text: str
    name: str = ""
    """What the script calls its result."""
    outcome: Any = None

    @property
    def is_cancelled(self) -> bool:
        """Whether it was cancelled."""
        return isinstance(self.outcome, asyncio.CancelledError)


@dataclass(frozen=True)
class Block:
    """Lines that belong together: calls, the opening or closing of a store, or anything else."""

    text: str
    name: str = ""
    """What the script calls the result, or the results of calls at the same time."""
    opens: str = ""
    closes: str = ""
    calls: tuple[Call, ...] = ()


class Script:
    """What was done to the stores of a namespace, in its order."""

    def __init__(self, namespace: str = "") -> None:
        self.blocks: list[Block] = []
        self.names = Names()
        self.statements: tuple[str, ...] = ()
        """What shows the failure, where it is not what was recorded."""
        self._namespace = namespace
        self._stores = 0
        self._results = 0
        self._groups = 0
        self._in_flight = 0
        self._group: list[Call] = []
        self._watched: list[_Watched] = []

    def __str__(self) -> str:
        return "\n".join(block.text for block in self.blocks if block.text)

    def harness(self, harness: Harness) -> Harness:
        """A harness whose use is recorded."""
        return cast(Harness, _RecordedHarness(harness, self))

    def recorded(self, store: Any, opened: str = "") -> Any:
        """A store whose calls are recorded. `opened` is the expression that opened it."""
        self._stores += 1
        name = f"store{self._stores}"
        self.add(Block(f"{name} = {opened}", opens=name))
        return _RecordedStore(store, self, name)

    def note(self, line: str) -> None:
        """Record what was done besides calls."""
        self.add(Block(line))

    def show(self, *statements: str) -> None:
        """Let these statements stand for what was recorded."""
        self.statements = statements

    def add(self, block: Block) -> None:
        """Record lines, and before them what the caller changed meanwhile."""
        if not self._in_flight:
            self.blocks += self.changes()
        self.blocks.append(block)

    def learn_namespace(self, namespace: str) -> None:
        """Call the first namespace that is opened by a short name."""
        self._namespace = self._namespace or namespace

    def write_call(self, callee: str, arguments: tuple[Any, ...], named: dict[str, Any]) -> str:
        """A call as an expression."""
        texts = [self._write(value) for value in arguments]
        texts += [f"{name}={self._write(value)}" for name, value in named.items()]
        return f"{callee}({', '.join(texts)})"

    def _write(self, value: Any) -> str:
        if isinstance(value, str) and self._namespace and value.startswith(self._namespace):
            return source(NAMESPACE + value.removeprefix(self._namespace))
        return self.names.write(value)

    def begin(self, store: str, operation: str, arguments: tuple[Any, ...], named: dict[str, Any]) -> Call:
        """Record that a call of a store begins."""
        if not self._in_flight:
            self.blocks += self.changes()
            self._group = []
        call = Call(store, self.write_call(f"{store}.{operation}", arguments, named))
        for value in (*arguments, *named.values()):
            if isinstance(value, TaskCreateRequest) and type(value.config) is dict:
                self._watch(value, self._write(value), ("config",))
        self._in_flight += 1
        self._group.append(call)
        return call

    def end(self, call: Call, outcome: Any) -> None:
        """Record that a call has ended; the last of those at the same time writes them all."""
        call.outcome = outcome
        self._in_flight -= 1
        is_page = hasattr(outcome, "tasks")
        if is_page or getattr(outcome, "task_id", None) is not None:
            self._results += 1
            kind = "page" if is_page else "task"
            alone = len(self._group) == 1
            call.name = f"{kind}{self._results}" if alone else f"{self._group_name}[{self._group.index(call)}]"
            self.names.learn(outcome, call.name)
            self._watch_result(outcome, call.name, is_page=is_page)
        if not self._in_flight:
            self.blocks.append(block_of(self._group, self._group_name))
            self._groups += len(self._group) > 1
            self._look_again()

    @property
    def _group_name(self) -> str:
        return f"results{self._groups + 1}"

    def _watch_result(self, outcome: Any, name: str, *, is_page: bool) -> None:
        tasks = [] if is_page else [(outcome, name)]
        tasks += [(task, f"{name}.tasks[{at}]") for at, task in enumerate(getattr(outcome, "tasks", ())[:2])]
        for task, path in tasks:
            if not isinstance(task, Task):  # which cannot be changed
                self._watch(task, path, FIELDS)

    def _watch(self, value: Any, path: str, names: tuple[str, ...]) -> None:
        if all(one.value is not value for one in self._watched):
            self._watched = [*self._watched[-_TRACKED:], _Watched(value, path, names)]

    def _look_again(self) -> None:
        for one in self._watched:
            one.look()

    def changes(self) -> list[Block]:
        """What the caller changed since the last call ended."""
        lines: list[str] = []
        done: set[int] = set()
        for watched in self._watched:
            lines += watched.changes(done)
        if lines:
            self._look_again()
        return [Block(line) for line in lines]


class _Watched:
    """An object that its caller may change: a request or a task, and some of its fields as they were."""

    def __init__(self, value: Any, path: str, names: tuple[str, ...]) -> None:
        self.value = value
        self._path = path
        self._names = names
        self.look()

    def look(self) -> None:
        """Remember the fields as they are now."""
        self._before: dict[str, Any] = {}
        for name in self._names:
            with contextlib.suppress(Exception):  # a hostile value may not be copied
                self._before[name] = copy.deepcopy(getattr(self.value, name))

    def changes(self, done: set[int]) -> list[str]:
        """The statements that make the fields what they are now."""
        fields = [(name, getattr(self.value, name, None)) for name in self._before]
        return [
            line for name, value in fields for line in changes(self._before[name], value, f"{self._path}.{name}", done)
        ]


def block_of(group: list[Call], name: str) -> Block:
    """Calls that were made at the same time, or one that was made alone."""
    calls = tuple(group)
    if len(group) > 1:
        return Block(_gathered(group), name, calls=calls)
    (call,) = group
    if isinstance(call.outcome, BaseException):
        raised = type(call.outcome).__name__
        return Block(f"with suppress(Exception):\n    await {call.text}  # raises {raised}", calls=calls)
    return Block(f"await {call.text}", call.name, calls=calls)


def _gathered(group: list[Call]) -> str:
    written = [f"    {text},\n" for text in series([call.text for call in group])]
    if not any(call.is_cancelled for call in group):
        return f"await asyncio.gather(\n{''.join(written)}    return_exceptions=True,\n)"
    cancelled = [at for at, call in enumerate(group) if call.is_cancelled]
    return f"await cancelling(\n    {cancelled},\n{''.join(written)})"


class _RecordedStore:
    """Passes everything on, and records the calls of coroutine functions."""

    def __init__(self, store: Any, script: Script, name: str) -> None:
        self._store = store
        self._script = script
        self._name = name

    def __getattr__(self, operation: str) -> Any:
        attribute = getattr(self._store, operation)
        if not inspect.iscoroutinefunction(attribute):
            return attribute

        @functools.wraps(attribute)
        async def call(*arguments: Any, **named: Any) -> Any:
            begun = self._script.begin(self._name, operation, arguments, named)
            try:
                answer = await attribute(*arguments, **named)
            except BaseException as error:
                self._script.end(begun, error)
                raise
            self._script.end(begun, answer)
            return answer

        return call

    def __repr__(self) -> str:
        return repr(self._store)


class _RecordedHarness:
    """Passes everything on, and records how stores are opened and closed, and what the hooks do."""

    def __init__(self, harness: Harness, script: Script) -> None:
        self._harness = harness
        self._script = script

    def __getattr__(self, name: str) -> Any:
        return getattr(self._harness, name)

    def open(self, namespace: str) -> AbstractAsyncContextManager[Any]:
        return self._opened("open", self._harness.open(namespace), namespace)

    def open_at(self, namespace: str, url: str, seconds: float) -> AbstractAsyncContextManager[Any]:
        return self._opened("open_at", self._harness.open_at(namespace, url, seconds), namespace, url, seconds)

    @asynccontextmanager
    async def _opened(self, hook: str, opening: Any, namespace: str, *more: Any) -> AsyncIterator[Any]:
        self._script.learn_namespace(namespace)
        async with opening as store:
            opened = self._script.write_call(f"harness.{hook}", (namespace, *more), {})
            recorded = self._script.recorded(store, opened)
            name = recorded._name  # noqa: SLF001  it is ours
            try:
                yield recorded
            finally:
                self._script.add(Block("", closes=name))

    def advance(self, namespace: str, by: Any) -> None:
        self._did("advance", namespace, by)

    def restart_server(self) -> None:
        self._did("restart_server")

    def administer(self, *command: str) -> Any:
        return self._did("administer", *command)

    def _did(self, hook: str, *arguments: Any) -> Any:
        text = self._script.write_call(f"harness.{hook}", arguments, {})
        done = getattr(self._harness, hook)(*arguments)
        self._script.note(text)
        return done

    def inspector(self, namespace: str) -> Any:
        return _RecordedInspector(self._harness.inspector(namespace), self._script, namespace)


class _RecordedInspector:
    """Passes everything on, and records what is written behind the store's back."""

    def __init__(self, inspector: Any, script: Script, namespace: str) -> None:
        self._inspector = inspector
        self._script = script
        self._namespace = namespace

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._inspector, name)
        if name not in _WRITTEN:
            return method

        def write(*arguments: Any) -> Any:
            inspector = self._script.write_call("harness.inspector", (self._namespace,), {})
            text = self._script.write_call(f"{inspector}.{name}", arguments, {})
            done = method(*arguments)
            self._script.note(text)
            return done

        return write
