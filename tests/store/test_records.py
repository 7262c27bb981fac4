"""Records that were damaged behind the store's back: each operation reads them, or refuses them and leaves them."""

import asyncio
from itertools import product
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from conformance.backends.servers import EmbeddedServer
from taskstore import RecordUnreadable, StoreUnavailable, Task, TaskFinal
from taskstore.redis import RedisTaskStore, record
from taskstore.values import microseconds
from tests.store.operating import BASE, KEY, NO_MOMENTS, REQUEST, WRITES, on_store

NO_PROGRESS = [
    *(b"", b"half", b"nan", b"inf", b"-1", b"100.5", b"1e400", b"9" * 5_000, b"0x10", b"1_0", b" 5", b"5 ", b"1\x00"),
    *("\u0661".encode(), b".", b"1e", b"1e+", b"--1"),
]
DAMAGED = [  # a field, and the value that it has in place of a right one; None removes it
    ("", None),  # the record is of another type
    *((name, None) for name in ("status", "created_at", "updated_at")),
    *((name, None) for name in ("progress", "current_step", "video_ids", "metadata", "task_id")),
    *product(["task_id"], [b"", b"other", b"job2", b"jo", b"\xff"]),
    *(("status", value) for value in (b"", b"done", b"completed")),  # the last without its time
    *product(["created_at", "updated_at", "completed_at"], NO_MOMENTS),
    *(("completed_at", value) for value in (b"1", b"1795873309392809")),  # of a task that is not final
    *(("created_at", b"8589934591999999"), ("updated_at", b"1")),  # not in order
    *product(["progress"], NO_PROGRESS),
    *product(["video_ids"], [b"", b"[", b"]", b"[]", b"[ ]", b"[1]", b'["v"', b'{"v":"v"}', b"null"]),
    *product(["metadata"], [b"", b"{", b"}", b"[]", b'{"a":1', b'"a"', b"null", b"\xff"]),
]
DAMAGED_INSIDE = [  # what a write does not look into
    *product(["current_step", "result_url"], [b"\xff", b"\xed\xa0\x80"]),
    *product(["video_ids"], [b'["v",]', b'["v",1]', b'["\xff"]', b'["v"]]']),
    *product(
        ["metadata"], [b'{"a":NaN}', b'{"a":1e999}', b'{"a"}', b'{"a":"\xff"}', b'{"a":1}}', b"{" * 100_000 + b"}"]
    ),
]


def damage(client: Any, field: str, value: bytes | None) -> None:
    if not field:
        client.delete(KEY)
        client.set(KEY, "no hash")
    elif value is None:
        client.hdel(KEY, field)
    else:
        client.hset(KEY, field, value)


def everything(client: Any) -> dict[bytes, Any]:
    """What the server holds. The dump of a hash may change with its inner order."""
    return {key: client.hgetall(key) if client.type(key) == b"hash" else client.dump(key) for key in client.keys("*")}


async def create(store: RedisTaskStore) -> Task:
    return await store.create_task(REQUEST, task_id="job")


@pytest.mark.anyio
@pytest.mark.parametrize(("field", "value"), [*DAMAGED, *DAMAGED_INSIDE])
async def test_a_damaged_record_is_named_and_left(
    store: RedisTaskStore, client: Any, field: str, value: bytes | None
) -> None:
    await create(store)
    other = await store.create_task(REQUEST)
    damage(client, field, value)
    before = everything(client)
    writes = {} if (field, value) in DAMAGED_INSIDE else WRITES
    for call in (lambda store: store.get_task("job"), create, *writes.values()):
        with pytest.raises(RecordUnreadable) as raised:
            await call(store)
        assert (raised.value.key, raised.value.write_may_have_happened) == (KEY, False)
        assert "Nothing was written." in str(raised.value)
    page = await store.list_tasks()
    assert (page.tasks, page.unreadable, page.total) == ((other,), (KEY,), 2)
    assert everything(client) == before


@pytest.mark.anyio
@pytest.mark.parametrize(("field", "value"), DAMAGED_INSIDE)
@pytest.mark.parametrize("write", WRITES)
async def test_a_write_that_finds_damage_inside_a_text_says_that_it_was_made(
    store: RedisTaskStore, client: Any, write: str, field: str, value: bytes
) -> None:
    await create(store)
    damage(client, field, value)
    before = client.hgetall(KEY)
    with pytest.raises(RecordUnreadable) as raised:
        await WRITES[write](store)
    assert raised.value.write_may_have_happened
    assert "The write may have happened." in str(raised.value)
    changed = {name for name, value in client.hgetall(KEY).items() if before.get(name) != value}
    assert {b"status", b"updated_at"} <= changed <= {b"status", b"updated_at", b"progress", b"completed_at"}


@pytest.mark.parametrize(("field", "value"), DAMAGED)
def test_a_create_that_waits_for_replicas_leaves_a_damaged_record(
    server: EmbeddedServer, client: Any, field: str, value: bytes | None
) -> None:
    async def body(store: RedisTaskStore) -> None:
        with pytest.raises((RecordUnreadable, StoreUnavailable)):  # there is no replica
            await create(store)

    on_store(server.url, create)
    damage(client, field, value)
    before = everything(client)
    on_store(server.url, body, wait_replicas=1, wait_milliseconds=1)
    assert everything(client) == before


ODD = st.from_regex(r"[-+ _.eE0-9xa-f]{0,8}", fullmatch=True) | st.floats().map(repr) | st.integers().map(str)


def usually(*values: bytes | None) -> st.SearchStrategy[bytes | None]:
    """One of the values, or now and then nothing, or a number in an odd form."""
    odd = st.none() | ODD.map(str.encode) | st.sampled_from([*NO_MOMENTS, *NO_PROGRESS])
    return st.integers(0, 9).flatmap(lambda drawn: odd if drawn == 0 else st.sampled_from(values))


FIELDS = {
    "status": usually(b"pending", b"clipping", b"completed"),
    "created_at": usually(b"1", b"2"),
    "updated_at": usually(b"2", b"3"),
    "completed_at": usually(None, None, None, b"2"),
    "progress": usually(b"0.0", b"50", b"1e2", b"100.0"),
    "current_step": usually(b"", b"step"),
    "video_ids": usually(b'["v"]', b' [ "v" ]\n'),
    "metadata": usually(b"{}", b' {"a": 1}\t'),
}


@pytest.mark.anyio
@settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.fixed_dictionaries(FIELDS), min_size=50, max_size=50))
async def test_the_scripts_read_the_records_that_the_client_reads(
    store: RedisTaskStore, client: Any, records: list[dict[str, bytes | None]]
) -> None:
    """Where no text is damaged inside, a write refuses a record exactly if a get does."""
    client.flushall()
    for number, fields in enumerate(records):
        there = {name: value for name, value in fields.items() if value is not None}
        client.hset(f"{BASE}:task:{number}", mapping={"task_id": str(number), **there})

    read = await asyncio.gather(*(agree(store, str(number)) for number in range(50)))

    event(f"{10 * (sum(read) // 10)} or more of 50 can be read")


async def agree(store: RedisTaskStore, task_id: str) -> bool:
    """Read a record and write to it, and return whether it could be read."""
    read, written = await asyncio.gather(store.get_task(task_id), store.cancel_task(task_id), return_exceptions=True)
    if isinstance(read, RecordUnreadable):
        assert isinstance(written, RecordUnreadable)
        assert not written.write_may_have_happened
        return False
    assert isinstance(read, Task)
    assert isinstance(written, TaskFinal if read.status.is_final else Task)
    return True


@given(st.integers(0, 2**33 * 10**6 - 1))
def test_a_moment_is_exact(microsecond: int) -> None:
    assert microseconds(record.moment(b"%d" % microsecond)) == microsecond
