"""The calls of operations that a harness names for `compare`.

The first operation that writes fills the store, with the simplest value of each argument; then each is called on the
entries that are there. One that writes and takes only the name of an entry may remove it, and is not timed.
"""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import count, cycle, islice, repeat
from random import Random
from typing import Any

from conformance.harness import Harness
from conformance.measure.timing import Call, Calls, Works, gather
from conformance.operations.choices import pool_of
from conformance.operations.operation import Operation, OperationsError, with_ids
from conformance.operations.parts import awaited, drained, ids_in
from conformance.tasks.operations import operations_of

_KEYS: Mapping[type, Callable[[int], Any]] = {str: "key-{}".format, bytes: b"key-%d".__mod__, int: int}
"""What makes the n-th name of an entry, by its type."""


async def fill_by_operations(harness: Harness, store: Any, entries: int, random: Random) -> Works:
    """Fill a store, and return the calls of each operation that is timed; the one that fills it comes last.

    Raises:
        OperationsError: if the operations cannot be used, or none of them fills the store.
        HarnessFailedError: if the harness raises.
    """
    name = type(harness).__name__
    operations = operations_of(harness, name).values()
    timed = [each for each in operations if each.writes is None or {*each.arguments} != {*each.entry}]
    maker = next((each for each in timed if each.writes is not None), None)
    if maker is None:
        raise OperationsError(f"{name}: none of its operations writes an entry, so the store cannot be filled")
    new_keys = _new_keys(maker)
    keys = [*islice(new_keys, entries)]
    results = await gather(_calls(maker, store, keys), entries)
    if not maker.entry:
        keys = [value for result in results for _, value in ids_in(result, maker)]
    if not keys:
        raise OperationsError(f"the results of {maker.name} have none of its ids: {[*maker.ids]}")
    random.shuffle(keys)
    works = {each.name: _calls(each, store, cycle(keys)) for each in timed if each is not maker}
    return works | {maker.name: _calls(maker, store, new_keys)}


def _new_keys(maker: Operation) -> Iterator[Any]:
    """Return names of entries that are not there; None where the store chooses them."""
    if not maker.entry:
        return repeat(None)
    kind = type(pool_of(maker.strategies[maker.entry[0]]).plain.value)
    if kind not in _KEYS:
        raise OperationsError(f"{maker.name} names an entry by {kind.__name__}: str, bytes or int is needed")
    return map(_KEYS[kind], count())


def _calls(operation: Operation, store: Any, keys: Iterable[Any]) -> Calls:
    """Make a call for each key, which stands for what names an entry, and for ids of the store.

    Every other argument that is needed has the simplest value that it may have.
    """
    values = {name: pool_of(strategy).plain.value for name, strategy in operation.arguments.items()}
    for key in keys:
        given = {name: with_ids(value, [key]) for name, value in values.items()}
        given |= dict.fromkeys(operation.entry, key)
        call = operation.prepared(store, given)
        yield call if inspect.iscoroutinefunction(call) else partial(_awaited, call)


async def _awaited(call: Call) -> Any:
    """Make a call of any kind, and run an iterator that it returns to its end."""
    return await drained(await awaited(call()))
