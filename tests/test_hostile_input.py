"""What a stranger controls, generated: nothing comes out but documented exceptions, and a refused call stores nothing.

Each surface has a share of 2,000 inputs, or of as many as `HOSTILE_INPUTS` in the environment says. `tox -e hostile`
takes a million, and Hypothesis prints how many each surface got.
"""

import json
import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conformance.backends.servers import EmbeddedServer
from conformance.tasks.tables.values import WRONG_JSON
from taskstore import (
    MemoryTaskStore,
    SettingsInvalid,
    Task,
    TaskCreateRequest,
    TaskStatus,
    TaskStoreError,
    TaskStoreSettings,
)
from taskstore.redis import RedisTaskStore, connect, record
from tests.store.speaking import speaking

TOTAL = int(os.environ.get("HOSTILE_INPUTS", "2000"))

texts = st.text(max_size=40) | st.sampled_from(
    ["", "*", "?", "[a-z]", "a:b", "\x00", "\n", "{x}", "null", "7", "𝄞 文字", "\\"]
)
"""Texts that have a UTF-8 form, the awkward ones among them."""
json_values: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**63), 2**64 - 1),
        st.floats(allow_nan=False, allow_infinity=False),
        st.sampled_from([0.0, -0.0, 1.0, 3.14, 5e-324, 1.7976931348623157e308, 2**53 + 1]),
        texts,
    ),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
anything: st.SearchStrategy[Any] = json_values | st.one_of(
    st.text(st.characters(), min_size=1, max_size=20),
    st.sampled_from([{"config": [0, {"deep": wrong}]} for wrong in WRONG_JSON]),
    st.binary(max_size=20),
    st.floats(),
    st.datetimes(),
    st.complex_numbers(),
    st.sampled_from([object(), int, (), {1}, 10**5_000, "9" * 5_000, "task_*", "\ud800", "x" * 2_000_000]),
)


def inputs(share: float) -> Callable[[Any], Any]:
    """The settings of a surface that gets this share of all inputs."""
    return settings(
        max_examples=max(1, round(TOTAL * share)),
        deadline=None,
        database=None,
        suppress_health_check=[*HealthCheck],
    )


@contextmanager
def may_raise(kind: type[Exception]) -> Iterator[list[Exception]]:
    """Allow exceptions of this kind, and collect them. Each has to say something."""
    raised: list[Exception] = []
    try:
        yield raised
    except kind as fault:
        raised.append(fault)
    assert all(map(str, raised))


# Calls

calls = st.fixed_dictionaries(
    {
        "one": anything | st.just("known") | st.lists(texts).map(tuple),
        "other": anything | st.sampled_from(TaskStatus),
        "change": st.dictionaries(
            st.sampled_from(["progress", "current_step", "result_url", "error_message", "error_traceback"]), anything
        ),
        "page": st.dictionaries(st.sampled_from(["limit", "offset", "status", "after"]), anything),
    }
)


async def call_all(store: Any, drawn: dict[str, Any], count: Callable[[], Any]) -> None:
    """Call every operation with arguments of any kind. A call that is refused has to leave everything as it was."""
    one, other = drawn["one"], drawn["other"]
    request = TaskCreateRequest.model_construct(video_ids=one, webhook_url=other, config=other)
    known = await store.get_task("known")
    operations: tuple[Callable[[], Awaitable[Any]], ...] = (
        lambda: store.get_task(one),
        lambda: store.cancel_task(one),
        lambda: store.update_task_status(one, other, **drawn["change"]),
        lambda: store.update_task_status("known", other, **drawn["change"]),
        lambda: store.list_tasks(**drawn["page"]),
        lambda: store.create_task(one),
        lambda: store.create_task(request),
        lambda: store.create_task(TaskCreateRequest(video_ids=("v",)), task_id=one),
        lambda: store.restore(one),
        lambda: store.restore(known.model_copy(update={"task_id": one, "metadata_json": other})),
        lambda: store.purge(other),
    )
    for call in operations:
        before = count(), await store.get_task("known")
        with may_raise(TaskStoreError) as raised:
            await call()
        if raised:
            assert (count(), await store.get_task("known")) == before


@pytest.mark.anyio
@pytest.mark.parametrize("in_redis", [False, True])
@inputs(0.06)
@given(drawn=calls)
async def test_a_refused_call_stores_nothing(server: EmbeddedServer, in_redis: bool, drawn: dict[str, Any]) -> None:
    with redis.Redis.from_url(server.url) as client:
        client.flushdb()
        kept = MemoryTaskStore()
        async with RedisTaskStore(connect(server.url), prefix="hostile") if in_redis else kept as store:
            await store.create_task(TaskCreateRequest(video_ids=("v",)), task_id="known")
            # A listing shows no unreadable ones.
            await call_all(store, drawn, client.dbsize if in_redis else kept._created.__len__)  # noqa: SLF001


# What the server holds and says

GOOD = {
    "status": b"completed",
    "progress": b"100.0",
    "created_at": b"1767323045678901",
    "updated_at": b"1767323045678903",
    "completed_at": b"1767323045678902",
    "task_id": b"task_0f",
    "current_step": "\u6587".encode(),
    "result_url": b"u",
    "error_message": None,
    "error_traceback": None,
    "video_ids": b'["v"]',
    "metadata": b'{"config":{"a":[1,2.5]},"webhook_url":null}',
}
fields = st.none() | st.binary(max_size=20) | json_values.map(lambda value: json.dumps(value).encode())
records = st.fixed_dictionaries({}, optional=dict.fromkeys(record.FIELDS, fields | st.just(b"9" * 5_000)))


@inputs(0.5)
@given(odd=records)
def test_a_stored_record_is_a_task_or_is_refused(odd: dict[str, bytes | None]) -> None:
    with may_raise(ValueError) as refused:
        task = record.decode([(GOOD | odd)[name] for name in record.FIELDS], "task_0f")
    if not refused:
        assert task.task_id == "task_0f"
        assert Task.model_validate(task.model_dump()).metadata == task.metadata
        json.dumps(task.metadata, allow_nan=False)


def bulk(text: bytes | None) -> bytes:
    return b"$-1\r\n" if text is None else b"$%d\r\n%b\r\n" % (len(text), text)


READ = b"*%d\r\n%b" % (len(record.FIELDS), b"".join(bulk(GOOD[name]) for name in record.FIELDS))
values: st.SearchStrategy[bytes] = st.deferred(
    lambda: st.one_of(
        st.binary(max_size=20).map(lambda text: b"+%b\r\n" % text.translate(None, b"\r\n")),
        st.binary(max_size=20).map(lambda text: b"-%b\r\n" % text.translate(None, b"\r\n")),
        st.binary(max_size=20).map(bulk),
        st.sampled_from([b"$-1\r\n", b"*-1\r\n", READ, b"-NOSCRIPT x\r\n"]),
        st.sampled_from([b"-MOVED 1 :1\r\n", b"-MOVED x\r\n", b"-ASK 1 a:b\r\n", b"-LOADING x\r\n", b"*99999999\r\n"]),
        st.integers(-(10**20), 10**20).map(b":%d\r\n".__mod__),
        st.lists(values, max_size=4).map(lambda inner: b"*%d\r\n%b" % (len(inner), b"".join(inner))),
    )
)
replies = st.lists(values | st.binary(max_size=30), max_size=4)


@pytest.mark.anyio
@inputs(0.02)
@given(replied=replies, kind=st.sampled_from(["redis://{}/0", "redis+sentinel://{}/name/0", "redis+cluster://{}/0"]))
async def test_a_reply_of_any_kind_gives_a_result_or_a_documented_exception(replied: list[bytes], kind: str) -> None:
    left = iter(replied)

    def answer(asked: bytes) -> bytes | None:
        """Greet as a server does, then give what is drawn, and end."""
        greeting = asked.count(b"CLIENT\r\n") + asked.count(b"SELECT\r\n")
        return b"+OK\r\n" * greeting if greeting else next(left, None)

    async with speaking(answer) as address:
        server = connect(kind.format(address), connect_timeout=0.05, timeout=0.05)
        async with RedisTaskStore(server, prefix="p") as store:
            for operation in (
                lambda: store.get_task("task_0f"),
                lambda: store.create_task(TaskCreateRequest(video_ids=("v",))),
                store.list_tasks,
                lambda: store.update_task_status("task_0f", TaskStatus.CLIPPING),
            ):
                with may_raise(TaskStoreError):
                    await operation()


# Settings

names = st.sampled_from(list(TaskStoreSettings.model_fields)) | texts
urls = st.from_regex(
    r"(redis|valkey|unix)(s|\+cluster|\+sentinel)?://[^/]{0,12}(/[^?]{0,8})?(\?(db|ssl_ca_certs|password|x)=.{0,6})?"
)


@inputs(0.35)
@given(given_settings=st.dictionaries(names, anything | urls, max_size=4))
def test_settings_are_taken_or_refused(given_settings: dict[str, Any]) -> None:
    with may_raise(SettingsInvalid):
        found = TaskStoreSettings(_env_file=None, **given_settings)
        connect(found.url)
