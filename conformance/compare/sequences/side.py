"""One store while a sequence is played on it."""

from __future__ import annotations

import asyncio
import copy
import inspect
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from conformance.compare.operations.check import HarnessCrashedError
from conformance.compare.operations.operation import WHOLE, EarlierId, Operation
from conformance.compare.sequences.limit import Interruption, Limit
from conformance.compare.values.mismatch import HungError, Outcome
from conformance.compare.values.parts import Drained, IncomparableError, drained
from conformance.compare.values.snapshot import Id, Leaf, Observer, filled
from conformance.text import source

T = TypeVar("T")

_ID = Operation("id", call=print, ids=(WHOLE,))
_NO_ID = "no such id"
"""Used as the id while there is no earlier one."""


class Expression:
    """A value that a script writes as this text."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


@dataclass
class Answer:
    """The result of a call, or the exception that it raised."""

    result: Any = None
    error: BaseException | None = None
    awaited: bool = False


@dataclass
class Side:
    """One store while a sequence is played on it."""

    store: Any
    operations: Mapping[str, Operation]
    name: str
    limit: Limit
    observer: Observer = field(default_factory=Observer)

    def fill(self, drawn: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments for this side: a copy of what was drawn, with the side's own ids."""
        known = self.observer.ids
        return {
            name: filled(_copied(value), lambda earlier: latest(known, earlier.back) if known else _NO_ID)
            for name, value in drawn.items()
        }

    def written(self, drawn: Mapping[str, Any]) -> dict[str, str]:
        """The same arguments as a script writes them."""
        known = self.observer.names

        def name(earlier: EarlierId) -> Any:
            return Expression(latest(known, earlier.back)) if known else _NO_ID

        return {argument: source(filled(value, name)) for argument, value in drawn.items()}

    async def call(self, operation: str, arguments: Mapping[str, Any]) -> Answer:
        """Make a call. A generator is run to its end."""
        answer = Answer()
        try:
            with self.limit.call(self.name, operation, arguments):
                async with asyncio.timeout(self.limit.seconds) as limit:
                    result = self.operations[operation].invoke(self.store, arguments)
                    answer.awaited = inspect.isawaitable(result)
                    answer.result = await drained(await result if answer.awaited else result)
        except (KeyboardInterrupt, asyncio.CancelledError):
            raise
        except Interruption:
            answer.error = HungError()
        except TimeoutError as error:
            answer.error = HungError() if limit.expired() else error
        except BaseException as error:  # noqa: BLE001  whatever comes out is what is compared, SystemExit too
            answer.error = error
        view = self.operations[operation].view
        if view is not None and answer.error is None:
            try:
                answer.result = _viewed(view, answer.result)
            except Exception as fault:
                raise HarnessCrashedError(f"view of {operation}", fault) from fault
        return answer

    def look(self, answer: Answer, operation: str) -> Outcome:
        """How it looks.

        Raises:
            IncomparableError: if the result cannot be compared by content.
        """
        known = self.operations[operation]
        if answer.error is None:
            return Outcome(self.observer.look(answer.result, known))
        try:
            snapshot = self.observer.look(answer.error, known)
        except IncomparableError:  # a field that cannot be compared: the text has to do
            snapshot = Leaf(type(answer.error), str(answer.error), str(answer.error))
        return Outcome(snapshot, raised=True, message=self.observer.matched(_message(answer.error)))

    def entry_key(self, value: Any) -> tuple[Any, Any] | None:
        """A key for an entry: the position of its id, or its own value."""
        if not isinstance(value, Hashable):
            return None
        leaf = self.observer.look(value, _ID)
        return (Id, leaf.value) if isinstance(leaf, Leaf) and isinstance(leaf.value, Id) else (type(value), value)


def _viewed(view: Callable[[Any], Any], result: Any) -> Any:
    """Apply a view to a result. The view of a generator gets the list of its items."""
    if not isinstance(result, Drained):
        return view(result)
    items = view(result.items)
    return items if result.ended is None else replace(result, items=items)


def _message(error: BaseException) -> str:
    """The message of an exception. That of a `KeyError` is the key, without the quotes around it."""
    return str(error.args[0]) if isinstance(error, KeyError) and len(error.args) == 1 else str(error)


def latest(known: Sequence[T], back: int) -> T:
    """The latest of these, or the one `back` places before it."""
    return known[-1 - back % len(known)]


def _copied(value: Any) -> Any:
    try:
        return copy.deepcopy(value)
    except Exception:  # noqa: BLE001  not everything can be copied; both sides get the same then
        return value
