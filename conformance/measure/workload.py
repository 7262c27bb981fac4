"""Which calls are timed of a store: those of a task store, or the operations that its harness names for `compare`.

Of named operations the first that writes fills the store, with the plainest value of each argument; then each is called
on the entries that are there. One that writes and takes only the name of an entry may remove it, and is not timed.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count, cycle, islice, repeat
from random import Random
from typing import Any

from conformance.compare.choices import Pool
from conformance.compare.contract import operations_of
from conformance.compare.operation import WHOLE, EarlierId, Operation, OperationsError
from conformance.compare.values import drained
from conformance.harness import Harness
from conformance.measure.timing import Call, Work, gather

Key = Any
"""The name of an entry: a text, a number, bytes, or an id that the store gave."""
_KEYS: Mapping[type, Callable[[int], Key]] = {str: "key-{}".format, bytes: b"key-%d".__mod__, int: int}


@dataclass(frozen=True)
class Workload:
    """How a store is filled, and the calls of each operation on the keys of its entries, the one that fills it last."""

    fill: Callable[[Any, int], Awaitable[Sequence[Key]]]
    works: Callable[[Any, Sequence[Key], Random], Mapping[str, Work]]
    left_out: Sequence[str] = ()
    """Operations that are not timed, since they may remove an entry."""


def workload_of(harness: Harness, name: str) -> Workload:
    """Choose what is timed of a harness's store.

    Raises:
        OperationsError: if the operations that it names cannot be used, or none of them fills the store.
        HarnessFailedError: if the harness raises.
    """
    if not hasattr(harness, "operations"):
        from conformance.measure import tasks

        return Workload(tasks.fill, tasks.works)
    operations = operations_of(harness, name).values()
    timed = [one for one in operations if one.writes is None or {*one.arguments} != {*one.entry}]
    maker = next((one for one in timed if one.writes is not None), None)
    if maker is None:
        raise OperationsError(f"{name}: none of its operations writes an entry, so the store cannot be filled")
    named = _Named(maker, sorted(timed, key=lambda one: one is maker))
    return Workload(named.fill, named.works, [one.name for one in operations if one not in timed])


class _Named:
    """Calls of operations, of which one fills the store."""

    def __init__(self, maker: Operation, operations: Iterable[Operation]) -> None:
        self._maker, self._operations = maker, operations
        self._plain = {
            operation.name: {name: Pool(strategy).plain.value for name, strategy in operation.arguments.items()}
            for operation in operations
        }
        self._new_keys: Iterator[Key] = repeat(None)  # the store chooses
        if maker.entry:
            kind = type(self._plain[maker.name][maker.entry[0]])
            if kind not in _KEYS:
                raise OperationsError(f"{maker.name} names an entry by {kind.__name__}: str, bytes or int is needed")
            self._new_keys = map(_KEYS[kind], count())

    async def fill(self, store: Any, entries: int) -> Sequence[Key]:
        """Make that many entries, and return their keys."""
        keys = [*islice(self._new_keys, entries)]
        results = await gather(self._calls(self._maker, store, keys), entries)
        return keys if self._maker.entry else [*map(self._id_in, results)]

    def works(self, store: Any, keys: Sequence[Key], random: Random) -> dict[str, Work]:
        """Call each operation on the keys in a random order, and the one that makes entries with new ones."""
        known = random.sample(keys, len(keys))
        return {
            one.name: Work(self._calls(one, store, self._new_keys if one is self._maker else cycle(known)))
            for one in self._operations
        }

    def _calls(self, operation: Operation, store: Any, keys: Iterable[Key]) -> Iterator[Call]:
        method = getattr(store, operation.call) if isinstance(operation.call, str) else partial(operation.call, store)
        call = method if inspect.iscoroutinefunction(method) else partial(_awaited, method)
        plain = self._plain[operation.name]
        chosen = {name for name, value in plain.items() if name in operation.entry or isinstance(value, EarlierId)}
        for key in keys:
            given = {**plain, **dict.fromkeys(chosen, key)}
            placed = [given.pop(name) for name in operation.positional if name in given]
            yield partial(call, *placed, **given)

    def _id_in(self, result: Any) -> Key:
        for field in self._maker.ids:
            found = result.get(field) if isinstance(result, Mapping) else getattr(result, field, None)
            if field == WHOLE or found is not None:
                return result if field == WHOLE else found
        raise OperationsError(f"the result of {self._maker.name} has none of its ids: {[*self._maker.ids]}")


async def _awaited(method: Callable[..., Any], *placed: Any, **named: Any) -> Any:
    """Make a call of any kind, and run an iterator that it returns to its end."""
    result = method(*placed, **named)
    return await drained(await result if inspect.isawaitable(result) else result)
