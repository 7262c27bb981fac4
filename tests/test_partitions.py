"""Redis mode in several partitions: where tasks are, how pages are merged, and that the number of partitions stays."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis
from redis.crc import key_slot

from conformance.subjects.servers import EmbeddedServer
from conformance.subjects.topologies import ClusterServers
from taskstore import (
    MemoryTaskStore,
    SettingsInvalid,
    StoreUnavailable,
    Task,
    TaskNotFound,
    TaskStatus,
    TaskStoreSettings,
    open_store,
)
from taskstore.redis import RedisTaskStore
from taskstore.redis.partitions import partition_of
from taskstore.tools import main
from tests.operating import REQUEST, client, on_store

__all__ = ["client"]  # a fixture
pytestmark = pytest.mark.usefixtures("client")
N = 3


async def ids(pages: RedisTaskStore, **page: Any) -> list[str]:
    return [task.task_id for task in (await pages.list_tasks(**page)).tasks]


def test_an_id_says_for_ever_which_partition_it_is_in() -> None:
    """What is stored is found again by this only: another answer loses every task."""
    assert [partition_of(one, 3) for one in ("a", "b", "task_0", "任务", "\ud800")] == [0, 2, 1, 1, 1]
    assert partition_of("task_0", 1_024) == 525


def test_a_task_is_in_its_partition_and_nowhere_else(server: EmbeddedServer, client: Any) -> None:
    async def body(store: RedisTaskStore) -> None:
        created = [await store.create_task(REQUEST) for _ in range(30)]
        expected = {f"{{parts:{partition_of(one.task_id, N)}}}:task:{one.task_id}" for one in created}
        assert {key.decode() for key in client.scan_iter("*:task:*")} == expected
        assert set(Counter(partition_of(one.task_id, N) for one in created)) == {0, 1, 2}
        for task in created:
            assert await store.get_task(task.task_id) == task

    on_store(server.url, body, "parts", N)


async def at_one_moment(store: RedisTaskStore, number: int) -> list[str]:
    """Tasks that differ in their ids only, newest first."""
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    task = (await MemoryTaskStore().create_task(REQUEST)).model_copy(update={"created_at": moment})
    names = [f"t{at:04}" for at in range(number)]
    await asyncio.gather(
        *(store.restore(task.model_copy(update={"task_id": name, "updated_at": moment})) for name in names)
    )
    return names[::-1]


def test_pages_join_by_cursor_and_by_offset_where_ids_decide_the_order(server: EmbeddedServer) -> None:
    async def body(store: RedisTaskStore) -> None:
        expected = await at_one_moment(store, 40)
        by_cursor: list[str] = []
        page = await store.list_tasks(limit=7)
        while True:
            assert page.total == 40
            by_cursor += [task.task_id for task in page.tasks]
            if page.next is None:
                break
            page = await store.list_tasks(limit=7, after=page.next)
        assert by_cursor == expected
        for offset in (0, 1, 6, 7, 39, 40, 1_000):
            page = await store.list_tasks(limit=7, offset=offset)
            assert [task.task_id for task in page.tasks] == expected[offset : offset + 7]
            assert (page.total, page.offset) == (40, offset)
            assert (page.next is None) is (offset + 7 >= 40)

    on_store(server.url, body, "parts", N)


def test_a_page_that_one_partition_fills_is_whole(server: EmbeddedServer) -> None:
    """It sends more records than its share only when it is asked for them."""

    async def body(store: RedisTaskStore) -> None:
        names = [f"job-{at}" for at in range(600) if partition_of(f"job-{at}", N) == 1][:100]
        for name in names:
            await store.create_task(REQUEST, task_id=name)
        page = await store.list_tasks(limit=90)
        assert [task.task_id for task in page.tasks] == names[::-1][:90]
        assert await ids(store, after=page.next) == names[::-1][90:]

    on_store(server.url, body, "parts", N)


def test_an_offset_leads_anywhere_at_a_bounded_cost(server: EmbeddedServer, client: Any) -> None:
    """Beyond a thousand the place is found by moments; tasks of one moment are skipped a thousand at a time."""

    async def body(store: RedisTaskStore) -> None:
        expected = await at_one_moment(store, 1_100)
        newer = [await store.create_task(REQUEST, task_id=f"n{number}") for number in range(1_150)]
        for task in newer[:3]:
            await store.cancel_task(task.task_id)
        expected = [task.task_id for task in newer][::-1] + expected
        for offset in (1_000, 1_001, 1_149, 1_150, 1_151, 2_200, 2_247, 2_250, 10**12):
            page = await store.list_tasks(limit=4, offset=offset)
            assert [task.task_id for task in page.tasks] == expected[offset : offset + 4]
            assert page.total == 2_250
        assert await ids(store, status=TaskStatus.PENDING, limit=2, offset=1_147) == expected[1_150:1_152]
        before = client.info("commandstats")
        await store.list_tasks(offset=1_100)
        after = client.info("commandstats")
        assert after["cmdstat_evalsha"]["calls"] - before["cmdstat_evalsha"]["calls"] <= 3 * N
        assert after["cmdstat_zcount"]["calls"] - before["cmdstat_zcount"]["calls"] <= 60 * N

    on_store(server.url, body, "parts", N)


def test_what_cannot_be_read_is_named_beside_tasks_of_other_partitions(server: EmbeddedServer, client: Any) -> None:
    async def body(store: RedisTaskStore) -> None:
        expected = await at_one_moment(store, 9)
        broken = f"{{parts:{partition_of('t0004', N)}}}:task:t0004"
        client.set(broken, "{}")
        page = await store.list_tasks()
        assert page.unreadable == (broken,)
        assert [task.task_id for task in page.tasks] == [one for one in expected if one != "t0004"]

    on_store(server.url, body, "parts", N)


def test_an_update_and_a_purge_reach_every_partition(server: EmbeddedServer) -> None:
    async def body(store: RedisTaskStore) -> None:
        tasks = [await store.create_task(REQUEST) for _ in range(30)]
        for task in tasks[:20]:
            assert (await store.cancel_task(task.task_id)).status is TaskStatus.CANCELLED
        assert (await store.list_tasks(TaskStatus.CANCELLED, limit=0)).total == 20
        assert await store.purge(datetime.now(UTC) + timedelta(days=1)) == 20
        assert await ids(store) == [task.task_id for task in tasks[:19:-1]]
        with pytest.raises(TaskNotFound):
            await store.get_task(tasks[0].task_id)

    on_store(server.url, body, "parts", N)


def test_a_purge_that_breaks_off_says_what_may_have_happened(server: EmbeddedServer, client: Any) -> None:
    async def body(store: RedisTaskStore) -> None:
        for task in [await store.create_task(REQUEST) for _ in range(30)]:
            await store.cancel_task(task.task_id)
        client.set("{parts:1}:finished", "not an index")
        with pytest.raises(StoreUnavailable) as raised:
            await store.purge(datetime.now(UTC) + timedelta(days=1))
        assert raised.value.write_may_have_happened

    on_store(server.url, body, "parts", N)


def test_a_write_waits_for_replicas_in_every_partition(server: EmbeddedServer) -> None:
    async def body(store: RedisTaskStore) -> None:
        for name in ("a", "b", "task_0"):
            with pytest.raises(StoreUnavailable) as raised:
                await store.create_task(REQUEST, task_id=name)
            assert raised.value.write_may_have_happened

    on_store(server.url, body, "parts", N, wait_replicas=1, wait_milliseconds=1)


def test_indexes_are_filled_again_in_every_partition(server: EmbeddedServer, client: Any) -> None:
    async def body(store: RedisTaskStore) -> None:
        expected = await at_one_moment(store, 30)
        client.delete(*client.keys("*:created*"))
        await store.rebuild_indexes()
        assert await ids(store) == expected
        assert len(client.keys("{parts:*}:created")) == N

    on_store(server.url, body, "parts", N)


def settings(server: EmbeddedServer, partitions: int, prefix: str = "parts") -> TaskStoreSettings:
    named = {"redis_url": server.url, "task_key_prefix": prefix, "task_partitions": partitions}
    return TaskStoreSettings(_env_file=None, use_redis_for_tasks=True, **named)


def opened(server: EmbeddedServer, partitions: int, *, creates: bool = False) -> None:
    async def run() -> None:
        async with open_store(settings(server, partitions)) as store:
            if creates:
                await store.create_task(REQUEST)

    asyncio.run(run())


@pytest.mark.parametrize(("before", "after"), [(1, 3), (3, 1), (3, 6), (6, 3)])
def test_another_number_of_partitions_is_refused(server: EmbeddedServer, client: Any, before: int, after: int) -> None:
    opened(server, before, creates=True)
    there = set(client.keys())
    with pytest.raises(SettingsInvalid) as refused:
        opened(server, after)
    ((name, reason),) = refused.value.problems
    assert name == "TASK_PARTITIONS"
    assert reason == (
        f"is {after}, but the tasks under this prefix are in {before}: set it to {before}, or copy them to another "
        "prefix with `taskstore migrate`"
    )
    assert set(client.keys()) == there
    opened(server, before)


def test_the_number_is_recorded_before_the_first_task_and_only_if_there_are_several(
    server: EmbeddedServer, client: Any
) -> None:
    opened(server, 1)
    assert client.keys() == []
    opened(server, N)
    assert client.keys() == [b"{parts:0}:partitions"]
    assert (client.get("{parts:0}:partitions"), client.ttl("{parts:0}:partitions")) == (b"3", -1)
    with pytest.raises(SettingsInvalid):
        opened(server, 2)


@pytest.mark.parametrize("foreign", ["many", "9" * 5_000, ""])
def test_a_number_of_partitions_that_is_none_is_a_broken_server(
    server: EmbeddedServer, client: Any, foreign: str
) -> None:
    client.set("{parts:0}:partitions", foreign)
    with pytest.raises(StoreUnavailable, match="unexpected reply"):
        opened(server, N)


async def everything(server: EmbeddedServer, partitions: int, prefix: str) -> list[Task]:
    async with open_store(settings(server, partitions, prefix)) as store:
        return [*(await store.list_tasks(limit=1_000)).tasks]


def test_migrate_takes_tasks_to_another_number_of_partitions(
    server: EmbeddedServer, client: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The source has the number that is recorded there, the target that of the settings. A dry run records nothing."""
    for _ in range(20):
        opened(server, 1, creates=True)
    for count, source, target in ((N, "parts", "three"), (2, "three", "two"), (1, "two", "one")):
        monkeypatch.setenv("TASK_PARTITIONS", str(count))
        command = ["migrate", server.url, server.url, "--source-prefix", source, "--target-prefix", target]
        before = set(client.keys())
        assert main([*command, "--dry-run"]) == 0
        assert set(client.keys()) == before
        assert main(command) == 0
        said = capsys.readouterr().out
        assert said.count("20 tasks read, 20 copied, 0 there already, 0 left") == 2
        expected = asyncio.run(everything(server, 1, "parts"))
        assert asyncio.run(everything(server, count, target)) == expected
        assert len(expected) == 20


def test_a_migration_into_another_number_is_refused(
    server: EmbeddedServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened(server, N, creates=True)
    monkeypatch.setenv("TASK_PARTITIONS", "2")
    assert main(["migrate", server.url, server.url, "--source-prefix", "x", "--target-prefix", "parts"]) == 2
    assert "TASK_PARTITIONS: is 2, but the tasks under this prefix are in 3" in capsys.readouterr().err


def test_doctor_looks_at_every_partition(
    server: EmbeddedServer, client: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TASK_PARTITIONS", str(N))
    command = ["doctor", server.url, "--prefix", "parts"]
    opened(server, N)
    on_store(server.url, lambda store: at_one_moment(store, 30), "parts", N)
    client.zadd("{parts:2}:created", {"ghost": 1})
    client.zadd("{parts:2}:deadlines", {"ghost": 10**14})
    assert main(command) == 1
    assert "entries of an index have no such task: created ghost, deadlines ghost" in capsys.readouterr().out
    assert main([*command, "--repair"]) == 0
    assert "30 records, and the indexes agree" in capsys.readouterr().out
    assert main(["purge", server.url, "--prefix", "parts", "--days", "0", "--dry-run"]) == 0
    monkeypatch.setenv("TASK_PARTITIONS", "1")
    assert main(command) == 2
    assert "TASK_PARTITIONS: is 1, but the tasks under this prefix are in 3" in capsys.readouterr().err


@pytest.fixture(scope="module")
def cluster() -> Iterator[ClusterServers]:
    with ClusterServers() as running:
        yield running


@pytest.mark.once
def test_partitions_are_on_the_nodes_that_have_their_slots(cluster: ClusterServers) -> None:
    """Each node is asked over one connection, and what one node cannot do leaves the tasks of others as they are."""

    async def body(store: RedisTaskStore) -> None:
        expected = await at_one_moment(store, 30)
        with cluster.slot_moved(key_slot(b"parts:1")), redis.Redis.from_url(f"redis://{cluster.nodes[1]}") as other:
            assert await ids(store) == expected
            assert {partition_of(key.decode()[-5:], N) for key in other.scan_iter("*:task:*")} == {1}
            connected = [one for one in other.client_list() if one["name"] == "taskstore"]
            assert len(connected) == 1
            other.config_set("maxmemory", 1)
            try:
                for task_id in expected:
                    if partition_of(task_id, N) != 1:
                        await store.cancel_task(task_id)
                        continue
                    with pytest.raises(StoreUnavailable) as raised:
                        await store.cancel_task(task_id)
                    assert not raised.value.write_may_have_happened
            finally:
                other.config_set("maxmemory", 0)
        assert await ids(store) == expected
        await store.purge(datetime.now(UTC) + timedelta(days=1))
        assert set(await ids(store)) == {one for one in expected if partition_of(one, N) == 1}

    on_store(cluster.named_url, body, "parts", N)


@pytest.mark.once
@pytest.mark.parametrize("named", [True, False])
def test_many_partitions_share_the_connections(cluster: ClusterServers, named: bool) -> None:
    """Also where the store has not been told that the server is a cluster, and all are asked at once."""

    async def body(store: RedisTaskStore) -> None:
        assert (await store.list_tasks()).total == 0
        with redis.Redis.from_url(cluster.url) as client:
            assert sum(one["name"] == "taskstore" for one in client.client_list()) == 1

    on_store(cluster.named_url if named else f"redis://{cluster.nodes[1]}", body, "many", 64)
