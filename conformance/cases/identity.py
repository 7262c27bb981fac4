"""Ids are unguessable, are never patterns, and any text may be asked for."""

from __future__ import annotations

import asyncio
import os
import re
from functools import partial
from typing import Any

import pytest

from conformance.case import Namespace, NotTestable, case
from conformance.cases.atomicity import ROUNDS, marked
from conformance.cases.environment import application, closed_port, run_python, with_opener
from conformance.cases.interpreter import two_interpreters
from conformance.cases.operations import Call, operations_on
from conformance.engine.arguments import as_task
from conformance.harness import Capability, HookMissingError
from conformance.spec.equality import snapshot
from conformance.strategies import a_request
from taskstore import (
    InvalidArgument,
    MaintainedTaskStore,
    RecordUnreadable,
    StoreUnavailable,
    Task,
    TaskExists,
    TaskNotFound,
    TaskStatus,
    TaskStore,
)


@case("ID-03")
async def test_an_id_is_no_pattern(store: TaskStore) -> None:
    """What merely matches or resembles the id of a task does not name it, for get, update and cancel."""
    task = await store.create_task(a_request())
    changes = ("", "*", "task_*", "{}*", "[{}", "{}\n", "{} ", "{}:", "?{}", "{}\x00", "/{}", "{}\ud800")
    for change in (*changes, "{}\ud83d\ude00"):
        similar = change.replace("{}", task.task_id)
        for call in operations_on(store, similar).values():
            with pytest.raises(TaskNotFound) as missing:
                await call()
            assert missing.value.task_id == similar
    assert snapshot(await store.get_task(task.task_id)) == snapshot(task)


CREATIONS = """
import asyncio, random, sys
from taskstore import TaskCreateRequest
from {module} import {function} as open_store
async def main():
    async with open_store() as store:
        for _ in range(3):
            random.seed(7)  # as an application may, for purposes of its own
            print("id:", (await store.create_task(TaskCreateRequest(video_ids=["v"]))).task_id)
    sys.stdout.flush()
asyncio.run(main())
"""
FORKED = """
import os
child = os.fork()
if child:
    assert os.waitpid(child, 0)[1] == 0
asyncio.run(main())
"""
"""What goes on behind `CREATIONS` in two processes, as a server does that makes its workers by forking."""


@case("ID-01", "ID-02", mode="either")
async def test_every_process_makes_other_ids(namespace: Namespace) -> None:
    """Two interpreters that begin alike give no id twice; where nothing is shared, no id of random digits."""
    program = with_opener(CREATIONS, namespace)
    with application(namespace):
        printed = await asyncio.gather(*(asyncio.to_thread(run_python, "-c", program) for _ in range(2)))
    first, second = (re.findall("^id: (.+)$", one, re.MULTILINE) for one in printed)
    assert len({*first}) == len({*second}) == 3, printed
    assert not [one for one in first if one in second and has_to_differ(one, namespace)]


@case("ID-01", mode="either")
async def test_forked_processes_make_other_ids(namespace: Namespace) -> None:
    """The same of two that were one process when the first tasks were created."""
    if not hasattr(os, "fork"):
        raise NotTestable("this machine cannot fork a process")
    with application(namespace):
        printed = await asyncio.to_thread(run_python, "-c", with_opener(CREATIONS + FORKED, namespace))
    ids = re.findall("^id: (.+)$", printed, re.MULTILINE)
    assert len(ids) == 9, printed
    assert not [one for one in ids if ids.count(one) > 1 and has_to_differ(one, namespace)]


def has_to_differ(task_id: str, namespace: Namespace) -> bool:
    """Whether no other process may make this id: the store is shared, or the id is one of random digits."""
    is_shared = Capability.SHARED in namespace.harness.capabilities
    return is_shared or re.fullmatch("task_[0-9a-fA-F]{32,}", task_id) is not None


@case("MAINT-02", needs=Capability.MAINTENANCE)
async def test_creating_never_overwrites(store: MaintainedTaskStore) -> None:
    """A task restored under an id that is taken is refused, and the first stays."""
    task = await store.create_task(a_request())
    now = await store.update_task_status(task.task_id, TaskStatus.CLIPPING, 40)
    with pytest.raises(TaskExists) as refused:
        await store.restore(as_task(task))
    assert refused.value.task_id == task.task_id
    assert await store.get_task(task.task_id) == now


@case("MAINT-02", needs=(Capability.MAINTENANCE, Capability.SHARED))
async def test_creating_never_overwrites_what_cannot_be_read(store: MaintainedTaskStore, namespace: Namespace) -> None:
    """An id whose record is broken, or of another type, is taken, and a restore leaves the record as it is."""
    task = await store.create_task(a_request())
    await leaves_what_cannot_be_read(store, namespace, task, lambda: store.restore(as_task(task)))


@case("ID-06", needs=(Capability.CALLER_IDS, Capability.SHARED))
async def test_a_create_leaves_what_cannot_be_read(store: TaskStore, namespace: Namespace) -> None:
    """The same of a create under the id, with the request of the task."""
    task = await store.create_task(a_request(), task_id="job-1")
    again = partial(store.create_task, a_request(), task_id="job-1")
    await leaves_what_cannot_be_read(store, namespace, task, again)


async def leaves_what_cannot_be_read(store: TaskStore, namespace: Namespace, task: Task, call: Call) -> None:
    """Break the record of a task in several ways; make a call that is refused, and leaves the record."""
    inspector = namespace.inspector
    for wrong in (b"", b"no record", None):
        if wrong is None:
            try:
                inspector.overwrite_with_another_type(task.task_id)
            except HookMissingError:
                return
        else:
            inspector.overwrite(task.task_id, wrong)
        with pytest.raises((TaskExists, RecordUnreadable)):
            await call()
        with pytest.raises(RecordUnreadable):
            await store.get_task(task.task_id)
        assert wrong is None or inspector.raw(task.task_id) == wrong


CONFIG = {"a": 1, "b": {"x": [0.0, None], "y": "文"}, "c": [{"d": 1, "e": [[{"f": 2, "g": {}}]]}, {"d": 3}]}
SAME = {"c": [{"e": [[{"g": {}, "f": 2}]], "d": 1}, {"d": 3}], "b": {"y": "文", "x": [0.0, None]}, "a": 1}
OTHERS: tuple[Any, ...] = (
    *(None, {}, {**CONFIG, "a": 1.0}, {**CONFIG, "a": True}, {**CONFIG, "z": None}, {"a": 1}, {**CONFIG, "c": []}),
    {**CONFIG, "c": [{"d": 1, "e": [[{"f": 2.0, "g": {}}]]}, {"d": 3}]},
    {**CONFIG, "c": [{"d": 3}, {"d": 1, "e": [[{"f": 2, "g": {}}]]}]},
)


@case("ID-06", needs=Capability.CALLER_IDS)
async def test_a_create_can_be_repeated_under_its_id(store: TaskStore) -> None:
    """With keys in another order too, also of objects in lists, on a live task and a final one. Another is refused."""
    task = await store.create_task(a_request(CONFIG), task_id="job-1")
    assert task.task_id == "job-1"
    for status in (TaskStatus.CLIPPING, TaskStatus.COMPLETED):
        assert snapshot(await store.create_task(a_request(SAME), task_id="job-1")) == snapshot(task)
        for other in OTHERS:
            with pytest.raises(TaskExists) as refused:
                await store.create_task(a_request(other), task_id="job-1")
            assert refused.value.task_id == "job-1"
        task = await store.update_task_status("job-1", status)
    assert snapshot(await store.create_task(a_request(CONFIG), task_id="job-1")) == snapshot(task)
    assert (await store.list_tasks()).total == 1


@case("ID-06", needs=(Capability.CALLER_IDS, Capability.SHARED, Capability.REMOTE))
async def test_creates_under_one_id_in_two_processes_make_one_task(namespace: Namespace) -> None:
    """Instances in two interpreters get the same task if the request is the same, or else one of them TaskExists."""
    async with two_interpreters(namespace) as pair:
        markers, _ = await marked(pair)
        same, others = ([f"{kind}-{number}" for number in range(ROUNDS)] for kind in ("same", "other"))
        calls = [(("create_task", a_request(), {"task_id": one}),) * 2 for one in same]
        calls += [
            (("create_task", a_request(), {"task_id": one}), ("create_task", a_request(CONFIG), {"task_id": one}))
            for one in others
        ]
        outcomes = await pair.race(calls, markers)
        for own, other in outcomes[: len(same)]:
            assert own == other
        for own, other in outcomes[len(same) :]:
            assert [type(own), type(other)].count(dict) == [own, other].count("TaskExists") == 1, (own, other)
        stored = await pair.make_here(("get_task", one, {}) for one in (*same, *others))
        assert stored == [own if isinstance(own, dict) else other for own, other in outcomes]


@case("ID-02", needs=Capability.CALLER_IDS)
async def test_an_id_is_visible_ascii(store: TaskStore) -> None:
    """Every visible character, one of them and 256 are taken; blanks, controls, other alphabets and no text are not."""
    visible = "".join(map(chr, range(33, 127)))
    for task_id in ("x", visible, "y" * 256):
        task = await store.create_task(a_request(), task_id=task_id)
        assert task.task_id == task_id
        assert snapshot(await store.get_task(task_id)) == snapshot(task)
        updated = await store.update_task_status(task_id, TaskStatus.CLIPPING, 5)
        assert snapshot(await store.get_task(task_id)) == snapshot(updated)
    wrong: list[Any] = ["", " ", "a b", "a\n", "\x7f", "\x00", "é", "文", "\ud800", "x" * 257, 7, b"x", ["x"]]
    for task_id in (*wrong, "\ud83d\ude00"):
        with pytest.raises(InvalidArgument) as refused:
            await store.create_task(a_request(), task_id=task_id)
        assert refused.value.argument == "task_id"
    assert (await store.list_tasks()).total == 3


@case("ID-02", needs=(Capability.CALLER_IDS, Capability.REMOTE))
async def test_a_failed_create_names_its_id(namespace: Namespace) -> None:
    """It names the caller's id, or the one that the store made: with it the create can be repeated later."""
    with closed_port() as port:
        url = f"redis://127.0.0.1:{port}/0"
        async with namespace.harness.open_at(namespace.name, url, 5) as store:
            with pytest.raises(StoreUnavailable) as chosen:
                await store.create_task(a_request(), task_id="job-1")
            assert chosen.value.task_id == "job-1"
            with pytest.raises(StoreUnavailable) as made:
                await store.create_task(a_request())
            with pytest.raises(StoreUnavailable) as read:
                await store.get_task("job-1")
            assert read.value.task_id is None
    async with namespace.open() as store:
        assert made.value.task_id is not None
        task = await store.create_task(a_request(), task_id=made.value.task_id)
        assert task.task_id == made.value.task_id
