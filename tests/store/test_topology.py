"""What an open store does when the tasks go elsewhere: sockets, TLS, Sentinels, and nodes of a cluster."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing
from copy import copy

import pytest
import redis

from conformance.subjects.proxy import unused_port
from conformance.subjects.servers import TlsServer, find_binary
from conformance.subjects.topologies import SERVICE, ClusterServers, SentinelServers
from taskstore import FailureKind, StoreUnavailable
from taskstore.redis import connect
from taskstore.redis.server import Server
from tests.store.speaking import SET, greet, on_server, speaking

pytestmark = pytest.mark.usefixtures("nowhere")


async def write(server: Server) -> None:
    assert await server.run(SET, "{x}", "y") == b"set"


def calls_until_told(url: str, answers: dict[bytes, bytes], words: str) -> tuple[int, int]:
    """How often two reads ask a server whose answers lead nowhere, and how often it is connected to."""
    heard: list[bytes] = []
    port: list[bytes] = []

    def answer(request: bytes) -> bytes:
        heard.append(request)
        said = next((answer for command, answer in answers.items() if command in request), b"")
        return said.replace(b"PORT", port[0]) or greet(request)

    async def run() -> None:
        async with speaking(answer) as at:
            port.append(at.partition(":")[2].encode())
            with closing(connect(url.format(at))) as server:
                for _ in range(2):
                    with pytest.raises(StoreUnavailable, match=words) as raised:
                        await server.read("GET", "x")
                    assert not raised.value.write_may_have_happened

    asyncio.run(run())
    everything = b"".join(heard)
    return everything.count(b"GET\r\n"), everything.count(b"SETNAME")


def test_two_nodes_that_name_each_other_are_no_endless_way() -> None:
    answers = {b"GET\r\n": b"-MOVED 1 127.0.0.1:PORT\r\n", b"CLUSTER": b"*0\r\n"}
    assert calls_until_told("redis://{}", answers, "MOVED")[0] == 12


@pytest.mark.parametrize("word", ["READONLY", "MASTERDOWN", "NOREPLICAS", "CLUSTERDOWN"])
def test_a_server_that_is_not_the_one_to_ask_is_asked_for_one_call_only(word: str) -> None:
    assert calls_until_told("redis://{}", {b"GET\r\n": f"-{word} made up\r\n".encode()}, word) == (2, 2)


@pytest.fixture(scope="module")
def cluster() -> Iterator[ClusterServers]:
    with ClusterServers() as running:
        yield running


@pytest.mark.slow
def test_partitions_are_found_and_share_the_connection_to_a_node(cluster: ClusterServers) -> None:
    """Whichever node is named, one that is not there included, and by a URL that says nothing of a cluster."""
    bases = [f"{{x:{number}/9}}" for number in range(9)]

    async def body(server: Server) -> None:
        parts = [copy(server) for _ in bases]
        await asyncio.gather(*(part.run(SET, base, "") for part, base in zip(parts, bases, strict=True)))
        with redis.Redis.from_url(cluster.url) as client:
            assert len([one for one in client.client_list() if one["name"] == "taskstore"]) == 1

    for url in (f"redis+cluster://127.0.0.1:{unused_port()},{cluster.nodes[1]}", f"redis://{cluster.nodes[2]}"):
        on_server(url, body)


@pytest.mark.slow
def test_a_store_that_names_one_node_survives_its_death(cluster: ClusterServers) -> None:
    """It asks the other nodes, which it has not been told of, while the one that it names is away."""

    async def body(server: Server) -> None:
        await write(server)
        deadline = asyncio.get_running_loop().time() + 20
        with cluster.killed():  # it is to be away until the store works again
            while asyncio.get_running_loop().time() < deadline:
                try:
                    return await write(server)
                except StoreUnavailable:
                    await asyncio.sleep(0.05)
        raise AssertionError("the store did not work again")

    on_server(cluster.url.replace("redis", "redis+cluster"), body)
    cluster.settle()  # for whoever comes next


@pytest.fixture(scope="module")
def watched() -> Iterator[SentinelServers]:
    with SentinelServers(min_replicas=0) as running:
        with redis.Redis.from_url(running.sentinel.url) as client:
            client.execute_command("ACL", "SETUSER", "watcher", "on", ">w0rd", "~*", "&*", "+@all")
            client.execute_command("SENTINEL", "FLUSHCONFIG")  # the user is there again after a restart
        yield running


async def subscribed(sentinel: redis.Redis) -> None:
    """Return when a store hears of the master, with its own credentials."""
    async with asyncio.timeout(10):
        while not any(one["user"] == "watcher" and one["sub"] != "0" for one in sentinel.client_list()):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


@pytest.mark.slow
@pytest.mark.parametrize("sentinels", ["stay", "are lost"])
def test_a_planned_failover_loses_no_acknowledged_write(watched: SentinelServers, sentinels: str) -> None:
    acknowledged: list[str] = []

    async def body(server: Server) -> None:
        async def keep_writing(caller: int) -> None:
            number = 0
            while not done.is_set():
                number += 1
                await server.run(SET, "{x}", f"{caller}-{number}")
                acknowledged.append(f"{{x}}{caller}-{number}")
                await asyncio.sleep(0.002)

        done = asyncio.Event()
        callers = [asyncio.create_task(keep_writing(number)) for number in range(8)]
        with redis.Redis.from_url(watched.sentinel.url) as client:
            await subscribed(client)
            if sentinels == "are lost":  # the store subscribes again
                with watched.sentinel.killed():
                    await asyncio.sleep(0.1)
                await subscribed(client)
            await asyncio.to_thread(watched.fail_over, kill=False)
        done.set()
        await asyncio.gather(*callers)

    on_server(watched.store_url + "?sentinel_username=watcher&sentinel_password=w0rd", body)
    with redis.Redis.from_url(watched.url) as client:
        assert len(acknowledged) > 100
        assert client.exists(*acknowledged) == len(acknowledged)


@pytest.mark.slow
def test_sentinels_may_go_and_nothing_is_left_behind(watched: SentinelServers) -> None:
    async def body(server: Server) -> None:
        before = asyncio.all_tasks()
        for part in (server, copy(server)):
            await write(part)
        with redis.Redis.from_url(watched.url) as client:
            assert len([one for one in client.client_list() if one["name"] == "taskstore"]) == 1
        with watched.sentinel.killed():
            for _ in range(20):
                await write(server)
                await asyncio.sleep(0.1)
            server.close()
            await asyncio.sleep(0)
            assert asyncio.all_tasks() == before
        with pytest.raises(StoreUnavailable, match="the store was closed"):
            await server.read("PING")

    on_server(watched.store_url, body)


@pytest.mark.slow
def test_a_wrong_password_for_the_sentinels_is_refused(watched: SentinelServers) -> None:
    async def body(server: Server) -> None:
        with pytest.raises(StoreUnavailable) as raised:
            await server.read("PING")
        assert raised.value.failure_kind is FailureKind.REFUSED

    at = watched.sentinel.url.removeprefix("redis://").removesuffix("/0")
    on_server(f"redis+sentinel://{at}/{SERVICE}?sentinel_username=watcher&sentinel_password=wrong", body)


@pytest.mark.slow
@pytest.mark.skipif(find_binary().name != "redis-server", reason="the packaged server has no TLS")
def test_tls_takes_its_own_authority_and_a_certificate() -> None:
    with TlsServer() as server:
        on_server(server.store_url, write)
        place, _, options = server.store_url.partition("?")
        ca = next(option for option in options.split("&") if option.startswith("ssl_ca_certs"))

        async def refused(to: Server) -> None:
            with pytest.raises(StoreUnavailable) as raised:
                await to.run(SET, "x", "y")
            assert not raised.value.write_may_have_happened

        for url in (place, f"{place}?{ca}", place.replace("rediss", "redis")):
            on_server(url, refused, connect_timeout=1, timeout=1)
