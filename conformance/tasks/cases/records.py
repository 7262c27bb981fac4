"""Records behind the store's back: read by another client, removed, or overwritten with what is none."""

import json
from collections.abc import Iterator
from itertools import product
from typing import Any

from conformance.harness import Capability
from conformance.tasks.case import Namespace, case
from conformance.tasks.cases.contents import a_request, calls_on, create, outcome_of
from conformance.tasks.spec.model import TEXTS
from conformance.tasks.tables.tasks import LONG_AGO
from taskstore import RecordUnreadable, TaskFinal, TaskStatus

_REMOVED = {0, 2, 4, *range(8, 15), *range(20, 150)}
"""Which of 160 tasks are removed, counted from the newest: single ones, whole pages, and many."""


@case("LIST-11", "LIST-04", needs="shared")
async def test_a_removed_record_is_neither_listed_nor_counted(store: Any, namespace: Namespace) -> None:
    """Pages that come to the places of deleted records are as long as others, and from then on no total counts them."""
    for status in (None, TaskStatus.PENDING):
        for _ in range(160):
            await create(store)
        left = []
        for place, task_id in enumerate(_ids(await store.list_tasks(status, limit=1_000))):
            if place in _REMOVED:
                namespace.inspector.delete(task_id)
            else:
                left.append(task_id)

        for offset in range(0, len(left), 2):
            page = await store.list_tasks(status, limit=2, offset=offset)
            assert _ids(page) == left[offset : offset + 2]
        for each in (None, TaskStatus.PENDING):
            assert (await store.list_tasks(each, limit=0)).total == len(left)


def _ids(page: Any) -> list[str]:
    return [task.task_id for task in page.tasks]


_NO_RECORDS = (b"", b"not json", b"{}", b"[1]", b"\xff\xfe", None)
"""What no store can take for the record of a task; None is a value of another type."""
_NEEDED = ("status", "created_at", "updated_at")
_NO_VALUES = (None, "", "soon", "-1", [1], '["v1",]', '{"config":NaN}')
"""What hardly a field can have; with None there is no such field."""
_CONFIG = {"text": "text " * 100, "number": 123.0625, "list": ["item", {"a": 7}]}


def _damages(raw: bytes) -> Iterator[tuple[str, bytes, bool]]:
    """Yield which field of a record is wrong, such a record, and whether every operation needs the field."""
    record = json.loads(raw)
    for name, value in product(record, _NO_VALUES):
        damaged = {**record, name: value}
        if value is None:
            del damaged[name]
        yield f"the {name} {value!r}", json.dumps(damaged).encode(), name in _NEEDED


@case("FAIL-09", needs="shared")
async def test_an_unreadable_record_is_named_and_left(store: Any, namespace: Namespace) -> None:
    """A record that is none, half of one, or has a wrong field: calls refuse it and leave it, listings name it."""
    for _ in range(3):
        await store.create_task(a_request(_CONFIG))
    ids = _ids(await store.list_tasks())
    task_id = ids[1]
    inspector = namespace.inspector

    pending = inspector.raw(task_id) or b"{}"
    texts = {name: name for name in TEXTS}
    await store.update_task_status(task_id, TaskStatus.FAILED, 12.5, **texts)  # now it has every field
    failed = inspector.raw(task_id) or b"{}"
    # What is no record may change the type of the value, and then no record fits there again.
    half = failed[: len(failed) // 2]
    no_records = [(f"the record {record!r:.20}", record, True) for record in (half, *_NO_RECORDS)]
    damages = *_damages(pending), *_damages(failed), *no_records
    for (damage, wrong, is_needed), (name, call) in product(damages, calls_on(task_id).items()):
        stored = None
        if wrong is None:
            inspector.overwrite_with_another_type(task_id)
        else:
            inspector.overwrite(task_id, wrong)
            stored = inspector.raw(task_id)

        came = await outcome_of(call(store))

        told = f"{name} with {damage} came to {came!r:.200}"
        if not isinstance(came, RecordUnreadable):
            assert not is_needed, told
            assert isinstance(came, TaskFinal) or not isinstance(came, Exception), told
            continue
        is_left = stored is None or came.write_may_have_happened or inspector.raw(task_id) == stored
        assert is_left, f"{told}, and has changed the record"
        if name == "get":
            await _check_listed(store, namespace, ids, came.key, damage)


async def _check_listed(store: Any, namespace: Namespace, ids: list[str], key: str, damage: str) -> None:
    """Check that a purge leaves the task in the middle, and that listings name its key, count it and go on behind."""
    if namespace.has(Capability.MAINTENANCE):
        await store.purge(LONG_AGO)
    newer, _, older = ids
    for limit, offset, expected in ((3, 0, [newer, older]), (1, 1, []), (2, 1, [older])):
        page = await store.list_tasks(None, limit, offset)
        assert (_ids(page), [*page.unreadable], page.total) == (expected, [key], 3), f"with {damage}"
    if namespace.has(Capability.CURSOR):
        first = await store.list_tasks(limit=1)
        page = await store.list_tasks(limit=2, after=first.next)
        assert _ids(page) == [older], f"by cursor, with {damage}"
