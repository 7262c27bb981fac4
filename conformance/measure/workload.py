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

from conformance.harness import Harness
from conformance.measure.timing import Call, Work, gather
from conformance.operations.choices import Pool
from conformance.operations.operation import WHOLE, EarlierId, Operation, OperationsError
from conformance.operations.parts import drained
from conformance.tasks.operations import operations_of

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
    left_out = [one.name for one in operations if one not in timed]
    return _of_operations(maker, sorted(timed, key=lambda one: one is maker), left_out)


def _of_operations(maker: Operation, operations: Sequence[Operation], left_out: Sequence[str]) -> Workload:
    """The calls of operations, of which one fills the store."""
    plain = {operation.name: _plain_values(operation) for operation in operations}
    new_keys: Iterator[Key] = repeat(None)  # the store chooses
    if maker.entry:
        kind = type(plain[maker.name][maker.entry[0]])
        if kind not in _KEYS:
            raise OperationsError(f"{maker.name} names an entry by {kind.__name__}: str, bytes or int is needed")
        new_keys = map(_KEYS[kind], count())

    def calls(operation: Operation, store: Any, keys: Iterable[Key]) -> Iterator[Call]:
        values = plain[operation.name]
        named = {name for name in values if name in operation.entry}
        earlier = {name for name, value in values.items() if isinstance(value, EarlierId)}
        call = _callable(operation, store)
        for key in keys:
            given = {**values, **dict.fromkeys(named | earlier, key)}
            placed = [given.pop(name) for name in operation.positional if name in given]
            yield partial(call, *placed, **given)

    async def fill(store: Any, entries: int) -> Sequence[Key]:
        keys = [*islice(new_keys, entries)]
        results = await gather(calls(maker, store, keys), entries)
        return keys if maker.entry else [_id_in(result, maker) for result in results]

    def works(store: Any, keys: Sequence[Key], random: Random) -> dict[str, Work]:
        known = random.sample(keys, len(keys))
        return {one.name: Work(calls(one, store, new_keys if one is maker else cycle(known))) for one in operations}

    return Workload(fill, works, left_out)


def _plain_values(operation: Operation) -> Mapping[str, Any]:
    """Give each argument the plainest value that it may have."""
    return {name: Pool(strategy).plain.value for name, strategy in operation.arguments.items()}


def _callable(operation: Operation, store: Any) -> Callable[..., Awaitable[Any]]:
    """Give something to await for each call of an operation, whatever kind of function it is."""
    method = getattr(store, operation.call) if isinstance(operation.call, str) else partial(operation.call, store)
    return method if inspect.iscoroutinefunction(method) else partial(_awaited, method)


def _id_in(result: Any, maker: Operation) -> Key:
    for field in maker.ids:
        found = result.get(field) if isinstance(result, Mapping) else getattr(result, field, None)
        if field == WHOLE or found is not None:
            return result if field == WHOLE else found
    raise OperationsError(f"the result of {maker.name} has none of its ids: {[*maker.ids]}")


async def _awaited(method: Callable[..., Any], *placed: Any, **named: Any) -> Any:
    """Make a call of any kind, and run an iterator that it returns to its end."""
    result = method(*placed, **named)
    return await drained(await result if inspect.isawaitable(result) else result)
