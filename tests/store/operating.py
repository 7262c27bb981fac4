"""What tests of Redis mode share."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import redis

from taskstore import TaskCreateRequest, TaskStatus
from taskstore.redis import RedisTaskStore, connect

BASE = "{taskstore:0/1}"
KEY = f"{BASE}:task:job"
REQUEST = TaskCreateRequest(video_ids=("v1", "视频"), webhook_url="https://x", config={"f": 1.0})
NO_MOMENTS = [
    *(b"", b"x", b"nan", b"inf", b"1e999", b"1e15", b"-5", b"+5", b"0x10", b"1_0", b" 5", b"5 ", b"5.0", b"1\x00"),
    *("\u0661".encode(), b"01", b"8589934592000000", b"9" * 20, b"9" * 5_000),
]
"""Values that `int`, `float` or a Lua number takes, and that are no moments all the same."""
WRITES: dict[str, Callable[[RedisTaskStore], Any]] = {
    "update": lambda store: store.update_task_status("job", TaskStatus.CLIPPING, 30),
    "completion": lambda store: store.update_task_status("job", TaskStatus.COMPLETED),
    "cancel": lambda store: store.cancel_task("job"),
}
"""Of the task `job`."""
_Result = TypeVar("_Result")


def on_store(
    url: str,
    body: Callable[[RedisTaskStore], Awaitable[_Result]],
    prefix: str = "taskstore",
    partitions: int = 1,
    **limits: Any,
) -> _Result:
    """What comes of a body on a store there; `limits` as `connect` takes them."""

    async def run() -> _Result:
        async with RedisTaskStore(connect(url, **limits), prefix=prefix, partitions=partitions) as store:
            return await body(store)

    return asyncio.run(run())


def connections(url: str) -> int:
    """How many connections of stores a server has."""
    with redis.Redis.from_url(url) as client:
        return sum(entry["name"] == "taskstore" for entry in client.client_list())


async def until(condition: Callable[[], Any], seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110  what another process does sets no event
            await asyncio.sleep(0.002)
