"""What an open store does when the tasks go elsewhere: sockets, TLS, Sentinels, and nodes of a cluster."""

import asyncio
import re
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, suppress
from copy import copy
from pathlib import Path

import pytest
import redis

from conformance.backends.proxy import reserved_port, unused_port
from conformance.backends.servers import EmbeddedServer, find_binary
from statements.topologies import ClusterServers, SentinelServers
from taskstore import StoreUnavailable
from taskstore.redis import RedisTaskStore, connect
from taskstore.redis.server import Server
from tests.store.operating import REQUEST, connections, until
from tests.store.speaking import SET, greet, speaking

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nowhere")]

CERTIFICATE = (
    "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=tests "
    "-addext subjectAltName=IP:127.0.0.1 -keyout key -out made"
)
"""Makes a certificate that is its own authority, and the client's too."""


async def write(server: Server) -> None:
    assert await server.run(SET, "{x}", "y") == b"set"


@asynccontextmanager
async def answering(answers: dict[bytes, bytes], heard: list[bytes]) -> AsyncIterator[str]:
    """The address of a server that answers what holds a word, and agrees to all else. PORT is its own."""

    def answer(request: bytes) -> bytes:
        heard.append(request)
        said = next((answer for word, answer in answers.items() if word in request), greet(request))
        return said.replace(b"PORT", at[-5:].encode())

    async with speaking(answer) as at:
        yield at


async def calls_until_told(answers: dict[bytes, bytes], words: str) -> tuple[int, int]:
    """How often two reads ask a server whose answers lead nowhere, and how often it is connected to."""
    heard: list[bytes] = []
    async with answering(answers, heard) as at:
        with closing(connect(f"redis://{at}")) as server:
            for _ in range(2):
                with pytest.raises(StoreUnavailable, match=words) as raised:
                    await server.read("GET", "x")
                assert not raised.value.write_may_have_happened
    everything = b"".join(heard)
    return everything.count(b"GET\r\n"), everything.count(b"SETNAME")


async def test_two_nodes_that_name_each_other_are_no_endless_way() -> None:
    answers = {b"GET\r\n": b"-MOVED 1 127.0.0.1:PORT\r\n", b"CLUSTER": b"*0\r\n"}
    asked, _ = await calls_until_told(answers, "MOVED")
    assert asked == 12


@pytest.mark.parametrize("word", ["READONLY", "MASTERDOWN", "NOREPLICAS", "CLUSTERDOWN"])
async def test_a_server_that_is_not_the_one_to_ask_is_asked_for_one_call_only(word: str) -> None:
    assert await calls_until_told({b"GET\r\n": f"-{word} made up\r\n".encode()}, word) == (2, 2)


@pytest.fixture(scope="module")
def cluster() -> Iterator[ClusterServers]:
    with ClusterServers() as running:
        yield running


@pytest.mark.slow
async def test_partitions_are_found_and_share_the_connection_to_a_node(cluster: ClusterServers) -> None:
    """Whichever node is named, one that is not there included, and by a URL that says nothing of a cluster."""
    bases = [f"{{x:{number}/9}}" for number in range(9)]
    for url in (f"redis+cluster://127.0.0.1:{unused_port()},{cluster.nodes[1]}", f"redis://{cluster.nodes[2]}"):
        with closing(connect(url)) as server:
            await asyncio.gather(*(copy(server).run(SET, base, "") for base in bases))
            assert connections(cluster.url) == 1
        await until(lambda: connections(cluster.url) == 0)


@pytest.mark.slow
async def test_a_store_that_names_one_node_survives_its_death(cluster: ClusterServers) -> None:
    """It asks the other nodes, which it has not been told of, while the one that it names is away."""

    async def works(server: Server) -> bool:
        with suppress(StoreUnavailable):
            await write(server)
            return True
        return False

    with closing(connect(cluster.url.replace("redis", "redis+cluster"))) as server:
        await write(server)
        with cluster.killed():  # it is to be away until the store works again
            async with asyncio.timeout(20):
                while not await works(server):  # noqa: ASYNC110  what another process does sets no event
                    await asyncio.sleep(0.05)
    cluster.settle()  # for whoever comes next


LEAST_RIGHTS = """-@all &+selected-slave &+switch-master +ping +client|setname +subscribe
    +sentinel|get-master-addr-by-name +sentinel|sentinels"""


@pytest.fixture(scope="module")
def watched() -> Iterator[SentinelServers]:
    with SentinelServers(min_replicas=0, replicas=2, sentinels=3) as running:
        for sentinel in running.sentinels:
            sentinel.call(f"ACL SETUSER watcher on >w0rd resetchannels {LEAST_RIGHTS}")
            sentinel.call("SENTINEL FLUSHCONFIG")  # the user is there again after a restart
        yield running


def restart(server: EmbeddedServer) -> None:
    with server.killed():
        pass


def is_heard(sentinel: EmbeddedServer) -> bool:
    """Whether a store hears of the master from it, with its own credentials."""
    return re.search(rb" sub=2 .* user=watcher ", sentinel.call("CLIENT LIST")) is not None


@pytest.mark.slow
@pytest.mark.parametrize(("named", "is_restarted"), [(3, False), (2, False), (1, False), (3, True), (1, True)])
async def test_a_planned_failover_loses_no_acknowledged_write(
    watched: SentinelServers, named: int, is_restarted: bool
) -> None:
    """The last Sentinel replaces the master, whether the URL names it or not, and soon after it was away too."""
    acknowledged: list[str] = []
    acting = watched.sentinels[-1]
    done = asyncio.Event()

    async def keep_creating(store: RedisTaskStore) -> None:
        while not done.is_set():
            task = await store.create_task(REQUEST)
            acknowledged.append(f"{{taskstore:0/1}}:task:{task.task_id}")

    url = watched.url_of(*(sentinel.port for sentinel in watched.sentinels[:named]))
    server = connect(f"{url}?sentinel_username=watcher&sentinel_password=w0rd")
    async with RedisTaskStore(server, prefix="taskstore") as store, asyncio.TaskGroup() as callers:
        for _ in range(8):
            callers.create_task(keep_creating(store))
        await until(lambda: all(map(is_heard, watched.sentinels)))
        if is_restarted:
            await asyncio.to_thread(restart, acting)
            await until(lambda: is_heard(acting), 0.5)
        await asyncio.to_thread(watched.fail_over, kill=False)
        done.set()
    with redis.Redis.from_url(watched.url) as client:
        assert len(acknowledged) > 100
        assert client.exists(*acknowledged) == len(acknowledged)


MASTER = "*2\r\n$9\r\n127.0.0.1\r\n$5\r\n{}\r\n"
LEARNED = (
    "*1\r\n*10\r\n$4\r\nname\r\n$1\r\nx\r\n$2\r\nip\r\n$9\r\n127.0.0.1\r\n$4\r\nport\r\n$5\r\n{}\r\n"
    "$5\r\nrunid\r\n$1\r\nx\r\n$5\r\nflags\r\n$8\r\nsentinel\r\n"
)


@pytest.mark.parametrize("reply", ["-NOPERM you may not ask\r\n", "*1\r\n*2\r\n:1\r\n:2\r\n", LEARNED])
async def test_sentinels_that_cannot_be_learned_or_reached_disturb_nobody(
    reply: str, server: EmbeddedServer, caplog: pytest.LogCaptureFixture
) -> None:
    """One that is learned, and does not answer, is left alone until the others are asked again."""
    heard: list[bytes] = []
    visits: list[bytes] = []
    async with speaking(visits.append) as out_of_reach:
        answers = {b"GET-MASTER": MASTER.format(server.port), b"SENTINELS": reply.format(out_of_reach[-5:])}
        async with answering({word: text.encode() for word, text in answers.items()}, heard) as at:
            with closing(connect(f"redis+sentinel://{at}/m")) as opened:
                await opened.read("PING")
                await until(lambda: b"SUBSCRIBE" in b"".join(heard) and (visits or reply != LEARNED))
                await opened.read("PING")

    assert len(visits) == (reply == LEARNED)
    assert caplog.records == []


async def test_a_message_that_comes_together_with_the_confirmation_is_heard(server: EmbeddedServer) -> None:
    """The Sentinel that says so is also the master that is replaced."""
    message = f"*3\r\n*3\r\n*3\r\nm 127.0.0.1 PORT 127.0.0.1 {server.port}\r\n".encode()
    answers = {b"GET-MASTER": MASTER.format("PORT").encode(), b"SUBSCRIBE": message, b"ROLE": b"*1\r\n+master\r\n"}
    async with answering(answers, []) as at:
        with closing(connect(f"redis+sentinel://{at}/m")) as opened:
            async with asyncio.timeout(10):
                while await opened.read("PING") != b"PONG":  # noqa: ASYNC110  as above
                    await asyncio.sleep(0)


@pytest.mark.slow
async def test_sentinels_may_go_and_nothing_is_left_behind(watched: SentinelServers) -> None:
    before = asyncio.all_tasks()
    server = connect(watched.store_url)
    for part in (server, copy(server)):
        await write(part)
    assert connections(watched.url) == 1
    with watched.sentinel.killed():
        for _ in range(20):
            await write(server)
            await asyncio.sleep(0.1)
        server.close()
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == before
    with pytest.raises(StoreUnavailable, match="the store was closed"):
        await server.read("PING")


@pytest.fixture
def certified(tmp_path: Path) -> Path:
    subprocess.run(CERTIFICATE.split(), cwd=tmp_path, capture_output=True, check=True)
    return tmp_path


@pytest.mark.slow
@pytest.mark.skipif(find_binary().name != "redis-server", reason="the packaged server has no TLS")
async def test_tls_takes_its_own_authority_and_a_certificate(certified: Path) -> None:
    of_server = f"tls-ca-cert-file {certified}/made\ntls-cert-file {certified}/made\ntls-key-file {certified}/key"
    ca = f"ssl_ca_certs={certified}/made"
    with reserved_port() as port, EmbeddedServer(config=f"tls-port {port}\n{of_server}"):
        place = f"rediss://127.0.0.1:{port}/0"
        with closing(connect(f"{place}?{ca}&ssl_certfile={certified}/made&ssl_keyfile={certified}/key")) as to:
            await write(to)
        for url in (place, f"{place}?{ca}", place.replace("rediss", "redis")):
            with closing(connect(url, connect_timeout=1, timeout=1)) as to, pytest.raises(StoreUnavailable) as raised:
                await write(to)
            assert not raised.value.write_may_have_happened
