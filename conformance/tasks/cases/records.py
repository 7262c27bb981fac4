"""Records behind the store's back: read by another client, removed, or overwritten with what is none."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any

from conformance.harness import Capability
from conformance.tasks.adapter import TaskView
from conformance.tasks.case import Namespace, case
from conformance.tasks.cases.contents import a_request, calls_on, fill, outcome_of
from conformance.tasks.spec.model import FIELDS, TEXTS
from conformance.tasks.tables.tasks import BEYOND
from taskstore import RecordUnreadable, TaskStatus


@case("SHARE-03", needs=Capability.SHARED)
async def test_another_client_can_read_the_record(store: Any, namespace: Namespace) -> None:
    """The stored record has every field of the task under its name, after each write, small or large."""
    tasks = await fill(store, namespace)
    large = {"a": [1, {"b": None}], "text": "word " * 100_000}
    tasks.append(await store.create_task(a_request(large)))
    for task in tasks:
        record = json.loads(namespace.inspector.raw(task.task_id) or b"{}")
        missing = [value for value in _values(task) if _json(value) not in _json(record)]
        if not isinstance(task, TaskView):  # an adapter's store has names of its own
            missing += [name for name in FIELDS if name not in record and getattr(task, name) is not None]
        assert not missing, f"{missing!r:.200} of the task are not in {record!r:.2000}"


def _values(task: Any) -> list[Any]:
    """Return values that another client has to find in the record of a task."""
    values = [task.task_id, task.progress, list(task.video_ids), task.metadata["config"]]
    values += filter(None, (getattr(task, name) for name in TEXTS))
    return values


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


_REMOVED: tuple[Sequence[int], ...] = (
    (0,),
    (1, 3),
    (2, 3, 4),
    (0, 1, 2, 3, 4),
    range(1, 130),
)
"""Which tasks are removed, counted from the newest: one, several, a whole page, all, and many."""


@case("LIST-11", "LIST-04", needs=Capability.SHARED)
async def test_a_removed_record_is_neither_listed_nor_counted(store: Any, namespace: Namespace) -> None:
    """Pages that come to the places of deleted records are as long as others, and from then on no total counts them."""
    for places, status in product(_REMOVED, (None, TaskStatus.PENDING)):
        for _ in range(places[-1] + 3):
            await store.create_task(a_request())
        await store.cancel_task((await store.create_task(a_request())).task_id)
        every = _ids(await store.list_tasks(limit=1_000))
        pending = _ids(await store.list_tasks(TaskStatus.PENDING, limit=1_000))
        gone = {pending[place] for place in places}

        for task_id in gone:
            namespace.inspector.delete(task_id)

        listed = pending if status else every
        left = [task_id for task_id in listed if task_id not in gone]
        for offset in range(0, len(left), 2):
            page = await store.list_tasks(status, limit=2, offset=offset)
            assert _ids(page) == left[offset : offset + 2]
        assert (await store.list_tasks(status, limit=0)).total == len(left)
        assert (await store.list_tasks(TaskStatus.PENDING, limit=0)).total == len(pending) - len(gone)


def _ids(page: Any) -> list[str]:
    return [task.task_id for task in page.tasks]


@dataclass(frozen=True)
class Damage:
    """A record in which something is wrong."""

    name: str
    of: Callable[[bytes], bytes | None]
    """Returns what is put in the place of a record; None is a value of another type."""
    is_needed: bool = True
    """Whether every operation needs what is damaged."""


_NO_RECORDS = (b"", b"not json", b"{}", b"[1]", b"\xff\xfe", None)
"""What no store can take for the record of a task."""
_WRONG_VALUES = {
    "status": (rf'"({"|".join(TaskStatus)})"', '"nothing"'),
    "year": (r"20\d\d-", "soon-"),
    "microsecond": (r':"?\d{16}\b"?', ':"soon"'),
}
"""What makes a status none in a record, and times no times: a pattern, and what comes in its place."""
_NEEDED = ("status", "created_at", "updated_at")
_OTHER_FORMS: dict[str, Sequence[str]] = {
    "progress": ("half", "101", "nan"),
    "status": ("nothing", "PENDING"),
    "created_at": ("soon", "-1"),
    "updated_at": ("soon", "1"),
    "completed_at": ("soon",),
    "video_ids": ("none", "[]", '["v1",]'),
    "metadata": ("none", '{"config":NaN}'),
}
"""By field, values that none has, besides the empty text and a list of a number."""


def _damages() -> Iterator[Damage]:
    """Yield each field damaged, a record with a wrong value, none, and half of one."""
    for name in FIELDS:
        is_needed = name in _NEEDED
        yield Damage(f"no {name}", partial(_without, name), is_needed)
        for value in ("", [1], *_OTHER_FORMS.get(name, ())):
            yield Damage(f"{name} {value!r}", partial(_with, name, value), is_needed)
    for name, (pattern, replacement) in _WRONG_VALUES.items():
        yield Damage(f"wrong {name}", partial(_replaced, pattern, replacement))
    for number, wrong in enumerate(_NO_RECORDS):
        yield Damage(f"no record {number}", partial(_instead, wrong))
    yield Damage("half a record", lambda raw: raw[: len(raw) // 2])


def _instead(wrong: bytes | None, _raw: bytes) -> bytes | None:
    return wrong


def _replaced(pattern: str, replacement: str, raw: bytes) -> bytes:
    return re.sub(pattern.encode(), replacement.encode(), raw)


def _without(name: str, raw: bytes) -> bytes:
    record = json.loads(raw)
    record.pop(name, None)
    return _dumped(record)


def _with(name: str, value: Any, raw: bytes) -> bytes:
    record = json.loads(raw)
    if name in record or record.keys() <= {*FIELDS}:  # behind an adapter a store has names of its own
        record[name] = value
    return _dumped(record)


def _dumped(record: Any) -> bytes:
    return json.dumps(record, separators=(",", ":")).encode()


@case("FAIL-09", needs=Capability.SHARED)
async def test_an_unreadable_record_is_named_and_left(store: Any, namespace: Namespace) -> None:
    """A record that is none, half of one, or has a wrong field: calls refuse it and leave it, listings name it."""
    for damage in _damages():
        for _ in range(3):
            await store.create_task(a_request(_CONFIG))
        ids = _ids(await store.list_tasks())
        raw = namespace.inspector.raw(ids[1]) or b"{}"
        wrong = damage.of(raw)
        if wrong is None or wrong not in (raw, _dumped(json.loads(raw))):
            await _check_damaged(store, namespace, ids, damage, wrong)
        for task_id in ids:
            namespace.inspector.delete(task_id)
        await store.list_tasks()  # which forgets them


_CONFIG = {"text": "text " * 100, "number": 123.0625, "list": ["item", {"a": 7}]}


async def _check_damaged(store: Any, namespace: Namespace, ids: list[str], damage: Damage, wrong: bytes | None) -> None:
    newer, task_id, older = ids
    key = ""
    is_written = False
    for name, call in calls_on(task_id).items():
        there = _put(namespace, task_id, wrong)
        came = await outcome_of(call(store))
        if not isinstance(came, RecordUnreadable):
            is_allowed = not damage.is_needed and not isinstance(came, Exception)
            assert is_allowed, f"expected RecordUnreadable of {name} with {damage.name}, came {came!r:.200}"
            is_written |= name != "get"
            continue
        is_written |= came.write_may_have_happened
        if not came.write_may_have_happened:
            _check_left(namespace, task_id, there, f"{name} with {damage.name}")
        if name == "get":
            key = came.key
    if not key:
        return

    there = _put(namespace, task_id, wrong)
    await _listed(store, namespace, [newer, older], key, damage.name)
    if namespace.has(Capability.MAINTENANCE) and not is_written:  # a cancelled task is purged
        await store.purge(BEYOND)
        _check_left(namespace, task_id, there, f"purge with {damage.name}")


def _put(namespace: Namespace, task_id: str, wrong: bytes | None) -> bytes | None:
    """Put something in the place of a record, and return what the inspector reads there; None if it reads nothing."""
    if wrong is None:
        namespace.inspector.overwrite_with_another_type(task_id)
        return None
    namespace.inspector.overwrite(task_id, wrong)
    return namespace.inspector.raw(task_id)


def _check_left(namespace: Namespace, task_id: str, there: bytes | None, by: str) -> None:
    if there is not None:
        assert namespace.inspector.raw(task_id) == there, f"a record has been changed by {by}"


async def _listed(store: Any, namespace: Namespace, others: list[str], key: str, damage: str) -> None:
    """Check that listings leave out the task in the middle, name its key, count it, and go on behind it."""
    newer, older = others
    for limit, offset, expected in ((3, 0, others), (1, 1, []), (2, 1, [older])):
        page = await store.list_tasks(None, limit, offset)
        assert _ids(page) == expected, f"with {damage}"
        assert [*page.unreadable] == [key], f"with {damage}"
        assert page.total == 3, f"with {damage}"

    if namespace.has(Capability.CURSOR):
        found: list[str] = []
        page = await store.list_tasks(limit=1)
        found += _ids(page)
        while page.next and len(found) < 9:
            page = await store.list_tasks(limit=1, after=page.next)
            found += _ids(page)
        assert found == [newer, older], f"by cursor, with {damage}"
