"""The calls of operations that a harness names for `compare`.

The first operation that writes fills the store, with the simplest value of each argument; then each is called on the
entries that are there. One that writes and takes only the name of an entry may remove it, and is not timed.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import count, cycle, islice, repeat
from random import Random
from typing import Any

from conformance.harness import Harness
from conformance.measure.timing import Call, Key, Work, Workload, gather
from conformance.operations.choices import Pool
from conformance.operations.operation import WHOLE, EarlierId, Operation, OperationsError
from conformance.operations.parts import drained
from conformance.tasks.operations import operations_of

_KEYS: Mapping[type, Callable[[int], Key]] = {str: "key-{}".format, bytes: b"key-%d".__mod__, int: int}
"""What makes the n-th name of an entry, by its type."""


def workload_of_operations(harness: Harness, name: str) -> Workload:
    """Choose among the operations of a harness.

    Raises:
        OperationsError: if they cannot be used, or none of them fills the store.
        HarnessFailedError: if the harness raises.
    """
    operations = operations_of(harness, name).values()
    timed = [operation for operation in operations if not _may_remove(operation)]
    left_out = [operation.name for operation in operations if _may_remove(operation)]
    makers = [operation for operation in timed if operation.writes is not None]
    if not makers:
        raise OperationsError(f"{name}: none of its operations writes an entry, so the store cannot be filled")
    timed.remove(makers[0])
    named = _NamedOperations(makers[0], [*timed, makers[0]])
    return Workload(named.fill, named.works, left_out)


def _may_remove(operation: Operation) -> bool:
    return operation.writes is not None and {*operation.arguments} == {*operation.entry}


class _NamedOperations:
    """Calls of operations, of which `maker` fills the store."""

    def __init__(self, maker: Operation, operations: Sequence[Operation]) -> None:
        self.maker = maker
        self.operations = operations
        self.values = {operation.name: _simple_values(operation) for operation in operations}
        self.new_keys = self._new_keys()

    def _new_keys(self) -> Iterator[Key]:
        """Names of entries that are not there; None where the store chooses them."""
        if not self.maker.entry:
            return repeat(None)
        kind = type(self.values[self.maker.name][self.maker.entry[0]])
        if kind not in _KEYS:
            raise OperationsError(f"{self.maker.name} names an entry by {kind.__name__}: str, bytes or int is needed")
        return map(_KEYS[kind], count())

    async def fill(self, store: Any, entries: int) -> Sequence[Key]:
        """Write so many entries, and return their names."""
        keys = [*islice(self.new_keys, entries)]
        calls = self.calls(self.maker, store, keys)
        results = await gather(calls, entries)
        if self.maker.entry:
            return keys
        return [_id_in(result, self.maker) for result in results]

    def works(self, store: Any, keys: Sequence[Key], random: Random) -> dict[str, Work]:
        """Make the calls of each operation; `maker` writes new entries."""
        known = random.sample(keys, len(keys))
        works = {}
        for operation in self.operations:
            named = self.new_keys if operation is self.maker else cycle(known)
            works[operation.name] = Work(self.calls(operation, store, named))
        return works

    def calls(self, operation: Operation, store: Any, keys: Iterable[Key]) -> Iterator[Call]:
        """Make a call for each key, which stands for what names an entry, and for ids of the store."""
        values = self.values[operation.name]
        named = [name for name, value in values.items() if name in operation.entry or isinstance(value, EarlierId)]
        call = _callable(operation, store)
        for key in keys:
            given = dict(values)
            given |= dict.fromkeys(named, key)
            placed = [given.pop(name) for name in operation.positional if name in given]
            yield partial(call, *placed, **given)


def _simple_values(operation: Operation) -> dict[str, Any]:
    """Give each argument the simplest value that it may have."""
    return {name: Pool(strategy).plain.value for name, strategy in operation.arguments.items()}


def _callable(operation: Operation, store: Any) -> Callable[..., Awaitable[Any]]:
    """Give something to await for each call of an operation, whatever kind of function it is."""
    method = getattr(store, operation.call) if isinstance(operation.call, str) else partial(operation.call, store)
    return method if inspect.iscoroutinefunction(method) else partial(_awaited, method)


async def _awaited(method: Callable[..., Any], *placed: Any, **named: Any) -> Any:
    """Make a call of any kind, and run an iterator that it returns to its end."""
    result = method(*placed, **named)
    return await drained(await result if inspect.isawaitable(result) else result)


def _id_in(result: Any, maker: Operation) -> Key:
    """Find the id that the store gave an entry."""
    for field in maker.ids:
        if field == WHOLE:
            return result
        found = result.get(field) if isinstance(result, Mapping) else getattr(result, field, None)
        if found is not None:
            return found
    raise OperationsError(f"the result of {maker.name} has none of its ids: {[*maker.ids]}")
