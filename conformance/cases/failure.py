"""A server that fails is never "not found" and never an empty list, and the exception says what to do."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import traceback

import pytest

from conformance.case import Namespace, NotTestable, case
from conformance.cases.environment import configured, elsewhere, open_and_close, silent_port, unused_port
from conformance.cases.operations import operations_on
from conformance.cases.table.bench import credentials
from conformance.cases.table.failures import (
    BUSY,
    DENIED,
    FULL,
    GONE,
    HTTP_REPLY,
    LATE,
    LOADING_REPLY,
    LOST,
    NO_REDIS,
    PASSWORD,
    READ_ONLY,
    REFUSED,
    REPEATS,
    SAYS_NO,
    SILENT,
)
from conformance.cases.table.play import away, table
from conformance.cases.table.seen import (
    Seen,
    denies_nothing,
    is_answered,
    keeps_the_secret,
    others_are_served,
    says_what_failed,
    says_what_failed_if_it_did,
    texts_of,
    unavailable,
)
from conformance.harness import Capability
from conformance.strategies import a_request
from conformance.subjects.proxy import Action, Proxy, Stage
from taskstore import FailureKind, MaintainedTaskStore, RecordUnreadable, StoreUnavailable, TaskStatus, TaskStore


@case("FAIL-01", needs=Capability.REMOTE)
async def test_nothing_listening_is_not_not_found(namespace: Namespace) -> None:
    """Each operation raises StoreUnavailable, as unreachable."""
    await away(namespace, REFUSED[0], unused_port(), says_what_failed)


@case("FAIL-01", "FAIL-11", needs=Capability.REMOTE)
async def test_nothing_listening_any_more_is_not_not_found(namespace: Namespace) -> None:
    """The same on a store that had a connection; when something listens again it goes on."""
    await table(namespace, REFUSED, says_what_failed, wrote_nothing, others_are_served)


@case("FAIL-11", needs=Capability.REMOTE)
async def test_nothing_listening_means_that_nothing_was_written(namespace: Namespace) -> None:
    """A request that never left did not happen, and the exception says so, in its field and in words."""
    await away(namespace, REFUSED[0], unused_port(), wrote_nothing)


@case("FAIL-01", needs=Capability.REMOTE)
async def test_a_silent_server_is_not_not_found(namespace: Namespace) -> None:
    """A server that accepts and never answers raises StoreUnavailable once the time is over."""
    with silent_port() as port:
        await away(namespace, SILENT[0], port, says_what_failed)


@case("FAIL-01", needs=Capability.REMOTE)
async def test_a_server_that_goes_silent_is_not_not_found(namespace: Namespace) -> None:
    """The same of one that has answered before."""
    await table(namespace, SILENT, says_what_failed, others_are_served)


@case("FAIL-01", needs=Capability.REMOTE, mode="redis")
async def test_opening_fails_when_nothing_listens(namespace: Namespace) -> None:
    """A wrong address is found at opening, not in the first request."""
    with (
        elsewhere(namespace, {"REDIS_HOST": "127.0.0.1", "REDIS_PORT": str(unused_port())}),
        pytest.raises(StoreUnavailable) as raised,
    ):
        await open_and_close(namespace)
    assert raised.value.failure_kind is FailureKind.UNREACHABLE


@case("FAIL-04", "FAIL-05", needs=Capability.REMOTE, mode="redis")
async def test_the_exception_says_what_to_check(namespace: Namespace) -> None:
    """Whatever keeps the server from answering, opening names the address and what to check, and not the password."""
    for stage, action, text, failure_kinds in (
        (None, Action.CUT, b"", (FailureKind.UNREACHABLE,)),
        (Stage.CONNECT, Action.CUT, b"", GONE),
        (Stage.REQUEST, Action.RESET, b"", GONE),
        (Stage.REQUEST, Action.ANSWER, LOADING_REPLY, (FailureKind.LOADING,)),
        (Stage.REQUEST, Action.ANSWER, HTTP_REPLY, GONE),
        (Stage.REQUEST, Action.ANSWER, b"-WRONGPASS invalid username-password pair\r\n", (FailureKind.REFUSED,)),
    ):
        async with Proxy("redis://127.0.0.1:1/0") as proxy:
            port = proxy.url.rpartition(":")[2].removesuffix("/0")
            if stage is None:
                await proxy.refuse()
            else:
                proxy.interrupt(stage, action, text=text, times=9)
            with (
                elsewhere(namespace, {"REDIS_HOST": "127.0.0.1", "REDIS_PORT": port, "REDIS_PASSWORD": PASSWORD}),
                pytest.raises(StoreUnavailable) as raised,
            ):
                await open_and_close(namespace)
        assert raised.value.failure_kind in failure_kinds
        assert raised.value.address == f"127.0.0.1:{port}/0"
        assert raised.value.address in str(raised.value)
        printed = "".join(traceback.format_exception(raised.value))
        assert PASSWORD not in printed
        for word in (
            f"redis-cli -h 127.0.0.1 -p {port} ping",
            "REDIS_HOST",
            "REDIS_PORT",
            "USE_REDIS_FOR_TASKS=false",
            "Check",
            "请确认",
        ):
            assert word in printed


@case("FAIL-04", needs=Capability.REMOTE, mode="redis")
async def test_a_silent_server_fails_the_opening(namespace: Namespace) -> None:
    """A server that takes the connection and says nothing fails the opening when its time is up."""
    with silent_port() as port:
        where = {"REDIS_HOST": "127.0.0.1", "REDIS_PORT": str(port)}
        limits = {"REDIS_TIMEOUT": "0.3", "REDIS_CONNECT_TIMEOUT": "0.3"}
        with elsewhere(namespace, {**where, **limits}), pytest.raises(StoreUnavailable) as refused:
            async with asyncio.timeout(10):
                await open_and_close(namespace)
    assert refused.value.failure_kind is FailureKind.TIMEOUT
    assert f"127.0.0.1:{port}" in str(refused.value)


@case("FAIL-05", needs=Capability.REMOTE, mode="redis")
async def test_a_password_is_not_shown_however_it_is_given(namespace: Namespace) -> None:
    """As a variable, in a URL, as an option of one, in a malformed one: no exception, cause, note or log shows it."""
    port = unused_port()
    for variables in (
        {"REDIS_HOST": "127.0.0.1", "REDIS_PORT": str(port), "REDIS_PASSWORD": PASSWORD},
        {"REDIS_URL": f"redis://:{PASSWORD}@127.0.0.1:{port}/0"},
        {"REDIS_URL": f"redis://u:{PASSWORD}@127.0.0.1:{port}/0"},
        {"REDIS_URL": f"redis://127.0.0.1:{port}/0?username=u&password={PASSWORD}"},
        {"REDIS_URL": f"redis://u:{PASSWORD}@127.0.0.1:port/0"},
        {"REDIS_URL": f"http://u:{PASSWORD}@127.0.0.1"},
        {"REDIS_URL": f"redis://u:{PASSWORD}@127.0.0.1/one?x={PASSWORD}"},
        {"REDIS_PORT": "http", "REDIS_PASSWORD": PASSWORD, "REDIS_URL": f"redis://u:{PASSWORD}@127.0.0.1:{port}/0"},
    ):
        with elsewhere(namespace, variables, logging.DEBUG) as log:
            shown = []
            try:
                await open_and_close(namespace)
            except Exception as error:  # noqa: BLE001  whatever it is, it must not show the password
                shown += [*texts_of(error), "".join(traceback.format_exception(error))]
            shown.append(log.read_text("utf-8"))
        assert not [text for text in shown if PASSWORD in text], list(variables)


@case("FAIL-05", needs=Capability.REMOTE)
async def test_a_password_is_in_no_message(namespace: Namespace) -> None:
    """Whether the server is away or silent, no exception, no cause of it, no log and no store shows the password."""
    with silent_port() as silent:
        for failure, port in ((REFUSED[0], unused_port()), (SILENT[0], silent)):
            await away(namespace, failure, port, keeps_the_secret)


@case("FAIL-05", needs=Capability.REMOTE)
async def test_a_password_that_was_taken_is_in_no_message(namespace: Namespace) -> None:
    """The same of a server that has taken the password, however a call fails."""
    await table(namespace, (*REFUSED, *LATE[:1], *LOST[:2], *NO_REDIS[:1], *SAYS_NO[:3], REPEATS), keeps_the_secret)


@case("FAIL-05", needs=Capability.REMOTE)
async def test_a_password_that_is_refused_is_in_no_message(namespace: Namespace) -> None:
    """The same where the server no longer takes the password."""
    await table(namespace, DENIED[:1], says_what_failed, keeps_the_secret)


@case("FAIL-05", needs=Capability.REMOTE, mode="redis")
async def test_a_password_is_not_logged_at_opening(namespace: Namespace) -> None:
    """Whatever the store says of the server when it opens, as that it may evict tasks, no level of the log shows it."""
    for policy in ("allkeys-lru", "volatile-ttl", "noeviction"):
        with (
            configured(namespace, {"maxmemory-policy": policy}),
            credentials(namespace) as url,
            elsewhere(namespace, {"REDIS_URL": url}, logging.DEBUG) as log,
        ):
            async with namespace.open_from_environment() as store:
                await store.list_tasks()
                shown = f"{store} {store!r}"
            assert PASSWORD not in log.read_text("utf-8") + shown, policy


@case("FAIL-06", needs=Capability.REMOTE)
async def test_out_of_memory_is_said(namespace: Namespace) -> None:
    """A write that the server has no memory for raises, did not happen, and reading goes on; a purge may go through."""
    await table(namespace, (FULL,), refuses_writes, others_are_served)


@case("FAIL-06", needs=Capability.REMOTE)
async def test_read_only_is_said(namespace: Namespace) -> None:
    """A write to a replica raises and did not happen; what is there can be read, and is never 'not found'."""
    await table(namespace, (READ_ONLY,), refuses_writes, others_are_served)


@case("FAIL-06", needs=Capability.REMOTE)
async def test_a_busy_server_is_said(namespace: Namespace) -> None:
    """While a script of somebody else's runs every call raises, and did not happen."""
    await table(namespace, (BUSY,), says_what_failed, wrote_nothing, others_are_served)


@case("FAIL-06", needs=Capability.REMOTE)
async def test_what_the_server_says_is_told(namespace: Namespace) -> None:
    """An error in the place of an answer is called what it is, whatever was asked, and is no answer."""
    await table(namespace, SAYS_NO, says_what_failed_if_it_did, denies_nothing)


def wrote_nothing(seen: Seen) -> None:
    """The call has failed, and says that nothing was written, which is so."""
    assert unavailable(seen).write_may_have_happened is False, seen
    assert "Nothing was written" in str(seen.error), seen
    assert not seen.changed, seen


def refuses_writes(seen: Seen) -> None:
    """A write has failed, and had no effect; a read was answered.

    What changes nothing may be answered, and to purge takes no memory.
    """
    may_be_answered = not seen.operation.changes or (seen.failure is FULL and seen.operation.name == "purge")
    if may_be_answered and is_answered(seen):
        return
    if seen.operation.writes:
        says_what_failed(seen)
        wrote_nothing(seen)
    else:
        assert is_answered(seen), seen


@case("FAIL-09", needs=Capability.SHARED)
async def test_an_unreadable_record_is_named(store: TaskStore, namespace: Namespace) -> None:
    """Text that is no record, a record cut short, and a value of another type are refused by get, update and cancel."""
    task = await store.create_task(a_request())
    raw = namespace.inspector.raw(task.task_id)
    assert raw is not None
    for wrong in (b"", b"not json", b"{}", b"[1]", raw[: len(raw) // 2], raw[:-5], b"\xff\xfe", None):
        if wrong is None:
            namespace.inspector.overwrite_with_another_type(task.task_id)
        else:
            namespace.inspector.overwrite(task.task_id, wrong)
        await names_the_record(store, task.task_id)


@case("FAIL-09", needs=Capability.SHARED)
async def test_a_record_with_a_wrong_value_is_named(store: TaskStore, namespace: Namespace) -> None:
    """One whose status is none, or whose times are no times, is not handed out, and stays as it is."""
    task = await store.create_task(a_request())
    raw = namespace.inspector.raw(task.task_id)
    assert raw is not None
    wrongs = (
        re.sub(right, wrong, raw)
        for right, wrong in (
            (b'"pending"', b'"nothing"'),
            (rb"20\d\d-", b"soon-"),
            (rb"\d\d:\d\d:\d\d", b"99:99:99"),
        )
    )
    found = [wrong for wrong in wrongs if wrong != raw]
    if not found:
        raise NotTestable("the record holds neither the word of a status nor a time in ISO 8601")
    for wrong in found:
        namespace.inspector.overwrite(task.task_id, wrong)
        await names_the_record(store, task.task_id)
        assert namespace.inspector.raw(task.task_id) == wrong


@case("FAIL-09", needs=Capability.SHARED)
async def test_what_a_get_cannot_read_no_write_takes(store: TaskStore, namespace: Namespace) -> None:
    """Whatever is changed about a JSON record: if a get refuses it, so do an update and a cancel, which leave it."""
    task = await store.create_task(a_request())
    raw = namespace.inspector.raw(task.task_id)
    try:
        record = json.loads(raw or b"")
    except ValueError:
        raise NotTestable("the record is not JSON") from None
    if not isinstance(record, dict):
        raise NotTestable("the record is no JSON object")
    for name, value in record.items():
        others = (value + 1, -value) if type(value) in (int, float) else ()
        for other in (*others, None, "?", [], {}, True):
            wrong = with_member(raw or b"", name, value, other)
            namespace.inspector.overwrite(task.task_id, wrong)
            try:
                await store.get_task(task.task_id)
            except RecordUnreadable:
                await names_the_record(store, task.task_id)
                assert namespace.inspector.raw(task.task_id) == wrong


def with_member(raw: bytes, name: str, value: object, other: object) -> bytes:
    """A JSON object with another value of a member, and else as it is, where its text can be found."""
    for colon in (":", ": "):
        before, after = (
            f"{json.dumps(name)}{colon}{json.dumps(one, ensure_ascii=False, separators=(',', ':'))}".encode()
            for one in (value, other)
        )
        if raw.count(before) == 1:
            return raw.replace(before, after)
    return json.dumps({**json.loads(raw), name: other}, ensure_ascii=False, separators=(",", ":")).encode()


async def names_the_record(store: TaskStore, task_id: str) -> None:
    """A get, an update and a cancel of a task whose record cannot be read raise RecordUnreadable with its key."""
    for call in operations_on(store, task_id).values():
        with pytest.raises(RecordUnreadable) as refused:
            await call()
        assert refused.value.key.endswith(task_id)


@case("FAIL-09", needs=Capability.SHARED)
async def test_an_unreadable_record_does_not_take_the_list_down(
    store: MaintainedTaskStore, namespace: Namespace
) -> None:
    """The others are listed, and the page names the key of the one that cannot be read."""
    tasks = [await store.create_task(a_request()) for _ in range(4)]
    namespace.inspector.overwrite(tasks[1].task_id, b"not a record")
    namespace.inspector.overwrite_with_another_type(tasks[2].task_id)
    broken = {tasks[1].task_id, tasks[2].task_id}
    length = len(tasks[1].task_id)
    for status in (None, TaskStatus.PENDING):
        page = await store.list_tasks(status)
        assert [task.task_id for task in page.tasks] == [tasks[3].task_id, tasks[0].task_id]
        assert page.total == 4
        assert {key[-length:] for key in page.unreadable} == broken
        assert set(page.unreadable) <= namespace.inspector.keys()
        for limit in (1, 2, 3):
            pages = [await store.list_tasks(status, limit, offset) for offset in range(0, 4, limit)]
            assert [task.task_id for page in pages for task in page.tasks] == [tasks[3].task_id, tasks[0].task_id]
            assert {key[-length:] for page in pages for key in page.unreadable} == broken
            if Capability.CURSOR in namespace.harness.capabilities:
                await is_walked(store, status, limit, [tasks[3].task_id, tasks[0].task_id], broken)


async def is_walked(
    store: MaintainedTaskStore, status: TaskStatus | None, limit: int, ids: list[str], broken: set[str]
) -> None:
    """The pages by cursor have these tasks, and name the keys of the others."""
    page = await store.list_tasks(status, limit)
    pages = [page]
    while page.next is not None:
        page = await store.list_tasks(status, limit, after=page.next)
        pages.append(page)
    assert [task.task_id for page in pages for task in page.tasks] == ids
    assert {key[-len(ids[0]) :] for page in pages for key in page.unreadable} == broken
