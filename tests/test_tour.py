"""The tour: right stores pass, wrong ones fail where they are wrong, and everything that is planned is reached."""

from __future__ import annotations

import ast
import asyncio
import re
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from functools import cache, wraps
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from conformance import suite
from conformance.case import NotTestable
from conformance.cases.requirements import decide
from conformance.engine.play import Player
from conformance.engine.scene import (
    Advance,
    Cursor,
    Known,
    Populate,
    Reopen,
    Scene,
    Step,
    Text,
    Tick,
    Together,
    Walk,
    cancel,
    create,
    get,
    listing,
    purge,
    restore,
    update,
)
from conformance.engine.tally import Finding, Tally
from conformance.harness import Capability, Harness
from conformance.spec.model import FIELDS, OPERATIONS, STATUSES
from conformance.spec.requirements import REQUIREMENTS
from conformance.subjects.registry import find_subject
from conformance.tour.outcome import TOURED, Tour
from conformance.tour.plan import plan
from conformance.tour.run import play_all, run
from conformance.tour.tasks import LONG_AGO, restorable
from taskstore import MemoryTaskStore, Task, TaskExists, TaskPage, TaskStatus
from taskstore.redis import RedisTaskStore

RIGHT = ("memory", "memory-expiring", "embedded")


@cache
def toured(name: str, seed: int = 1) -> Tour:
    harness = find_subject(name)()
    with harness.running():
        return asyncio.run(run(harness, seed))


@pytest.mark.once
@pytest.mark.parametrize("name", RIGHT)
def test_a_right_store_passes(name: str) -> None:
    assert [f"{one.scene}: {one.words}" for one in toured(name).found] == []


@pytest.mark.once
def test_every_planned_class_is_reached_on_our_own_stores() -> None:
    planned = {name for scene in plan(1) for name in scene.classes}
    reached = {name for subject in RIGHT for name in toured(subject).reached}
    assert planned - reached == set()
    for operation in ("get_task", "update_task_status", "cancel_task", "create_task"):
        for subject in ("memory", "embedded"):
            assert toured(subject).met[operation].keys() == {*STATUSES, "no task"}
    for subject in ("memory", "embedded"):
        assert toured(subject).calls.keys() == {*OPERATIONS}


def test_a_seed_repeats_the_plan() -> None:
    one, same, other = ([each for each in plan(seed) if "the clock" not in each.name] for seed in (7, 7, 8))
    assert one == same != other


def test_the_classes_do_not_depend_on_the_seed() -> None:
    one, other = ({name for scene in plan(seed) for name in scene.classes} for seed in (1, 99))
    assert one == other


@pytest.mark.once
def test_the_requirements_with_a_test_are_those_that_are_exercised() -> None:
    exercised = {number for subject in RIGHT for number in toured(subject).exercised}
    assert exercised <= REQUIREMENTS.keys()
    assert set(TOURED) <= exercised


@pytest.mark.once
def test_what_a_bare_store_leaves_out_has_a_reason() -> None:
    bare = Wrapped(lambda _: None)
    bare.capabilities = frozenset()
    tour = asyncio.run(run(bare, 1))
    assert [number for number in TOURED if number not in tour.exercised and number not in tour.reasons] == []


class Wrapped(Harness):
    """A memory store that a function changes."""

    def __init__(self, change: Callable[[MemoryTaskStore], None], *, expires: bool = False) -> None:
        self._change = change
        self._base = find_subject("memory-expiring" if expires else "memory")()
        self.capabilities = self._base.capabilities

    @asynccontextmanager
    async def open(self, namespace: str) -> AsyncIterator[Any]:
        async with self._base.open(namespace) as store:
            self._change(store)
            yield store

    def advance(self, namespace: str, by: timedelta) -> None:
        self._base.advance(namespace, by)


def played(scene: Scene, change: Callable[[Any], None], *, expires: bool = False) -> list[Finding]:
    return asyncio.run(Player(Wrapped(change, expires=expires), Tally()).play(scene))


def changing(operation: str, **fields: Any) -> Callable[[Any], None]:
    """Make what an operation returns another task."""

    def change(store: Any) -> None:
        right = getattr(store, operation)

        async def wrong(*arguments: Any, **named: Any) -> Task:
            task: Task = await right(*arguments, **named)
            return task.model_copy(update=fields)

        setattr(store, operation, wrong)

    return change


def paging(function: Callable[[TaskPage], dict[str, Any]]) -> Callable[[Any], None]:
    """Make what a listing returns another page."""

    def change(store: Any) -> None:
        right = store.list_tasks

        async def wrong(*arguments: Any, **named: Any) -> TaskPage:
            page: TaskPage = await right(*arguments, **named)
            return page.model_copy(update=function(page))

        store.list_tasks = wrong

    return change


def raising(operation: str, error: Exception) -> Callable[[Any], None]:
    def change(store: Any) -> None:
        async def wrong(*_: Any, **__: Any) -> None:
            raise error

        setattr(store, operation, wrong)

    return change


def keeping_objects(store: Any) -> None:
    """Hand out the same metadata each time."""
    right = store.get_task
    kept: dict[str, Any] = {}

    async def wrong(task_id: str) -> Any:
        task = await right(task_id)

        class Live:
            def __getattr__(self, name: str) -> Any:
                return kept.setdefault(task_id, task.metadata) if name == "metadata" else getattr(task, name)

        return Live()

    store.get_task = wrong


def handing_back(store: Any) -> None:
    """Return the caller's own config with a new task. What is stored is another one."""
    right = store.create_task

    async def same(request: Any, **named: Any) -> Any:
        task = await right(request, **named)

        class HandedBack:
            def __init__(self) -> None:
                self.metadata = {"webhook_url": request.webhook_url, "config": request.config}

            def __getattr__(self, name: str) -> Any:
                return getattr(task, name)

        return HandedBack()

    store.create_task = same


def test_a_caller_may_change_what_it_passed_in_and_got_back() -> None:
    scene = Scene("handed back", (create(config={"a": 1}), get(), get(), listing()))
    assert played(scene, handing_back) == []


def remembering(store: Any) -> None:
    """Answer a listing from the first one."""
    right, pages = store.list_tasks, {}

    async def wrong(*arguments: Any, **named: Any) -> Any:
        key = repr((arguments, named))
        if key not in pages:
            pages[key] = await right(*arguments, **named)
        return pages[key]

    store.list_tasks = wrong


def moving_along(store: Any) -> None:
    """Change the task that was handed out last, where it is."""
    right = store.update_task_status
    handed: list[Task] = []

    async def wrong(*arguments: Any, **named: Any) -> Any:
        task = await right(*arguments, **named)
        for one in handed:
            vars(one).update(vars(task))
        handed[:] = [task]
        return task

    store.update_task_status = wrong


def losing(store: Any) -> None:
    """Read, wait, and write back what was read."""
    right = store.update_task_status
    get_task = store.get_task

    async def wrong(task_id: str, status: Any, progress: Any = None, current_step: Any = None, **named: Any) -> Any:
        before = await get_task(task_id)
        await asyncio.sleep(0)
        progress = before.progress if progress is None else progress
        current_step = before.current_step if current_step is None else current_step
        return await right(task_id, status, progress, current_step, **named)

    store.update_task_status = wrong


def handing_out(store: Any) -> None:
    """Hand out the objects that are stored, which callers can change."""
    stored: dict[str, SimpleNamespace] = {}

    def shared(method: Any) -> Any:
        async def call(*arguments: Any, **named: Any) -> Any:
            task = await method(*arguments, **named)
            before = stored.setdefault(task.task_id, SimpleNamespace(**vars_of(task)))
            changed = {name: value for name, value in vars_of(task).items() if name in ("status", "completed_at")}
            vars(before).update(changed)
            return before

        return call

    for name in ("create_task", "get_task", "update_task_status", "cancel_task"):
        setattr(store, name, shared(getattr(store, name)))


def vars_of(task: Task) -> dict[str, Any]:
    return {name: getattr(task, name) for name in FIELDS}


HALF = update("a", TaskStatus.CLIPPING, progress=50)
THIRD = update("a", TaskStatus.CLIPPING, progress=33)
CASES: list[tuple[str, str, Callable[[Any], None], tuple[Any, ...], bool]] = [
    ("a created task is final", "LIFE-01", changing("create_task", status=TaskStatus.FAILED), (create(),), False),
    ("a created task has a step", "LIFE-01", changing("create_task", current_step="x"), (create(),), False),
    ("videos are a list", "LIFE-01", changing("create_task", video_ids=["v"]), (create(),), False),
    ("a status is a text", "LIFE-02", changing("create_task", status="pending"), (create(),), False),
    ("a progress is whole", "LIFE-04", changing("update_task_status", progress=50), (create(), HALF), False),
    (
        "an update moves the creation",
        "LIFE-17",
        changing("update_task_status", created_at=restorable().created_at),
        (create(), HALF),
        False,
    ),
    (
        "a naive time",
        "VAL-10",
        changing("get_task", created_at=LONG_AGO.replace(tzinfo=None)),
        (create(), get()),
        False,
    ),
    ("a time of the past", "VAL-10", changing("create_task", created_at=restorable().created_at), (create(),), False),
    ("another text than was written", "LIFE-03", changing("get_task", current_step="x"), (create(), HALF), False),
    (
        "a written text is not returned",
        "VAL-09",
        changing("update_task_status", current_step="x"),
        (create(), update("a", TaskStatus.CLIPPING, current_step="y")),
        False,
    ),
    (
        "completing keeps the progress",
        "LIFE-05",
        changing("update_task_status", progress=7.0),
        (create(), update("a", TaskStatus.COMPLETED)),
        False,
    ),
    (
        "a foreign exception",
        "ID-03",
        raising("get_task", KeyError("x")),
        (Step("get_task", {"task_id": "none"}),),
        False,
    ),
    ("a lost task", "LIFE-03", raising("get_task", KeyError("x")), (create(), get()), False),
    ("metadata is handed out live", "VAL-02", keeping_objects, (create(config={"a": 1}), get(), get(), get()), False),
    ("a task that was handed out moves along", "VAL-02", moving_along, (create(), HALF, THIRD), False),
    ("a page of the past", "LIST-03", remembering, (create(), create("b")), False),
    ("the total is one too many", "LIST-03", paging(lambda page: {"total": page.total + 1}), (create(),), False),
    (
        "the order is reversed",
        "LIST-01",
        paging(lambda page: {"tasks": page.tasks[::-1]}),
        (create(), create("b")),
        False,
    ),
    ("a page without its limit", "LIST-06", paging(lambda _: {"limit": 10}), (create(),), False),
    (
        "a page has one too few",
        "LIST-04",
        paging(lambda page: {"tasks": page.tasks[:-1]}),
        (Populate(5), Walk(2)),
        False,
    ),
    (
        "a cursor that leads nowhere",
        "LIST-12",
        paging(lambda _: {"next": None}),
        (Populate(5), Walk(2, by_cursor=True)),
        False,
    ),
    (
        "a lost update",
        "ATOM-01",
        losing,
        (create(), Together((HALF, update("a", TaskStatus.CLIPPING, current_step="s")))),
        False,
    ),
    (
        "a purge that counts too many",
        "MAINT-01",
        lambda store: setattr(store, "purge", _two),
        (create(), cancel(), purge(restorable().created_at)),
        False,
    ),
    (
        "a restored task is not there",
        "MAINT-02",
        lambda store: setattr(store, "restore", _nothing),
        (restore(restorable()),),
        False,
    ),
    (
        "a task outlives its lifetime",
        "EXP-01",
        lambda store: setattr(store.store, "_is_due", lambda _: False),
        (create(), Advance(timedelta(days=8)), get()),
        True,
    ),
    (
        "a task is gone before its time",
        "EXP-01",
        lambda store: setattr(store.store, "_lifetime_ms", 1_000),
        (create(), Advance(timedelta(days=6)), get()),
        True,
    ),
]


async def _two(_: Any) -> int:
    return 2


async def _nothing(_: Any) -> None:
    return None


@pytest.mark.parametrize(
    ("name", "requirement", "change", "actions", "expires"), CASES, ids=[case[0] for case in CASES]
)
def test_a_wrong_store_fails_the_requirement_that_it_breaks(
    name: str, requirement: str, change: Callable[[Any], None], actions: tuple[Any, ...], expires: bool
) -> None:
    scene = Scene(name, actions)
    assert played(scene, lambda _: None, expires=expires) == []
    findings = played(scene, change, expires=expires)
    assert requirement in {number for one in findings for number in one.requirements}


def test_a_time_that_does_not_move_on_is_found() -> None:
    def stopped(store: Any) -> None:
        right = store.update_task_status

        async def wrong(*arguments: Any, **named: Any) -> Task:
            before = await store.get_task(named["task_id"])
            task: Task = await right(*arguments, **named)
            return task.model_copy(update={"updated_at": before.updated_at})

        store.update_task_status = wrong

    scene = Scene("later", (Known((create(), Tick(), HALF)),))
    assert played(scene, lambda _: None) == []
    assert [one.requirements for one in played(scene, stopped)] == [("LIFE-17",)]


def hanging(seconds: float) -> Callable[[Any], None]:
    """Make every read take its time."""

    def change(store: Any) -> None:
        right = store.get_task

        async def wrong(task_id: str) -> Any:
            await asyncio.sleep(seconds)
            return await right(task_id)

        store.get_task = wrong

    return change


def test_a_call_that_does_not_end_ends_its_scene(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("conformance.engine.run.SECONDS", 0.1)
    (finding,) = played(Scene("hanging", (create(), listing())), hanging(1_000))
    assert (finding.requirements, finding.words) == (("ATOM-06",), "get_task did not end within 0.1 s")


def test_each_call_has_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("conformance.engine.run.SECONDS", 0.4)
    monkeypatch.setattr("conformance.engine.run._EXTENDED", 0.05)
    assert played(Scene("slow", (Known((create(), *[get()] * 6)),)), hanging(0.1)) == []


def test_every_finding_breaks_a_requirement_that_has_a_test() -> None:
    def picky(store: Any) -> None:
        right = store.create_task

        async def wrong(request: Any, **named: Any) -> Task:
            task: Task = await right(request, **named)
            return task if request.config is None else task.metadata["no such name"]

        store.create_task = wrong

    tour = asyncio.run(play_all(Wrapped(picky), [Scene("picky", (create("", config={"a": 1}),))]))
    (found,) = tour.found
    assert found.words.startswith("create_task gave KeyError")
    assert {*found.requirements} & {*TOURED}


@pytest.mark.parametrize("is_right", [True, False])
def test_a_store_that_is_closed_ends_its_calls_with_its_own_exceptions(
    is_right: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not is_right:
        cancel_calls_on_closing(monkeypatch)
    scenes = [scene for scene in plan(1) if "closed in a call" in scene.classes]
    harness = find_subject("embedded")()
    with harness.running():
        tour = asyncio.run(play_all(harness, scenes))
    assert {one.requirements for one in tour.found} == (set() if is_right else {("API-04",)})
    assert tour.calls["create_task"].keys() - {"result"}, "no call waited"


def cancel_calls_on_closing(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: defaultdict[Any, set[asyncio.Task[Any]]] = defaultdict(set)
    right = RedisTaskStore.aclose

    def supervised(call: Any) -> Any:
        @wraps(call)
        async def wrong(store: Any, *given: Any, **named: Any) -> Any:
            task = asyncio.create_task(call(store, *given, **named))
            calls[store].add(task)
            task.add_done_callback(calls[store].discard)
            return await task

        return wrong

    async def close(store: Any) -> None:
        for task in calls[store]:
            task.cancel()
        await right(store)

    for name in OPERATIONS:
        monkeypatch.setattr(RedisTaskStore, name, supervised(getattr(RedisTaskStore, name)))
    monkeypatch.setattr(RedisTaskStore, "aclose", close)


def test_calls_that_no_order_explains_show_what_differs_from_the_nearest() -> None:
    race = Together((HALF, update("a", TaskStatus.CLIPPING, current_step="s")))
    told = [one.words for one in played(Scene("a race", (create(), race)), losing) if "ATOM-01" in one.requirements]
    nearest = "in the nearest one update_task_status gave progress=0.0; expected progress=50.0"
    assert told == [f"no order of the calls explains their results; {nearest}"]


def test_a_stored_object_that_a_caller_changed_is_no_race() -> None:
    race = Together((cancel(about=("ATOM-02",)), update("a", TaskStatus.COMPLETED)))
    tally = Tally()
    found = asyncio.run(Player(Wrapped(handing_out), tally).play(Scene("a race", (create(), race))))
    assert {one.requirements for one in found} == {("VAL-02",)}
    assert any(one.words.startswith("no order of the calls") for one in found)
    assert tally.exercised["ATOM-02"] == 1


def keeping_progress(store: Any) -> None:
    """Complete a task without its progress."""
    right = store.update_task_status

    async def wrong(task_id: str, status: Any, progress: Any = None, *given: Any, **named: Any) -> Any:
        task = await right(task_id, status, progress, *given, **named)
        return task.model_copy(update={"progress": 0.0}) if status is TaskStatus.COMPLETED else task

    store.update_task_status = wrong


def keeping_progress_and_losing(store: Any) -> None:
    """Complete a task without its progress, and lose updates of tasks that go on."""
    keeping_progress(store)
    right = store.update_task_status
    losing(store)
    wrong = store.update_task_status

    async def either(task_id: str, status: Any, *given: Any, **named: Any) -> Any:
        return await (right if status is TaskStatus.COMPLETED else wrong)(task_id, status, *given, **named)

    store.update_task_status = either


@pytest.mark.parametrize(("change", "loses"), [(keeping_progress, False), (keeping_progress_and_losing, True)])
def test_what_one_call_shows_by_itself_is_no_race(change: Callable[[Any], None], loses: bool) -> None:
    done = update("a", TaskStatus.COMPLETED)
    race = Together((update("a", TaskStatus.COMPLETED, about=("ATOM-02",)), cancel(about=("ATOM-02",))))
    updates = Together((HALF, update("a", TaskStatus.CLIPPING, current_step="s")))
    scenes = [Scene("alone", (create(), done)), Scene("race", (create(), race)), Scene("two", (create(), updates))]

    tour = asyncio.run(play_all(Wrapped(change), scenes))

    assert tour.against("LIFE-05")
    assert not tour.against("ATOM-02")
    assert tour.exercised["ATOM-02"]
    assert bool(tour.against("ATOM-01")) is loses


def cancelling_completed(store: Any) -> None:
    """Cancel a task that is completed, if it was restored; and if it uploads, although it is completed meanwhile."""
    overtaking(store)
    right = store.cancel_task

    async def wrong(task_id: str) -> Task:
        task = store._tasks.get(task_id)  # noqa: SLF001
        if task and task.status is TaskStatus.COMPLETED and task.created_at == LONG_AGO:
            changed: Task = task.model_copy(update={"status": TaskStatus.CANCELLED})
        else:
            changed = await right(task_id)
        return changed

    store.cancel_task = wrong


def test_a_race_is_not_explained_by_what_other_calls_show() -> None:
    race = Together((cancel(about=("ATOM-02",)), update("a", TaskStatus.COMPLETED, label="", about=("ATOM-02",))))
    completed = restorable("b", status="completed", progress=100.0, completed_at=LONG_AGO, created_at=LONG_AGO)
    scenes = [
        Scene("alone", (restore(completed), replace(cancel(Text("b")), label=""))),
        Scene("race", (create(), update("a", TaskStatus.UPLOADING), race)),
    ]

    tour = asyncio.run(play_all(Wrapped(cancelling_completed), scenes))

    assert tour.against("LIFE-10")
    assert tour.against("ATOM-02")


def clearing(store: Any) -> None:
    """Empty the URL of a task that is cancelled while it uploads."""
    right = store.cancel_task

    async def wrong(task_id: str) -> Task:
        is_uploading = store._tasks[task_id].status is TaskStatus.UPLOADING  # noqa: SLF001
        task: Task = await right(task_id)
        return task.model_copy(update={"result_url": None}) if is_uploading else task

    store.cancel_task = wrong


def test_a_field_that_a_call_does_not_give_and_empties_is_no_wrong_text() -> None:
    uploading = update("a", TaskStatus.UPLOADING, result_url="r")
    found = played(Scene("cancelled", (create(), uploading, cancel())), clearing)
    assert found[0].requirements == ("LIFE-09",)


def touching(store: Any) -> None:
    """Set the time of an update that is refused."""
    right = store.update_task_status

    async def wrong(task_id: str, status: Any, progress: Any = None, **named: Any) -> Any:
        if progress == 101:
            await right(task_id, status)
        return await right(task_id, status, progress, **named)

    store.update_task_status = wrong


def test_a_refused_call_that_changes_something_breaks_nothing_else() -> None:
    refused = update("a", TaskStatus.CLIPPING, progress=101)
    found = played(Scene("refused", (create(), HALF, refused)), touching)
    assert [one.requirements for one in found] == [("LIFE-14",)]


def rounding(store: Any) -> None:
    """Begin a page of a status at a multiple of its limit."""
    right = store.list_tasks

    async def wrong(status: Any = None, limit: int = 50, offset: int = 0, **named: Any) -> Any:
        page = await right(status, limit, offset - offset % limit if status and limit else offset, **named)
        return page.model_copy(update={"offset": offset})

    store.list_tasks = wrong


def test_a_cursor_that_fits_its_page_is_not_wrong_because_the_page_is() -> None:
    page = listing(status=TaskStatus.PENDING, limit=2, offset=1)
    found = played(Scene("a page", (Populate(5), page)), rounding)
    numbers = {number for one in found for number in one.requirements}
    assert "LIST-04" in numbers
    assert not numbers & {"LIST-12", "LIST-13"}


def remembering_purged(store: Any) -> None:
    """Refuse to restore a task that was purged."""
    right_purge, right = store.purge, store.restore
    gone: set[str] = set()

    async def purge_(before: Any) -> Any:
        known = {*store._tasks}  # noqa: SLF001
        count = await right_purge(before)
        gone.update(known - {*store._tasks})  # noqa: SLF001
        return count

    async def wrong(task: Any) -> None:
        if getattr(task, "task_id", None) in gone:
            raise TaskExists(task.task_id)
        await right(task)

    store.purge, store.restore = purge_, wrong


def overtaking(store: Any) -> None:
    """Cancel a task that uploads although it is completed meanwhile."""
    right = store.cancel_task

    async def wrong(task_id: str) -> Task:
        before = store._tasks.get(task_id)  # noqa: SLF001
        await asyncio.sleep(0)
        after = store._tasks.get(task_id)  # noqa: SLF001
        if before and before.status is TaskStatus.UPLOADING and after.status is TaskStatus.COMPLETED:
            task: Task = after.model_copy(update={"status": TaskStatus.CANCELLED})
        else:
            task = await right(task_id)
        return task

    store.cancel_task = wrong


@pytest.mark.parametrize(
    ("change", "kind", "number"),
    [(remembering_purged, "restored again", "MAINT-02"), (overtaking, "race on 1 instances", "ATOM-02")],
)
def test_the_plan_meets(change: Callable[[Any], None], kind: str, number: str) -> None:
    scenes = [scene for scene in plan(1) if kind in scene.classes]
    tour = asyncio.run(play_all(Wrapped(change), scenes))
    assert {one for found in tour.found for one in found.requirements} == {number}


COARSE = """
import time

from conformance import Capability, Harness
from taskstore import MemoryTaskStore

class Coarse(Harness):
    capabilities = frozenset({Capability.CALLER_IDS, Capability.CURSOR, Capability.MAINTENANCE})

    def open(self, namespace):
        return MemoryTaskStore(clock=lambda: time.time_ns() // 10**9 * 10**9)
"""


@pytest.mark.once
@pytest.mark.usefixtures("few_plugins")
def test_the_readable_cases_take_a_coarse_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "coarse.py").write_text(COARSE)
    monkeypatch.chdir(tmp_path)
    results = suite.run(["coarse:Coarse"], ["--conformance-partial", "-k", "listing or maintenance"])
    verdicts = {one.verdict for one in results.results}
    assert "pass" in verdicts
    assert not verdicts & {"fail", "harness-error"}


def test_an_update_of_which_a_part_is_wrong_is_not_lost() -> None:
    found = played(Scene("completed", (create(), update("a", TaskStatus.COMPLETED))), keeping_progress)
    assert found[0].requirements[0] == "LIFE-05"
    assert "ATOM-01" not in {number for one in found for number in one.requirements}


def test_a_requirement_whose_scenes_end_before_has_a_reason() -> None:
    scenes = [Scene("created", (create(), HALF, get()), about=("EXP-05",))]
    tour = asyncio.run(play_all(Wrapped(raising("create_task", RuntimeError("no"))), scenes))
    (reason,) = tour.reasons["EXP-05"]
    assert re.fullmatch("its scenes end where [A-Z]+-[0-9]+ fails", reason)
    with pytest.raises(NotTestable, match="its scenes end where"):
        decide("EXP-05", tour, "memory")


def test_a_cancelled_call_may_have_taken_effect_or_not() -> None:
    lost = Together((HALF, update("a", TaskStatus.UPLOADING, current_step="s")), cancelled=1)
    scene = Scene("lost", (create(), lost, get(), listing()))
    assert played(scene, lambda _: None) == []


def test_a_store_that_is_not_persistent_starts_without_tasks() -> None:
    kept: list[Any] = []

    def remembers(store: Any) -> None:
        kept.append(store)
        store._tasks, store._created = kept[0]._tasks, kept[0]._created  # noqa: SLF001
        store._created_by_status = kept[0]._created_by_status  # noqa: SLF001

    scene = Scene("reopened", (create(), Reopen(), get(), listing()))
    assert played(scene, lambda _: None) == []
    assert {number for one in played(scene, remembers) for number in one.requirements} >= {"DUR-03"}


def test_findings_print_as_python() -> None:
    steps = (
        create(video_ids=("v", "x" * 100_000), config={"a": [2**64 - 1, None], "b": "é\n"}),
        listing("p", limit=1),
        Step("list_tasks", {"after": Cursor("p")}),
        restore(restorable(current_step="ab" * 1_000)),
        update("a", TaskStatus.FAILED, error_message="e"),
    )
    (finding, *_) = played(Scene("printed", steps), changing("update_task_status", error_message="x"))
    assert len("\n".join(finding.lines)) < 2_000
    body = "\n".join(f"    {line}" for line in finding.lines)
    ast.parse(f"async def script():\n{body}\n    pass")


def test_ids_that_follow_from_one_another_are_found() -> None:
    def counting(store: Any) -> None:
        right = store.create_task
        count = iter(range(10**6))

        async def wrong(request: Any, *, task_id: str | None = None) -> Task:
            return await right(request, task_id=task_id or f"task_{next(count):032x}")  # type: ignore[no-any-return]

        store.create_task = wrong

    harness = Wrapped(counting)
    harness.capabilities = frozenset({Capability.CURSOR})
    tally = Tally()
    asyncio.run(Player(harness, tally).play(Scene("many", (Populate(300),))))
    from conformance.tour.made_ids import about_ids

    assert [one.requirements for one in about_ids(tally)] == [("ID-02",)]


def test_a_store_that_declares_no_cursor_owes_none() -> None:
    scene = Scene("three tasks", (create(), create("b"), create("c"), listing(limit=2)))
    without = Wrapped(paging(lambda _: {"next": None}))
    assert {number for one in asyncio.run(Player(without, Tally()).play(scene)) for number in one.requirements} == {
        "LIST-12",
        "LIST-13",
    }
    without.capabilities -= {Capability.CURSOR}
    assert asyncio.run(Player(without, Tally()).play(scene)) == []
