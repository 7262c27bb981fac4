"""What a test did, as lines that a person can read."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterable
from enum import Enum
from typing import Any

_LONGEST_LINE = 2_000
_MOST_LINES = 60


class Script:
    """The calls that were made on the stores of one namespace, in their order; on demand each with its result."""

    def __init__(self, lines: Iterable[str] = (), *, shows_results: bool = False) -> None:
        self._lines = list(lines)
        self._shows_results = shows_results
        self._names: dict[str, str] = {}  # what was returned, by the ids in it
        self._stores = 0

    def recorded(self, store: Any) -> Any:
        """The store, whose calls are written down from now on."""
        self._stores += 1
        return _Recorded(store, self, "store" if self._stores == 1 else f"store{self._stores}")

    def note(self, call: str, outcome: object) -> None:
        """Write down a call that has ended."""
        if isinstance(outcome, BaseException):
            line = f"{call}  # raises {type(outcome).__name__}"
            line += f": {self._text(outcome)}" * self._shows_results
        elif (task_id := getattr(outcome, "task_id", None)) is not None and repr(task_id) not in self._names:
            name = f"task{len(self._names) + 1}"
            self._names[repr(task_id)] = f"{name}.task_id"
            line = f"{name} = {call}"
        else:
            line = call
        self._lines.append(line[:_LONGEST_LINE])
        if self._shows_results and not isinstance(outcome, BaseException):
            self._lines.append(f"    # {self._text(outcome)}"[:_LONGEST_LINE])

    def call(self, store: str, operation: str, arguments: tuple[Any, ...], named: dict[str, Any]) -> str:
        """Write a call as an expression, ids by the names of the tasks that they came with."""
        texts = [self._text(value) for value in arguments]
        texts += [f"{name}={self._text(value)}" for name, value in named.items()]
        return f"await {store}.{operation}({', '.join(texts)})"

    def _text(self, value: object) -> str:
        if isinstance(value, Enum):
            return f"{type(value).__name__}.{value.name}"
        try:
            shown = repr(value)
        except (RecursionError, ValueError):  # nested without end, or an integer that Python does not print
            return "..."
        return self._names.get(shown, shown)

    def __str__(self) -> str:
        left_out = len(self._lines) - _MOST_LINES
        first = [f"# … {left_out} calls before these"] if left_out > 0 else []
        return "\n".join([*first, *self._lines[-_MOST_LINES:]])


class _Recorded:
    """Passes everything on, and writes down the calls of coroutine functions."""

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
            line = self._script.call(self._name, operation, arguments, named)
            try:
                answer = await attribute(*arguments, **named)
            except BaseException as error:
                self._script.note(line, error)
                raise
            self._script.note(line, answer)
            return answer

        return call
