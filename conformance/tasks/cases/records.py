"""Records behind the store's back: read by another client, removed, or overwritten with what is none."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import count, product
from typing import Any

from conformance.harness import Capability
from conformance.tasks.adapter import TaskView
from conformance.tasks.case import Namespace, case
from conformance.tasks.cases.contents import calls_on, create, fill, outcome_of
from conformance.tasks.spec.model import FIELDS, TEXTS
from conformance.tasks.tables.tasks import BEYOND
from taskstore import RecordUnreadable, TaskStatus


@case("SHARE-03", needs=Capability.SHARED)
async def test_another_client_can_read_the_record(store: Any, namespace: Namespace) -> None:
    """The stored record has every field of the task under its name, after each write."""
    for task in await fill(store, namespace):
        record = json.loads(namespace.inspector.raw(task.task_id) or b"{}")
        values = [task.task_id, task.progress, [*task.video_ids], task.metadata["config"]]
        values += filter(None, (getattr(task, name) for name in TEXTS))
        missing = [value for value in values if _json(value) not in _json(record)]
        if not isinstance(task, TaskView):  # an adapter's store has names of its own
            missing += [name for name in FIELDS if name not in record and getattr(task, name) is not None]
        assert not missing, f"{missing!r:.200} of the task are not in {record!r:.2000}"


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


_REMOVED: tuple[Sequence[int], ...] = ((0,), (1, 3), range(5), range(1, 130))
"""Which tasks are removed, counted from the newest: one, several, a whole page, and many."""


@case("LIST-11", "LIST-04", needs=Capability.SHARED)
async def test_a_removed_record_is_neither_listed_nor_counted(store: Any, namespace: Namespace) -> None:
    """Pages that come to the places of deleted records are as long as others, and from then on no total counts them."""
    for places, status in product(_REMOVED, (None, TaskStatus.PENDING)):
        for _ in range(places[-1] + 3):
            await create(store)
        listed = _ids(await store.list_tasks(status, limit=1_000))
        for place in places:
            namespace.inspector.delete(listed[place])

        left = [task_id for place, task_id in enumerate(listed) if place not in places]
        for offset in range(0, len(left), 2):
            page = await store.list_tasks(status, limit=2, offset=offset)
            assert _ids(page) == left[offset : offset + 2]
        for each in (None, TaskStatus.PENDING):
            assert (await store.list_tasks(each, limit=0)).total == len(left)


def _ids(page: Any) -> list[str]:
    return [task.task_id for task in page.tasks]


_NO_RECORDS = (None, b"", b"not json", b"{}", b"[1]", b"\xff\xfe")
"""What no store can take for the record of a task; None is a value of another type."""
_NEEDED = ("status", "created_at", "updated_at")
_NO_VALUES = ("", "soon", "-1", [1], '["v1",]', '{"config":NaN}')
"""What hardly a field can have."""
_CONFIG = {"text": "text " * 100, "number": 123.0625, "list": ["item", {"a": 7}]}


def _damages(raw: bytes) -> Iterator[tuple[str, bytes | None, bool]]:
    """Yield what is wrong, what to put in the place of a record, and whether every operation needs what is damaged."""
    for wrong in (*_NO_RECORDS, raw[: len(raw) // 2]):
        yield f"the record {wrong!r:.20}", wrong, True
    record = json.loads(raw)
    for name in record:
        others = {field: value for field, value in record.items() if field != name}
        yield f"no {name}", _dumped(others), name in _NEEDED
        for value in _NO_VALUES:
            yield f"the {name} {value!r}", _dumped({**record, name: value}), name in _NEEDED


def _dumped(record: Any) -> bytes:
    return json.dumps(record, separators=(",", ":")).encode()


@case("FAIL-09", needs=Capability.SHARED)
async def test_an_unreadable_record_is_named_and_left(store: Any, namespace: Namespace) -> None:
    """A record that is none, half of one, or has a wrong field: calls refuse it and leave it, listings name it."""
    for number in count():
        for _ in range(3):
            await create(store, _CONFIG)
        ids = _ids(await store.list_tasks())
        raw = namespace.inspector.raw(ids[1]) or b"{}"
        damages = [*_damages(raw)]
        if number == len(damages):
            break
        damage, wrong, is_needed = damages[number]
        if wrong not in (raw, _dumped(json.loads(raw))):
            await _check_damaged(store, namespace, ids, damage, wrong, is_needed=is_needed)
        for task_id in ids:
            namespace.inspector.delete(task_id)
        await store.list_tasks()  # which forgets them


async def _check_damaged(
    store: Any, namespace: Namespace, ids: list[str], damage: str, wrong: bytes | None, *, is_needed: bool
) -> None:
    inspector, task_id, there = namespace.inspector, ids[1], None
    for name, call in calls_on(task_id).items():
        if wrong is None:
            inspector.overwrite_with_another_type(task_id)
        else:
            inspector.overwrite(task_id, wrong)
            there = inspector.raw(task_id)
        if name == "get" and namespace.has(Capability.MAINTENANCE):
            await store.purge(BEYOND)

        came = await outcome_of(call(store))

        told = f"{name} with {damage} came to {came!r:.200}"
        if isinstance(came, RecordUnreadable):
            is_left = there is None or came.write_may_have_happened or inspector.raw(task_id) == there
            assert is_left, f"{told}, and has changed the record"
            if name == "get":
                await _check_listed(store, namespace, ids, came.key, damage)
        else:
            assert not is_needed, told
            assert not isinstance(came, Exception), told


async def _check_listed(store: Any, namespace: Namespace, ids: list[str], key: str, damage: str) -> None:
    """Check that listings leave out the task in the middle, name its key, count it, and go on behind it."""
    newer, _, older = ids
    for limit, offset, expected in ((3, 0, [newer, older]), (1, 1, []), (2, 1, [older])):
        page = await store.list_tasks(None, limit, offset)
        assert (_ids(page), [*page.unreadable], page.total) == (expected, [key], 3), f"with {damage}"
    if namespace.has(Capability.CURSOR):
        page = await store.list_tasks(limit=2, after=(await store.list_tasks(limit=1)).next)
        assert _ids(page) == [older], f"by cursor, with {damage}"
