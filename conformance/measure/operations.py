"""Which calls are measured of a store: those of a task store, or those that its harness names for `compare`.

A harness with a method `operations` is measured by them, with the plainest value of each argument's strategy. The store
is filled by the first operation that writes; then each operation is called on the entries that are there. An operation
that writes and takes only the name of an entry may remove it, and is not timed: a second call would do nothing.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count, cycle, repeat
from random import Random
from typing import Any

from conformance.compare.checks import check_methods, operations_of
from conformance.compare.choices import Pool
from conformance.compare.operation import WHOLE, EarlierId, Operation, OperationsError
from conformance.compare.values import drained
from conformance.harness import Harness

SEED = 0
PAGE = 50
AT_ONCE = 16
Key = Any
"""The name of an entry: a text, a number, bytes, or an id that the store gave."""


@dataclass(frozen=True)
class Calls:
    """Calls without end, all of one kind; `right` takes an answer and the arguments that it answers."""

    call: Callable[..., Awaitable[Any]]
    arguments: Iterator[tuple[Any, ...]]
    right: Callable[..., bool] = lambda *_: True


@dataclass(frozen=True)
class Workload:
    """How a store is filled, what is called on the keys of its entries, and what is not timed and why.

    `maker` is the operation that fills it.
    """

    maker: str
    fill: Callable[[Any, int], Coroutine[Any, Any, list[Key]]]
    works: Mapping[str, Callable[[Any, Sequence[Key], Random], Calls]]
    left_out: Mapping[str, str]


def workload_of(harness: Harness, name: str) -> Workload:
    """Choose what is measured of a harness's store.

    Raises:
        OperationsError: if the operations that it names cannot be used, or none of them fills the store.
        HarnessFailedError: if the harness raises.
    """
    if not hasattr(harness, "operations"):
        return _of_tasks()
    operations = operations_of(harness, name)
    makers = [one for one in operations.values() if one.writes is not None and not _removes(one)]
    if not makers:
        raise OperationsError(f"{name}: none of its operations writes an entry, so the store cannot be filled")
    maker, left_out = _Maker(makers[0], operations, name), {}
    works = {}
    for operation in operations.values():
        if _removes(operation):
            left_out[operation.name] = "it takes only the name of an entry, and may remove it"
        else:
            works[operation.name] = maker.work(operation)
    return Workload(makers[0].name, maker.fill, works, left_out)


def _removes(operation: Operation) -> bool:
    return operation.writes is not None and {*operation.arguments} == {*operation.entry}


class _Maker:
    """Fills a store by one of its operations, and makes calls of all of them."""

    def __init__(self, maker: Operation, operations: Mapping[str, Operation], name: str) -> None:
        self._maker, self._operations, self._name = maker, operations, name
        self._plain = {
            (operation.name, argument): Pool(strategy).plain.value
            for operation in operations.values()
            for argument, strategy in operation.arguments.items()
        }
        self._numbers = count()

    async def fill(self, store: Any, entries: int) -> list[Key]:
        """Make that many entries, and return their keys."""
        check_methods(store, self._operations, self._name)
        keys: list[Key] = []
        while len(keys) < entries:
            new = [self._new_key() for _ in range(min(AT_ONCE, entries - len(keys)))]
            call = _calling(self._maker, store)
            results = await asyncio.gather(*(call(*self._arguments(self._maker, key)) for key in new))
            keys += new if self._maker.entry else map(self._id_in, results)
        return keys

    def work(self, operation: Operation) -> Callable[[Any, Sequence[Key], Random], Calls]:
        """Make calls of an operation: on the keys in random order, or with new ones if it fills the store."""

        def work(store: Any, keys: Sequence[Key], random: Random) -> Calls:
            known = cycle(random.sample(keys, len(keys)))
            new = iter(self._new_key, object())
            chosen = new if operation is self._maker else known
            return Calls(_calling(operation, store), (self._arguments(operation, key) for key in chosen))

        return work

    def _arguments(self, operation: Operation, key: Key) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Give the arguments by place and those by name."""
        given = {argument: self._plain[operation.name, argument] for argument in operation.arguments}
        for argument, value in given.items():
            if argument in operation.entry or isinstance(value, EarlierId):
                given[argument] = key
        return tuple(given.pop(name) for name in operation.positional if name in given), given

    def _new_key(self) -> Key:
        if not self._maker.entry:
            return None  # the store chooses it
        number, plain = next(self._numbers), self._plain[self._maker.name, self._maker.entry[0]]
        match plain:
            case str():
                return f"key-{number}"
            case bytes():
                return f"key-{number}".encode()
            case int():
                return number
        raise OperationsError(
            f"{self._name}: {self._maker.name} names an entry by a {type(plain).__name__}: text, bytes or int is needed"
        )

    def _id_in(self, result: Any) -> Key:
        for field in self._maker.ids:
            if field == WHOLE:
                return result
            found = result.get(field) if isinstance(result, Mapping) else getattr(result, field, None)
            if found is not None:
                return found
        raise OperationsError(
            f"{self._name}: the result of {self._maker.name} has none of its ids: {[*self._maker.ids]}"
        )


def _calling(operation: Operation, store: Any) -> Callable[..., Awaitable[Any]]:
    """Make the call of an operation, with as little around it as there can be."""
    method = getattr(store, operation.call) if isinstance(operation.call, str) else partial(operation.call, store)

    async def awaited(placed: tuple[Any, ...], named: dict[str, Any]) -> Any:
        return await method(*placed, **named)

    async def of_any_kind(placed: tuple[Any, ...], named: dict[str, Any]) -> Any:
        result = method(*placed, **named)
        return await drained(await result if inspect.isawaitable(result) else result)

    return awaited if inspect.iscoroutinefunction(method) else of_any_kind


def _of_tasks() -> Workload:
    """Create, get, list and update of a task store, with a configuration of some 400 bytes."""
    from taskstore import TaskCreateRequest, TaskStatus

    config = {
        "language": "en",
        "clip_seconds": [15, 60],
        "subtitles": {"burn_in": True, "font": "Noto Sans", "size": 42, "colour": "#ffffff"},
        "prompt": "Find the stories that the guest tells, and cut after the laugh." * 4,
    }
    request = TaskCreateRequest(video_ids=("dQw4w9WgXcQ", "9bZkp7q19f0"), config=config)
    steps = ((TaskStatus.ANALYZING, 10.0, "Reading"), (TaskStatus.CLIPPING, 70.0, "Cutting"))

    async def fill(store: Any, entries: int) -> list[Key]:
        ids: list[Key] = []
        while len(ids) < entries:
            creating = (store.create_task(request) for _ in range(min(AT_ONCE, entries - len(ids))))
            ids += [task.task_id for task in await asyncio.gather(*creating)]
        return ids

    def get(store: Any, ids: Sequence[Key], random: Random) -> Calls:
        chosen = cycle([(one,) for one in random.sample(ids, len(ids))])
        return Calls(store.get_task, chosen, lambda task, task_id: task.task_id == task_id)

    def page(store: Any, ids: Sequence[Key], _: Random) -> Calls:
        return Calls(
            store.list_tasks,
            repeat((None, PAGE, 0)),
            lambda found, *_: found.total == len(ids) and len(found.tasks) == min(PAGE, len(ids)),
        )

    def update(store: Any, ids: Sequence[Key], random: Random) -> Calls:
        order = random.sample(ids, len(ids))
        changes = ((task_id, *step) for step in cycle(steps) for task_id in order)
        return Calls(store.update_task_status, changes, lambda task, _, status, *__: task.status == status)

    def create(store: Any, _: Sequence[Key], __: Random) -> Calls:
        return Calls(
            store.create_task, repeat((request,)), lambda task, _: len(task.video_ids) == len(request.video_ids)
        )

    return Workload("create", fill, {"get": get, "list": page, "update": update, "create": create}, {})
