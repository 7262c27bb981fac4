"""The stored form is a promise to other clients and to later versions: its bytes are pinned."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest
import redis
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.subjects.servers import EmbeddedServer
from taskstore import Task, TaskStatus, values
from taskstore.redis import RedisTaskStore, connect, record
from taskstore.redis.scripts import INSERT

GOLDEN = (
    '{"v":1,"revision":1,"created_us":1767323045678901\n'
    ',"status":"failed"\n'
    ',"progress":12.5\n'
    ',"current_step":"第一步\\n\\"quoted\\""\n'
    ',"result_url":null\n'
    ',"error_message":"no disk"\n'
    ',"error_traceback":""\n'
    ',"updated_at":"2026-01-02T03:04:06.000000Z"\n'
    ',"completed_at":"2026-01-02T03:04:06.000000Z"\n'
    ',"created_at":"2026-01-02T03:04:05.678901Z"\n'
    ',"task_id":"task_0f"\n'
    ',"video_ids":["v1","v2"]\n'
    ',"metadata":{"webhook_url":null,"config":{"a":[],"b":-0.0,"c":100000000000000000000}}\n'
    "}"
).encode()

TASK = Task(
    task_id="task_0f",
    status=TaskStatus.FAILED,
    progress=12.5,
    current_step='第一步\n"quoted"',
    video_ids=("v1", "v2"),
    error_message="no disk",
    error_traceback="",
    metadata={"webhook_url": None, "config": {"a": [], "b": -0.0, "c": 10**20}},
    created_at=datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC),
    updated_at=datetime(2026, 1, 2, 3, 4, 6, tzinfo=UTC),
    completed_at=datetime(2026, 1, 2, 3, 4, 6, tzinfo=UTC),
)


def test_a_golden_record_is_read() -> None:
    assert record.decode(GOLDEN, "task_0f") == TASK


def test_the_golden_record_is_written(server: EmbeddedServer) -> None:
    async def write() -> None:
        async with RedisTaskStore(connect(server.url), prefix="golden") as store:
            await store.restore(TASK)

    asyncio.run(write())
    with redis.Redis.from_url(server.url) as client:
        assert client.get("{golden:0}:task:task_0f") == GOLDEN


def test_every_json_parser_reads_it() -> None:
    assert json.loads(GOLDEN)["current_step"] == '第一步\n"quoted"'


@pytest.mark.parametrize(
    "wrong",
    [b"", b"{}", b"null", GOLDEN[:-1], GOLDEN.replace(b'"v":1', b'"v":2'), GOLDEN.replace(b'"failed"', b'"done"')],
)
def test_what_is_no_record_is_refused(wrong: bytes) -> None:
    with pytest.raises(record.NotARecordError):
        record.decode(wrong, "task_0f")


@settings(max_examples=200, deadline=None)
@given(moment=st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1)))  # noqa: DTZ001  Hypothesis takes naive bounds
def test_the_server_writes_times_as_python_does(server: EmbeddedServer, moment: datetime) -> None:
    common = INSERT.text[: INSERT.text.index("-- A new record")]
    aware = moment.replace(tzinfo=UTC)
    microseconds = str(values.microseconds(aware)).zfill(7)
    with redis.Redis.from_url(server.url) as client:
        written = client.eval(f"{common} return iso(ARGV[1])", 1, "x", microseconds)
    expected = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(microseconds))).replace(tzinfo=None)
    assert written == f'"{expected.isoformat(timespec="microseconds")}Z"'.encode()


def test_the_server_writes_and_reads_every_date_as_python_does(server: EmbeddedServer) -> None:
    """The suite sees those of the day on which it runs."""
    common = INSERT.text[: INSERT.text.index("-- A new record")]
    script = f"""{common}
    local found = {{}}
    for day = 0, tonumber(ARGV[1]) - 1 do
      local us = string.format('%.0f', day * 86400 + day * 12345 % 86400) .. '000001'
      local time = iso(us)
      found[day + 1] = time .. (tonumber(micros(time)) == tonumber(us) and '' or ' is not read')
    end
    return found"""
    begin = datetime(1970, 1, 1, tzinfo=UTC)
    days = (datetime(2201, 1, 1, tzinfo=UTC) - begin).days
    with redis.Redis.from_url(server.url) as client:
        written = client.eval(script, 1, "x", days)
    moments = (begin + timedelta(day, day * 12_345 % 86_400, 1) for day in range(days))
    assert written == [f'"{one.replace(tzinfo=None).isoformat(timespec="microseconds")}Z"'.encode() for one in moments]
