"""`conformance compare` of two stores without a harness: what is found out about them, and what is not guessed."""

import json
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar, Union
from uuid import uuid4

import pytest
import redis
import redis.asyncio
from pydantic import BaseModel

from conformance.commands import main
from conformance.files import CommandFailedError
from conformance.infer.opening import ServedStore, modes
from conformance.infer.pair import found_out, harnesses_in
from conformance.operations.operation import Operation
from conformance.process import in_new_process

if TYPE_CHECKING:
    from datetime import timedelta

HERE = __name__
Value = TypeVar("Value")


class Page(BaseModel, Generic[Value]):
    value: Value | None = None


class Undrawn:
    """A class of which no object is needed."""

    def __init__(self, text: str) -> None:
        pytest.fail(text)


class Cache:
    """Methods that cannot be compared, or that tell little."""

    _calls: ClassVar[list[None]] = []

    def wait_for(self, key: Any) -> None:
        time.sleep(60)

    def lock(self) -> Any:
        return threading.Lock()

    def skipped(self, key: Union[Path, CommandFailedError]) -> None: ...  # noqa: UP007  `|` makes a class of it

    def put(self, key: Any, value: Any, ttl: Any = None) -> None: ...

    def calls(self) -> list[None]:
        self._calls.append(None)
        return [*self._calls]

    def save_to(self, file: Any) -> None: ...

    def put_pages(self, pages: Iterable[Union[Page[Any], Undrawn]]) -> None: ...  # noqa: UP007

    def put_all(self, data: Any) -> None:
        for key, value in data.items():
            self.put(key, value)


class MemoryCache(Cache):
    def __init__(self, uri: str | None = None) -> None:
        self._entries: dict[str, Any] = {}

    def put(self, key: Any, value: Any, ttl: Any = None) -> None:
        self._entries[key] = value

    def get(self, key: Any, ttl: Any = None) -> Any:
        return self._entries.get(key)

    def get_all(self, *keys: str) -> list[Any]:
        return [*map(self.get, keys)]


class RedisCache(Cache):
    def __init__(self, host: str = "localhost", port: int = 6379) -> None:
        self._client = redis.Redis(host, port)

    def put(self, key: Any, value: Any, ttl: Any = None) -> None:
        self._client.set(key, json.dumps(value), ex=ttl)

    def get(self, key: Any, ttl: Any = None) -> Any:
        return json.loads(self._client.get(key) or "null")

    get_all = MemoryCache.get_all


class MonotonicCache(MemoryCache):
    """One in which entries end, by a clock that nobody can put forward."""

    def put(self, key: Any, value: Any, ttl: Any = None) -> None:
        self._entries[key] = value, monotonic() + (ttl or 60)

    def get(self, key: Any, ttl: Any = None) -> Any:
        value, end = self._entries.get(key, (None, 0))
        return value if monotonic() < end else None


class MemorySessions:
    """Sessions that live for half an hour after each look at them, in one place for all stores."""

    _sessions: ClassVar[Any] = {}

    def save(self, key: str, value: dict[str, str]) -> None:
        self._sessions[key] = value, time.time() + 1800

    def load(self, key: str) -> Any:
        value, end = self._sessions.get(key, (None, 0))
        if time.time() >= end:
            return None
        self.save(key, value)
        return value


class RedisSessions(RedisCache):
    """The same on a server, where no look prolongs them."""

    load = RedisCache.get

    def save(self, key: str, value: Any) -> None:
        self.put(key, value, 1800)


class MemoryJobs:
    def __init__(self) -> None:
        self._jobs: dict[str, str] = {}

    async def make(self, payload: str) -> str:
        job_id = uuid4().hex
        self._jobs[job_id] = payload
        return job_id

    async def find(self, job_id: str) -> str | None:
        return self._jobs.get(job_id)

    async def finish(self, job_id: str) -> bool:
        return self._jobs.pop(job_id, None) is not None


class RedisJobs:
    """The same on a server, where a job that is not there can be finished."""

    skipped = Cache.skipped

    def __init__(self, client: redis.asyncio.Redis) -> None:
        self._client = client

    async def make(self, payload: str) -> str:
        job_id = uuid4().hex
        await self._client.set(job_id, payload)
        return job_id

    async def find(self, job_id: str) -> str | None:
        found: Any = await self._client.get(job_id)
        return found.decode() if found else None

    async def finish(self, job_id: str) -> bool:
        await self._client.delete(job_id)
        return True

    async def close(self) -> None:
        await self._client.aclose()


class MemoryLimiter:
    def __init__(self) -> None:
        self._hits: dict[str, int] = defaultdict(int)

    def hit(self, user: str, amount: int = 1) -> int:
        self._hits[user] += amount
        return self._hits[user]

    def used(self, user: str) -> int:
        return self._hits[user]


class Forms:
    """Entries with fields, and writes that alone, or with equal arguments, show nothing."""

    def __init__(self) -> None:
        self._forms: dict[str, dict[str, int]] = {}
        self._failures = 0

    def copy(self, name: str, client: str) -> None:
        self._forms[client] = self._forms[name]

    def start(self, name: str) -> None:
        self._failures += 1

    def __len__(self) -> int:
        return self._failures // 3

    def save(self, name: str, data: dict[str, int]) -> None:
        self._forms[name] = data

    def answer(self, name: str, field: str) -> int | None:
        return self._forms.get(name, {}).get(field)


class Leases:
    """What `touch` does is shown only later, and its argument has to be named. A lease does not last for its `age`."""

    def __init__(self) -> None:
        self._ends: dict[str, float] = {}

    def take(self, key: str, age: int, ttl: int) -> None:
        self._ends[key] = time.time() + ttl

    def touch(self, *, key: str, ttl: int) -> bool:
        if is_taken := self.taken(key):
            self.take(key, 0, ttl)
        return is_taken

    def taken(self, key: str, early: "int | timedelta" = 0) -> bool:
        return self._ends.get(key, 0) > time.time()


class Stranger(MemoryLimiter):
    """A store on a server that may be somebody's."""

    def used(self, user: str) -> Any:
        return redis.Redis(port=1).ping()


def found(*makers: Callable[..., Any], skipped: Any = ()) -> tuple[str, dict[str, Operation]]:
    """Return the table of two stores, and their operations as the file of harnesses names them."""
    table, left_out, file = in_new_process(
        found_out, [f"{HERE}:{make.__name__}" for make in makers], skipped, method="fork"
    )
    harness: Any = harnesses_in(file)[0]()
    return "\n".join(table + left_out), {operation.name: operation for operation in harness.operations()}


def test_a_cache_is_found_out() -> None:
    table, operations = found(MemoryCache, RedisCache, skipped=["skipped"])

    assert operations.keys() == {"put", "get", "get_all", "put_all", "put_pages", "calls"}
    assert operations["put"].writes == operations["get"].reads == ("key",)
    assert operations["get_all"].reads == ("keys",)
    assert operations["put_all"].writes == ("data",)
    assert operations["put"].lifetime == "ttl"
    assert "not compared: wait_for: it waits" in table
    assert "not compared: lock: its result cannot be compared" in table
    assert not isinstance(modes((), MemoryCache)[0](), ServedStore)


def test_the_fields_of_an_entry_do_not_name_it_and_a_write_may_show_little() -> None:
    table, operations = found(Forms, Forms)
    assert operations["save"].writes == operations["answer"].reads == ("name",)
    assert table.count(" writes ") == 3


def test_a_method_that_renews_a_lifetime_writes() -> None:
    _, operations = found(Leases, Leases)
    assert operations["taken"].reads == operations["touch"].writes == ("key",)
    assert not operations["touch"].positional
    assert operations["take"].lifetime == "ttl"
    assert "early" in operations["taken"].optional


@pytest.mark.slow  # two comparisons
def test_time_passes_where_a_jump_of_the_clock_does_what_a_wait_does(capsys: pytest.CaptureFixture[str]) -> None:
    names = [f"{HERE}:{make.__name__}" for make in (MemoryCache, RedisCache, MonotonicCache)]
    options = ["--skip=wait_for", "--skip=lock", "--skip=skipped", "--skip=calls"]

    assert main(["compare", *names[:2], *options]) == 1
    assert "put: a lifetime ends at another time" in capsys.readouterr().out

    main(["compare", *names[1:], *options])
    said = capsys.readouterr().out
    assert "not tried: lifetime in MonotonicCache: the harness has no hook advance" in said


def test_a_lifetime_that_no_argument_gives(capsys: pytest.CaptureFixture[str]) -> None:
    _, operations = found(MemorySessions, RedisSessions)
    assert operations["save"].lifetime == 1800
    main(["compare", f"{HERE}:MemorySessions", f"{HERE}:RedisSessions"])
    assert "\nsave, lifetime: 1 line\n" in capsys.readouterr().out, "a look prolongs it in one store only"


def test_ids_of_a_store_are_given_to_its_other_methods(capsys: pytest.CaptureFixture[str]) -> None:
    _, operations = found(MemoryJobs, RedisJobs)
    assert [*operations] == ["make", "find", "finish"]  # the first that writes makes the entries
    assert operations["make"].ids == [operations["make"].writes] == [""]
    assert operations["find"].reads == operations["finish"].writes == ("job_id",)

    assert main(["compare", f"{HERE}:MemoryJobs", f"{HERE}:RedisJobs"]) == 1
    printed = capsys.readouterr().out
    assert "# MemoryJobs: False\n    # RedisJobs: True" in printed
    assert "ud800" not in printed  # no caller passes what cannot be encoded

    assert main(["compare", f"{HERE}:RedisJobs"]) == 6  # a method cannot be called


def test_the_written_harness_compares_as_the_names_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [f"{HERE}:MemoryLimiter", f"{HERE}:MemoryLimiter"]
    status = main(["compare", *names, "--write-harness", str(tmp_path / "limiters.py")])
    assert "hit(user, [amount])  writes  user" in capsys.readouterr().out

    monkeypatch.syspath_prepend(str(tmp_path))
    assert main(["compare", "limiters:FirstMode", "limiters:SecondMode"]) == status != 1


@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        (MemoryLimiter, Undrawn, "requires text: write a function"),
        (
            MemoryLimiter,
            Stranger,
            r"Stranger may connect to .* return Stranger\(\.\.\.\)",
        ),
        (MemoryLimiter, MemoryJobs, "no method can be called on both"),
    ],
)
def test_what_cannot_be_compared_says_why(first: type, second: Callable[..., Any], reason: str) -> None:
    with pytest.raises(CommandFailedError, match=reason):
        found(first, second)
