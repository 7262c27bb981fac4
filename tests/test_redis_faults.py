"""Every call of Redis mode, with one thing wrong at a time: a reply that is late or of another shape, a command that
fails or is denied, a key of another type.

`SCENES` are the calls. Between them they make every request that the store makes, and run every command of its scripts.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import selectors
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha1
from importlib.resources import files
from itertools import count
from typing import Any, cast

import pytest
import redis
from hiredis import Reader, pack_command

from conformance.subjects.servers import EmbeddedServer
from taskstore import (
    FailureKind,
    InvalidArgument,
    MemoryTaskStore,
    RecordUnreadable,
    SettingsInvalid,
    StoreUnavailable,
    Task,
    TaskCreateRequest,
    TaskExists,
    TaskFinal,
    TaskNotFound,
    TaskPage,
    TaskStatus,
)
from taskstore.redis import RedisTaskStore, connect, scripts, store
from taskstore.redis.scripts import Script
from taskstore.redis.store import Listed

REQUEST = TaskCreateRequest(video_ids=("v",))
BASE = "{faults:0}"
INDEXES = [f"{BASE}:{name}" for name in ("created", "deadlines", "finished")]
BY_STATUS = [f"{BASE}:created:{status}" for status in TaskStatus]
LONG_AGO = datetime(2002, 1, 1, tzinfo=UTC)
CONNECT_TIMEOUT, TIMEOUT = 100.0, 1_000.0
"""In seconds of a clock that does not wait: see `Ahead`."""
NEVER = 10 * TIMEOUT


async def long_ago(name: str) -> Task:
    async with MemoryTaskStore(clock=lambda: 10**18) as past:
        return await past.cancel_task((await past.create_task(REQUEST, task_id=name)).task_id)


@dataclass(frozen=True)
class Scene:
    """What there is, what is called, and what comes of it where nothing is wrong: a task, a page, or an exception."""

    call: Callable[[RedisTaskStore, Task], Awaitable[object]]
    there: tuple[str, ...] = ("job",)
    old: int = 0
    spoil: Callable[[Any], object] = lambda _: None
    comes: Any = Task


def expire(*names: str) -> Callable[[Any], None]:
    """Let these be due: the server has removed the records, and nobody has swept the indexes."""

    def spoil(client: Any) -> None:
        client.zadd(f"{BASE}:deadlines", dict.fromkeys(names, 1))
        client.delete(*(f"{BASE}:task:{name}" for name in names))

    return spoil


def evict(client: Any) -> None:
    client.config_set("maxmemory-policy", "allkeys-lru")
    client.config_set("maxmemory", 2**40)
    client.unlink(*INDEXES)


def evict_while_others_fill(client: Any) -> None:
    evict(client)
    client.set(f"{BASE}:partial", "1", px=604_800_000)


def write_record(pattern: bytes, new: bytes) -> Callable[[Any], None]:
    def spoil(client: Any) -> None:
        client.set(f"{BASE}:task:job", re.sub(pattern, new, client.get(f"{BASE}:task:job")), keepttl=True)

    return spoil


def behind(task: Task, name: str) -> str:
    """The cursor of a place in the microsecond of a task."""
    return f"{(task.created_at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)}.{name}"


ABC = ("a", "b", "c")
SCENES: dict[str, Scene] = {
    "create": Scene(lambda one, _: one.create_task(REQUEST)),
    "create with an id": Scene(lambda one, _: one.create_task(REQUEST, task_id="new")),
    "create again": Scene(lambda one, _: one.create_task(REQUEST, task_id="job")),
    "create where indexes are evicted": Scene(lambda one, _: one.create_task(REQUEST), spoil=evict),
    "create again, and wait": Scene(lambda one, _: waiting(one).create_task(REQUEST, task_id="job")),
    "get": Scene(lambda one, _: one.get_task("job")),
    "get nothing": Scene(lambda one, _: one.get_task("none"), comes=TaskNotFound),
    "get an empty value": Scene(lambda one, _: one.get_task("job"), spoil=write_record(b"(?s).+", b""),
                                comes=RecordUnreadable),
    "update": Scene(lambda one, _: one.update_task_status("job", TaskStatus.CLIPPING, 5)),
    "update nothing": Scene(lambda one, _: one.update_task_status("none", TaskStatus.CLIPPING), comes=TaskNotFound),
    "update in doubt": Scene(lambda one, _: one.update_task_status("job", TaskStatus.CLIPPING),
                             spoil=write_record(b'"progress":0.0', b'"progress":5')),
    "update beyond the size": Scene(lambda one, _: one.update_task_status("job", TaskStatus.CLIPPING, 5, "x" * 600_000),
                                    spoil=write_record(b'"webhook_url":null', b'"webhook_url":"%b"' % (b"x" * 600_000)),
                                    comes=InvalidArgument),
    "update with others due": Scene(lambda one, _: one.update_task_status("job", TaskStatus.CLIPPING),
                                    (*ABC, "job"), spoil=expire(*ABC)),
    "complete": Scene(lambda one, _: one.update_task_status("job", TaskStatus.COMPLETED)),
    "cancel": Scene(lambda one, _: one.cancel_task("job")),
    "update what is final": Scene(lambda one, _: one.update_task_status("old0", TaskStatus.CLIPPING), old=1,
                                  comes=TaskFinal),
    "list": Scene(lambda one, _: one.list_tasks(), (*ABC, "job"), old=1, comes=TaskPage),
    "list by status": Scene(lambda one, _: one.list_tasks(TaskStatus.PENDING, 2), ABC, old=1, comes=TaskPage),
    "list as a partition": Scene(lambda one, _: one.listed("", 2, 0, ("", ""), one.server.deadline(), 1),
                                 (*ABC, "job"), comes=Listed),
    "list behind a task": Scene(lambda one, job: one.list_tasks(after=behind(job, "job")), (*ABC, "job"),
                                comes=TaskPage),
    "list behind a place": Scene(lambda one, job: one.list_tasks(after=behind(job, "jo")), (*ABC, "job"),
                                 comes=TaskPage),
    "list with some due": Scene(lambda one, _: one.list_tasks(), (*ABC, "job"), spoil=expire(*ABC), comes=TaskPage),
    "list with all due": Scene(lambda one, _: one.list_tasks(), ABC, spoil=expire(*ABC), comes=TaskPage),
    "list where records are gone": Scene(lambda one, _: one.list_tasks(), (*ABC, "job"), comes=TaskPage,
                                         spoil=lambda client: client.delete(f"{BASE}:task:a", f"{BASE}:task:job")),
    "list where indexes are evicted": Scene(lambda one, _: one.list_tasks(), ABC, old=2, spoil=evict, comes=TaskPage),
    "list while others fill indexes": Scene(lambda one, _: one.list_tasks(), ABC, old=2, spoil=evict_while_others_fill,
                                            comes=TaskPage),
    "list nothing where indexes are evicted": Scene(lambda one, _: one.list_tasks(), (), spoil=evict, comes=TaskPage),
    "purge": Scene(lambda one, _: one.purge(LONG_AGO), old=3, comes=int),
    "purge with others due": Scene(lambda one, _: one.purge(LONG_AGO), (*ABC, "job"), old=2, spoil=expire(*ABC),
                                   comes=int),
    "purge where indexes are evicted": Scene(lambda one, _: one.purge(LONG_AGO), old=3, spoil=evict, comes=int),
    "restore": Scene(lambda one, job: one.restore(job.model_copy(update={"task_id": "new"})), comes=type(None)),
    "restore what is final": Scene(lambda one, _: restore_old(one), comes=type(None)),
    "restore what is there": Scene(lambda one, job: one.restore(job), comes=TaskExists),
    "claim": Scene(lambda one, _: one.claim(3), (), comes=type(None) | SettingsInvalid),
    "ping": Scene(lambda one, _: one.ping(), comes=type(None)),
}  # fmt: skip


def waiting(one: RedisTaskStore) -> RedisTaskStore:
    """The store, whose scripts are told that replicas are waited for."""
    one._waits = "waits"  # noqa: SLF001  a master without replicas would never acknowledge
    return one


async def restore_old(one: RedisTaskStore) -> None:
    await one.restore(await long_ago("new"))


async def set_up(scene: Scene, direct: RedisTaskStore, client: Any) -> Task:
    """Make what there is; returns the newest task."""
    client.flushdb()
    for name in ("maxmemory", "maxmemory-policy"):
        client.config_set(name, {"maxmemory": 0, "maxmemory-policy": "noeviction"}[name])
    for number in range(scene.old):
        await direct.restore(await long_ago(f"old{number}"))
    tasks = [await direct.create_task(REQUEST, task_id=name) for name in scene.there]
    scene.spoil(client)
    return tasks[-1] if tasks else await long_ago("job")


async def outcome_of(call: Awaitable[object]) -> Any:
    (outcome,) = await asyncio.gather(call, return_exceptions=True)
    return outcome


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few tasks make many requests. Scripts and ids are the same in every run."""
    monkeypatch.setattr(store, "_SWEPT_AT_ONCE", 2)
    monkeypatch.setattr(store, "_SWEPT_PER_WRITE", 2)
    monkeypatch.setattr(store, "_READ_AT_ONCE", 600)
    monkeypatch.setattr(store, "new_task_id", lambda: "task_0")


@pytest.fixture
def client(server: EmbeddedServer) -> Iterator[Any]:
    with redis.Redis.from_url(server.url) as client:
        yield client
        client.flushdb()
        client.config_set("maxmemory", 0)
        client.config_set("maxmemory-policy", "noeviction")


# --- Replies: what the real server answered is answered again, but for one reply


class Ahead(asyncio.SelectorEventLoop):
    """A loop that does not wait: where nothing comes, its clock goes on at once."""

    def __init__(self) -> None:
        self._ahead = 0.0
        super().__init__(_Unwaiting(self))

    def time(self) -> float:
        return super().time() + self._ahead


class _Unwaiting(selectors.DefaultSelector):
    def __init__(self, loop: Ahead) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> Any:
        # What the server in this loop has written is there already, or takes the system a moment.
        found = super().select(None if timeout is None else min(timeout, 0.003))
        if not found and timeout is not None:
            self._loop._ahead += max(timeout, 0)  # noqa: SLF001  one class in two parts
        return found


def on_a_loop_ahead(body: Awaitable[None]) -> None:
    with asyncio.Runner(loop_factory=Ahead) as runner:
        runner.run(cast("Any", body))


@contextlib.asynccontextmanager
async def speaking(answer: Callable[[list[bytes]], Awaitable[bytes | None]]) -> AsyncIterator[str]:
    """A server that answers each command as it is told; `None` ends the connection."""
    serving: list[asyncio.Task[Any]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.append(cast("asyncio.Task[Any]", asyncio.current_task()))
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while line := await reader.readline():
                words = []
                for _ in range(int(line[1:])):
                    size = int((await reader.readline())[1:])
                    words.append((await reader.readexactly(size + 2))[:-2])
                if (reply := await answer(words)) is None:
                    break
                writer.write(reply)
        writer.close()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listener:
        yield f"redis://user:word@127.0.0.1:{listener.sockets[0].getsockname()[1]}/1"
        for one in serving:
            one.cancel()
        await asyncio.gather(*serving)


HANDSHAKE = [b"AUTH", b"CLIENT", b"CLIENT", b"CLIENT", b"SELECT"]


@dataclass(frozen=True)
class Recorded:
    """A scene on the real server: the task that it had, each request with its reply, and what came of the call."""

    task: Task
    requests: tuple[tuple[list[bytes], bytes], ...]
    outcome: Any

    def name(self, place: int) -> str:
        """What a request is: a command, or a script, of a rebuild with its step."""
        words, _ = self.requests[place]
        if not words[0].startswith(b"EVAL"):
            return words[0].decode()
        script = script_of(words)
        step = f" {words[5].decode()}" if script == "REBUILD" else ""
        return f"{script}{step}"

    def writes(self, place: int) -> bool:
        """Whether a request may have written what the caller asked for."""
        words, _ = self.requests[place]
        return words[0].startswith(b"EVAL") and SCRIPTS[script_of(words)].writes


SCRIPTS = {name: script for name, script in vars(scripts).items() if isinstance(script, Script)}


def script_of(words: list[bytes]) -> str:
    return next(name for name, one in SCRIPTS.items() if words[1].decode() in (one.digest, one.text))


async def record(server: EmbeddedServer, client: Any, scene: Scene) -> Recorded:
    greetings: list[bytes] = []
    requests: list[tuple[list[bytes], bytes]] = []
    async with RedisTaskStore(connect(server.url), prefix="faults") as direct:
        task = await set_up(scene, direct, client)
    client.script_flush()
    host, port = server.url.partition("//")[2].partition("/")[0].split(":")
    from_server, to_server = await asyncio.open_connection(host, int(port))

    async def forward(words: list[bytes]) -> bytes:
        if words[0] in HANDSHAKE:
            greetings.append(words[0])
            return b"+OK\r\n"
        to_server.write(pack_command(tuple(words)))  # type: ignore[arg-type]  # hiredis says a tuple of one
        reader, reply = Reader(notEnoughData=...), b""
        while reader.gets() is ...:
            reply += (came := await from_server.read(65_536))
            reader.feed(came)
        requests.append((words, reply))
        return reply

    async with speaking(forward) as url, RedisTaskStore(connect(url), prefix="faults") as one:
        outcome = await outcome_of(scene.call(one, task))
    to_server.close()
    await to_server.wait_closed()
    assert greetings == HANDSHAKE
    return Recorded(task, tuple(requests), outcome)


Different = Callable[[int], Awaitable[bytes | None]]


def late(waits: dict[int, float]) -> Different:
    async def different(place: int) -> None:
        await asyncio.sleep(waits.get(place, 0))

    return different


def instead(at: int, reply: bytes) -> Different:
    async def different(place: int) -> bytes | None:
        return reply if at == place else None

    return different


async def replay(scene: Scene, recorded: Recorded, different: Different) -> tuple[Any, float]:
    """What comes of the call, and how long it takes, where `different` may answer some requests; handshakes are < 0."""
    places = iter(range(-len(HANDSHAKE), len(recorded.requests)))

    async def answer(_: list[bytes]) -> bytes | None:
        place = next(places, None)
        if place is None:
            return None
        if (reply := await different(place)) is not None:
            return reply
        return b"+OK\r\n" if place < 0 else recorded.requests[place][1]

    async with speaking(answer) as url:
        to = connect(url, connect_timeout=CONNECT_TIMEOUT, timeout=TIMEOUT)
        async with RedisTaskStore(to, prefix="faults") as one:
            start = asyncio.get_running_loop().time()
            outcome = await outcome_of(scene.call(one, recorded.task))
            return outcome, asyncio.get_running_loop().time() - start


def has_written(recorded: Recorded, place: int) -> bool:
    """Whether a request before this one has written: only a purge makes several that do."""
    return any(
        recorded.name(before) == "PURGE" and re.match(rb"\*2\r\n:[01]\r\n:[1-9]", recorded.requests[before][1])
        for before in range(max(place, 0))
    )


@pytest.mark.parametrize("name", SCENES)
def test_one_call_has_one_deadline(server: EmbeddedServer, client: Any, name: str) -> None:
    scene = SCENES[name]

    async def body() -> None:
        for place in range(-len(HANDSHAKE) if name == "create" else 0, len(recorded.requests)):  # all connect alike
            limit = CONNECT_TIMEOUT if place < 0 else TIMEOUT
            before = 0.9 * (CONNECT_TIMEOUT if place <= 0 else TIMEOUT)
            for waits, least, most in (
                ({place: NEVER}, limit, limit),
                ({place - 1: before, place: NEVER}, limit, CONNECT_TIMEOUT + TIMEOUT * (2 if is_purge else 1)),
            ):
                outcome, took = await replay(scene, recorded, late(waits))
                assert isinstance(outcome, StoreUnavailable)
                assert outcome.failure_kind is FailureKind.TIMEOUT
                written = place >= 0 and (recorded.writes(place) or has_written(recorded, place))
                assert outcome.write_may_have_happened is written, recorded.name(place)
                assert 0.99 * least <= took <= 1.01 * most, recorded.name(place)

    is_purge = name.startswith("purge")  # is several calls in this sense
    recorded = asyncio.run(record(server, client, scene))
    assert isinstance(recorded.outcome, scene.comes)
    on_a_loop_ahead(body())


SHAPES: dict[str, bytes] = {
    "nil": b"$-1\r\n",
    "integer": b":7\r\n",
    "text": b"$3\r\nxxx\r\n",
    "empty text": b"$0\r\n\r\n",
    "status": b"+xxx\r\n",
    "empty list": b"*0\r\n",
    "no list": b"*-1\r\n",
    "nested list": b"*1\r\n*1\r\n*0\r\n",
    "error": b"-ERR made up \xff\r\n",
    "unknown script": b"-NOSCRIPT made up\r\n",
    "many digits": b"*2\r\n$5\r\nlarge\r\n$5000\r\n" + b"9" * 5_000 + b"\r\n",
    "unknown status": b"*2\r\n$5\r\nfinal\r\n$3\r\nxxx\r\n",
    "no record": b"*2\r\n$2\r\nok\r\n$3\r\nxxx\r\n",
    "not UTF-8": b"*2\r\n$7\r\nwritten\r\n$1\r\n\xff\r\n",
    "no protocol": b"HTTP/1.1 400 Bad Request\r\n",
}
# What is a right reply to these requests, or is not looked at; and what may come of it, besides a store unavailable.
RIGHT: dict[tuple[str, str], tuple[type[Any], ...]] = {
    ("INSERT", "no record"): (type(None),),
    **dict.fromkeys((("GETRANGE", shape) for shape in ("text", "status")), (RecordUnreadable, TaskPage)),
    ("GETRANGE", "empty text"): (RecordUnreadable, TaskPage, TaskNotFound),
    **dict.fromkeys((("REBUILD begin", shape) for shape in ("text", "status", "empty text")), (TaskPage, int)),
    ("REBUILD add", "integer"): (TaskPage, int),
    **dict.fromkeys((("REBUILD end", shape) for shape in SHAPES), (TaskPage, int)),
    **dict.fromkeys((("PING", shape) for shape in SHAPES), (type(None),)),
}
_ELEMENTS = [b"$-1\r\n", b":7\r\n", b"$3\r\nxxx\r\n", b"*0\r\n", b"-ERR made up\r\n"]
_KINDS = {b"$": bytes, b":": int, b"*": list, b"-": Exception}


def packed(reply: Any) -> bytes:
    if isinstance(reply, list):
        return b"*%d\r\n" % len(reply) + b"".join(map(packed, reply))
    return b":%d\r\n" % reply if isinstance(reply, int) else b"$%d\r\n%b\r\n" % (len(reply), reply)


def misshapen(reply: bytes) -> Iterator[tuple[str, bytes]]:
    """A reply that is a list, with an element less, one more, or one of another kind, in lists inside it too."""
    reader = Reader()
    reader.feed(reply)
    right = reader.gets()
    if not isinstance(right, list):
        return
    yield "shorter", packed(right[:-1])
    yield "longer", packed([*right, b"xxx"])
    for at, element in enumerate(right):
        before, after = b"".join(map(packed, right[:at])), b"".join(map(packed, right[at + 1 :]))
        head = b"*%d\r\n" % len(right)
        for wrong in _ELEMENTS:
            kind = _KINDS[wrong[:1]] if wrong != _ELEMENTS[0] else Exception
            if not isinstance(element, kind):
                yield f"{at}: {wrong!r}", head + before + wrong + after
            if isinstance(element, list) and element and not isinstance(element[-1], kind):
                inside = b"*%d\r\n" % len(element) + b"".join(map(packed, element[:-1])) + wrong
                yield f"{at}, inside: {wrong!r}", head + before + inside + after


@pytest.mark.parametrize("name", SCENES)
def test_a_reply_of_another_shape_is_a_broken_server(server: EmbeddedServer, client: Any, name: str) -> None:
    scene = SCENES[name]

    async def body() -> None:
        for place, (words, right) in enumerate(recorded.requests):
            for shape, reply in (*SHAPES.items(), *misshapen(right)):
                if (words[0], shape) == (b"EVALSHA", "unknown script"):  # as the first of each script was answered
                    continue

                outcome, _ = await replay(scene, recorded, instead(place, reply))
                comes = RIGHT.get((recorded.name(place), shape))
                if comes is not None:
                    is_right = isinstance(outcome, (*comes, StoreUnavailable))
                else:
                    may = recorded.writes(place) and shape not in ("error", "unknown script")
                    may = may or has_written(recorded, place)
                    is_right = isinstance(outcome, StoreUnavailable) and (
                        (outcome.failure_kind, outcome.write_may_have_happened) == (FailureKind.BROKEN, may)
                    )
                if not is_right:
                    wrong.append(f"{recorded.name(place)}, {shape}: {outcome!r:.200}")

    wrong: list[str] = []
    recorded = asyncio.run(record(server, client, scene))
    asyncio.run(body())
    assert not wrong


@pytest.mark.parametrize("shape", SHAPES)
def test_a_handshake_of_another_shape_is_a_server_that_cannot_be_had(
    server: EmbeddedServer, client: Any, shape: str
) -> None:
    scene = SCENES["create with an id"]

    async def body() -> None:
        for place in range(-len(HANDSHAKE), 0):
            outcome, _ = await replay(scene, recorded, instead(place, SHAPES[shape]))
            if isinstance(outcome, StoreUnavailable):
                assert not outcome.write_may_have_happened
            else:
                assert isinstance(outcome, Task)
                assert HANDSHAKE[place] == b"CLIENT"  # the name of the client library, which a server need not take

    recorded = asyncio.run(record(server, client, scene))
    asyncio.run(body())


# --- Commands: each one that a script runs fails, is denied, or meets a key of another type


def stored(client: Any) -> dict[tuple[bytes, bytes], Any]:
    """Records and entries of indexes, as the server has them."""
    found: dict[tuple[bytes, bytes], Any] = {}
    for key in client.keys(f"{BASE}:*"):
        kind = client.type(key)
        if kind == b"zset":
            found |= {(key, name): score for name, score in client.zrange(key, 0, -1, withscores=True)}
        else:
            found[key, b""] = client.get(key) if kind == b"string" else kind
    return found


def differs(before: dict[Any, Any], after: dict[Any, Any], *, records: bool) -> bool:
    """Whether records, or else all that is stored, were changed: but for a moment of the last millisecond of a life."""
    if records:
        before, after = ({key: value for key, value in one.items() if b":task:" in key[0]} for one in (before, after))
    return before.keys() != after.keys() or any(
        abs(value - after[key]) > 100 if key[0].endswith(b":deadlines") and key[1] else value != after[key]
        for key, value in before.items()
    )


async def is_consistent(direct: RedisTaskStore) -> bool:
    """Whether listings by status have the tasks that the listing of all has, and count them."""
    everything = await direct.list_tasks()
    for status in (None, TaskStatus.PENDING, TaskStatus.CLIPPING, TaskStatus.COMPLETED, TaskStatus.CANCELLED):
        page = await direct.list_tasks(status)
        if page.tasks != tuple(task for task in everything.tasks if status in (None, task.status)):
            return False
        if page.total != len(page.tasks) + len(page.unreadable):
            return False
    return True


async def wrong_about(
    name: str,
    client: Any,
    direct: RedisTaskStore,
    store: RedisTaskStore,
    spoil: Callable[[], object],
    mend: Callable[[], object] = lambda: None,
    *,
    whole: bool = True,
) -> tuple[Any, str]:
    """What comes of a scene on a server that is spoilt and mended again, and what is wrong about that, or nothing.

    A write that says that nothing was written has to leave the indexes too as they were, if they are to be `whole`.
    """
    scene = SCENES[name]
    task = await set_up(scene, direct, client)
    spoil()
    before = stored(client)
    outcome = await outcome_of(scene.call(store, task))
    after = stored(client)
    mend()
    may = isinstance(outcome, StoreUnavailable) and outcome.write_may_have_happened
    whole = whole and not name.startswith(("list", "purge")) and scene.spoil is not evict  # which mend the indexes
    may_come = StoreUnavailable | RecordUnreadable | (TaskExists if name.startswith("restore") else scene.comes)
    if not isinstance(outcome, may_come | scene.comes):
        return outcome, f"{outcome!r} came out"
    if isinstance(outcome, Exception) and differs(before, after, records=may or not whole) is not may:
        return outcome, f"it says write_may_have_happened={may}: {outcome!r}"
    if isinstance(outcome, TaskPage) and not outcome.unreadable:
        page = await outcome_of(scene.call(direct, task))
        if page.tasks != outcome.tasks:
            return outcome, f"the tasks are those of {page!r}"
    if not await is_consistent(direct):
        return outcome, f"listings do not fit each other after {outcome!r}"
    return outcome, ""


COMMAND = re.compile(r"redis\.(p?call)\(")
LUA = [file.read_text("utf-8") for file in files("taskstore.redis").joinpath("lua").iterdir()]
UNDOING = {
    "local life = at > 1 and redis.call('PTTL', record_key(id)) or 0",
    "redis.pcall('ZADD', index, score, id)",
    "redis.pcall('ZREM', index, id)",
}
"""Lines that run when another command has failed."""
ASKED_POLITELY = (
    "local function info(section, pattern) return string.match(tostring(redis.pcall('INFO', section)), pattern) end"
)
"""The line whose command may fail: a user may lack the right to it."""
NUMBERING = """
local function runs(run, fault, site, ...)
  redis.call('SADD', 'ran', site)
  if redis.call('INCR', 'count') == tonumber(redis.call('GET', 'fails')) then
    redis.call('SET', 'failed', site)
    return fault({err = 'ERR made to fail'})
  end
  return run(...)
end
"""


@contextlib.asynccontextmanager
async def stores(
    server: EmbeddedServer, kind: type[RedisTaskStore], **named: Any
) -> AsyncIterator[tuple[RedisTaskStore, RedisTaskStore]]:
    """A store on a server as it is, and one of another kind, or by another user."""
    async with (
        RedisTaskStore(connect(server.url), prefix="faults") as direct,
        kind(connect(server.url, **named), prefix="faults") as other,
    ):
        yield direct, other


def sites(text: str) -> list[str]:
    """The line of each command in a script."""
    return [line.strip() for line in text.splitlines() for _ in COMMAND.finditer(line)]


def numbered(script: Script) -> Script:
    """The script, in which the command whose turn it is fails; it says which it came to."""
    lines = sites(script.text)
    at = iter(range(len(lines)))
    fault = {"call": "error", "pcall": "function(reply) return reply end"}

    def number(found: re.Match[str]) -> str:
        return f"runs(redis.{found[1]}, {fault[found[1]]}, [=[{lines[next(at)]}]=], "

    text = NUMBERING + COMMAND.sub(number, script.text)
    return replace(script, text=text, digest=sha1(text.encode(), usedforsecurity=False).hexdigest())


class Numbered(RedisTaskStore):
    async def _run(self, script: Script, *arguments: Any, **named: Any) -> Any:
        return await super()._run(numbered(script), *arguments, **named)


def test_what_is_said_of_a_failed_command_is_what_happened(server: EmbeddedServer, client: Any) -> None:
    async def run() -> None:
        async with stores(server, Numbered) as (direct, failing):
            for name, scene in SCENES.items():
                for number in count(1):
                    outcome, fault = await wrong_about(
                        name, client, direct, failing, partial(client.set, "fails", number)
                    )
                    ran.update(line.decode() for line in client.smembers("ran"))
                    line = (client.get("failed") or b"").decode()
                    if not line:
                        assert not fault, (name, number)
                        break
                    failed.add(line)
                    if line == ASKED_POLITELY:
                        assert isinstance(outcome, scene.comes), (name, number)
                    elif fault or not isinstance(outcome, StoreUnavailable):
                        wrong.append(f"{name}, command {number}, {line}: {fault or outcome!r}")

    ran: set[str] = set()
    failed: set[str] = set()
    wrong: list[str] = []
    asyncio.run(run())
    assert not wrong
    every = {line for text in LUA for line in sites(text)}
    assert ran == every
    assert failed == every - UNDOING


COMMANDS = sorted({name for text in LUA for name in re.findall(r"(?:redis\.p?call\(|{)'([A-Z]+)'", text)})
"""Every command of the scripts."""
ASKED_BY_STORE = ["EVAL", "EVALSHA", "PING", "SCAN"]


@pytest.mark.parametrize("command", [*COMMANDS, *ASKED_BY_STORE])
def test_what_is_said_of_a_denied_command_is_what_happened(server: EmbeddedServer, client: Any, command: str) -> None:
    async def run() -> None:
        async with stores(server, RedisTaskStore, username="app", password="word") as (direct, denied):  # noqa: S106  of a private server
            for name, scene in SCENES.items():
                outcome, fault = await wrong_about(name, client, direct, denied, lambda: None, whole=whole)
                is_refused = isinstance(outcome, StoreUnavailable) and outcome.failure_kind is FailureKind.REFUSED
                refused.append(is_refused)
                if command == "INFO":  # a user may lack the right to it
                    assert isinstance(outcome, scene.comes), name
                elif fault or not (is_refused or isinstance(outcome, scene.comes)):
                    wrong.append(f"{name}: {fault or outcome!r}")

    whole = command != "ZREM"  # without it what was entered stays in an index, until a listing comes to it
    refused: list[bool] = []
    wrong: list[str] = []
    client.script_flush()
    client.execute_command("ACL", "SETUSER", "app", "reset", "on", ">word", "~*", "+@all", f"-{command}")
    try:
        asyncio.run(run())
    finally:
        client.execute_command("ACL", "DELUSER", "app")
    assert not wrong
    assert any(refused) is (command != "INFO")


KEYS = [
    *INDEXES,
    *BY_STATUS,
    f"{BASE}:partial",
    *(f"{BASE}:task:{name}" for name in ("job", "new", "task_0", "b", "old0")),
]


@pytest.mark.parametrize("key", KEYS)
def test_what_is_said_where_a_key_is_of_another_type_is_what_happened(
    server: EmbeddedServer, client: Any, key: str
) -> None:
    def spoil() -> None:
        there = client.exists(key)
        if there:
            client.rename(key, "aside")
        client.hset(key, "another", "type")

    def mend() -> None:
        client.delete(key)
        if key.endswith(":partial"):  # what was said in it is lost
            client.set(key, "", px=1_000_000)
        elif client.exists("aside") and ":task:" not in key:
            client.rename("aside", key)

    async def run() -> None:
        async with stores(server, RedisTaskStore) as (direct, store):
            for name in SCENES:
                outcome, fault = await wrong_about(name, client, direct, store, spoil, mend)
                is_unavailable = isinstance(outcome, StoreUnavailable)
                told.append(is_unavailable or isinstance(outcome, RecordUnreadable))
                if fault or (is_unavailable and outcome.failure_kind is not FailureKind.BROKEN):
                    wrong.append(f"{name}: {fault or outcome!r}")

    told: list[bool] = []
    wrong: list[str] = []
    asyncio.run(run())
    assert not wrong
    assert any(told)
